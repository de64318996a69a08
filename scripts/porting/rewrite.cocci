// SPDX-License-Identifier: GPL-2.0
// From slab.h to kspan.h by name.  kfree() becomes kspan_free_any(), which also
// frees what other code has allocated.
virtual patch

// Requests and caches that have to stay the kernel's keep their names.
@stays@
expression size;
identifier f =~ "^k[mzc]alloc";
identifier flag =~ "ACCOUNT$|^GFP_DMA|^__GFP_DMA";
position p;
@@
 f@p(size, <+... flag ...+>)

@kept_cache@
expression e;
identifier f =~ "^(kmem_cache_create|kmem_cache_create_usercopy|KMEM_CACHE)$";
identifier flag =~ "^SLAB_(ACCOUNT|CACHE_DMA|CACHE_DMA32)$";
@@
 e = f(..., <+... flag ...+>, ...)

@two_arguments@
expression size, gfp;
position p != stays.p;
@@
(
-kmalloc@p(size, gfp)
+kspan_alloc(size, gfp)
|
-kzalloc@p(size, gfp)
+kspan_zalloc(size, gfp)
|
-kvmalloc@p(size, gfp)
+kspan_alloc(size, gfp)
|
-kvzalloc@p(size, gfp)
+kspan_zalloc(size, gfp)
)

@more_arguments@
expression a, b, c, d;
@@
(
-kmalloc_array(a, b, c)
+kspan_alloc_array(a, b, c)
|
-kcalloc(a, b, c)
+kspan_calloc(a, b, c)
|
-kvmalloc_array(a, b, c)
+kspan_alloc_array(a, b, c)
|
-kvcalloc(a, b, c)
+kspan_calloc(a, b, c)
|
-kmalloc_node(a, b, c)
+kspan_alloc_node(a, b, c)
|
-kzalloc_node(a, b, c)
+kspan_zalloc_node(a, b, c)
|
-krealloc(a, b, c)
+kspan_realloc_any(a, b, c)
|
-krealloc_array(a, b, c, d)
+kspan_realloc_array(a, b, c, d)
|
-kmemdup(a, b, c)
+kspan_memdup(a, b, c)
|
-kmemdup_nul(a, b, c)
+kspan_memdup_nul(a, b, c)
|
-kstrdup(a, b)
+kspan_strdup(a, b)
|
-kstrndup(a, b, c)
+kspan_strndup(a, b, c)
|
-memdup_user(a, b)
+kspan_memdup_user(a, b)
|
-memdup_user_nul(a, b)
+kspan_memdup_user_nul(a, b)
|
-strndup_user(a, b)
+kspan_strndup_user(a, b)
|
-kvasprintf(a, b, c)
+kspan_vasprintf(a, b, c)
)

@formatted@
@@
-kasprintf
+kspan_asprintf
 (...)

@freed@
expression p;
@@
(
-kfree(p)
+kspan_free_any(p)
|
-kvfree(p)
+kspan_free_any(p)
|
-kfree_sensitive(p)
+kspan_free_sensitive(p)
|
-ksize(p)
+kspan_size_any(p)
|
-kmalloc_size_roundup(p)
+kspan_size_roundup(p)
)

@later@
expression p;
identifier head;
@@
(
-kfree_rcu(p, head)
+kspan_free_rcu(p, head)
|
-kvfree_rcu(p, head)
+kspan_free_rcu(p, head)
|
-kfree_rcu_mightsleep(p)
+kspan_free_rcu_mightsleep(p)
)

@devices@
expression dev, a, b;
@@
(
-devm_kmalloc(dev, a, b)
+devm_kspan_alloc(dev, a, b)
|
-devm_kzalloc(dev, a, b)
+devm_kspan_zalloc(dev, a, b)
|
-devm_kfree(dev, a)
+devm_kspan_free(dev, a)
)

// Caches, unless one of this file has to stay.
@cache_type depends on !kept_cache@
@@
-struct kmem_cache
+struct kspan_cache
 *

@caches depends on !kept_cache@
expression s, gfp, a, b, c, d, e, f;
@@
(
-kmem_cache_create(a, b, c, d, e)
+kspan_cache_create(a, b, c, d, e)
|
-kmem_cache_destroy(s)
+kspan_cache_destroy(s)
|
-kmem_cache_alloc(s, gfp)
+kspan_cache_alloc(s, gfp)
|
-kmem_cache_zalloc(s, gfp)
+kspan_cache_zalloc(s, gfp)
|
-kmem_cache_alloc_node(s, gfp, a)
+kspan_cache_alloc_node(s, gfp, a)
|
-kmem_cache_free(s, a)
+kspan_cache_free(s, a)
|
-kmem_cache_alloc_bulk(s, gfp, a, b)
+kspan_cache_alloc_bulk(s, gfp, a, b)
|
-kmem_cache_free_bulk(s, a, b)
+kspan_cache_free_bulk(s, a, b)
|
-kmem_cache_size(s)
+kspan_cache_size(s)
|
-kmem_cache_create_usercopy(a, b, c, d, e, f, s)
+kspan_cache_create(a, b, c, d, s)
)

@cache_of_type depends on !kept_cache@
identifier t;
expression flags;
position p;
@@
 KMEM_CACHE@p(t, flags)

@script:python named@
t << cache_of_type.t;
quoted;
@@
coccinelle.quoted = cocci.make_expr(f'"{t}"')

@depends on named@
identifier cache_of_type.t;
expression cache_of_type.flags, named.quoted;
position cache_of_type.p;
@@
-KMEM_CACHE@p(t, flags)
+kspan_cache_create(quoted, sizeof(struct t), __alignof__(struct t), flags, NULL)

@header@
@@
 #include <linux/slab.h>
+#include <linux/kspan.h>
