// SPDX-License-Identifier: GPL-2.0
// Memory that other code will free by the kernel's kfree(), and caches that
// other code allocates from.
virtual report

@field@
expression e, x;
identifier f =~ "^(kmem_cachep|driver_override|transfer_flags)$";
position p;
@@
(
 e->f@p = x
|
 e.f@p = x
|
 e->f@p |= URB_FREE_BUFFER
)

@init@
identifier f =~ "^kmem_cachep$";
identifier s, v;
expression x;
position p;
@@
 struct s v = { .f@p = x, };

@duplicate@
expression e;
identifier f =~ "^(source|driver_override|name)$";
identifier g =~ "^(kstrdup|kasprintf|kstrndup|kmemdup_nul|kmalloc|kzalloc)$";
position p;
@@
 e->f@p = g(...)

@released@
identifier f =~ "^(seq_release_private|kfree_link|simple_attr_release)$";
position p;
@@
 f@p

@given@
identifier f =~ "^(build_skb|__build_skb|napi_build_skb|slab_build_skb|crypto_spawn_alg_free|kobject_set_name_vargs|of_add_property|platform_device_put|posix_acl_release|kfree_skb_partial)$";
position p;
@@
 f@p(...)

@script:python@
f << field.f;
p << field.p;
@@
if f != "transfer_flags":
    print(f"{p[0].file}:{p[0].line}: a value for .{f}, which the kernel frees or allocates from")
else:
    print(f"{p[0].file}:{p[0].line}: URB_FREE_BUFFER")

@script:python@
f << init.f;
p << init.p;
@@
print(f"{p[0].file}:{p[0].line}: a value for .{f}, which the kernel allocates from")

@script:python@
f << duplicate.f;
g << duplicate.g;
p << duplicate.p;
@@
print(f"{p[0].file}:{p[0].line}: {g}() for ->{f}: who frees it?")

@script:python@
f << released.f;
p << released.p;
@@
if f == "seq_release_private":
    print(f"{p[0].file}:{p[0].line}: {f}(), which frees ->private by kfree()")

@script:python@
f << given.f;
p << given.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}()")
