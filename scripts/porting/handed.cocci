// SPDX-License-Identifier: GPL-2.0
// Memory that other code will free by the kernel's kfree(), and caches that
// other code allocates from.
virtual report

@stored@
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

@filled@
identifier f =~ "^kmem_cachep$";
identifier s, v;
expression x;
position p;
@@
 struct s v = { .f@p = x, };

@copied@
expression e;
identifier f =~ "^(source|driver_override)$";
identifier g =~ "^(kstrdup|kasprintf|kstrndup|kmemdup_nul|kmalloc|kzalloc)$";
position p;
@@
 e->f@p = g(...)

@gone@
identifier f =~ "^(seq_release_private|kfree_link|simple_attr_release)$";
position p;
@@
 f@p

@passed@
identifier f =~ "^(build_skb|__build_skb|napi_build_skb|slab_build_skb|crypto_spawn_alg_free|kobject_set_name_vargs|of_add_property|platform_device_put|posix_acl_release|kfree_skb_partial)$";
position p;
@@
 f@p(...)

@script:python@
f << stored.f;
p << stored.p;
@@
if f != "transfer_flags":
    print(f"{p[0].file}:{p[0].line}: a value for .{f}, which the kernel frees or allocates from")
else:
    print(f"{p[0].file}:{p[0].line}: URB_FREE_BUFFER")

@script:python@
f << filled.f;
p << filled.p;
@@
print(f"{p[0].file}:{p[0].line}: a value for .{f}, which the kernel allocates from")

@script:python@
f << copied.f;
g << copied.g;
p << copied.p;
@@
print(f"{p[0].file}:{p[0].line}: {g}() for ->{f}: who frees it?")

@script:python@
f << gone.f;
p << gone.p;
@@
if f == "seq_release_private":
    print(f"{p[0].file}:{p[0].line}: {f}(), which frees ->private by kfree()")

@script:python@
f << passed.f;
p << passed.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}()")
