// SPDX-License-Identifier: GPL-2.0
// What stays with the kernel, and why.
virtual report

@flag@
identifier f =~ "^(GFP_KERNEL_ACCOUNT|GFP_USER_ACCOUNT|__GFP_ACCOUNT|GFP_DMA|GFP_DMA32|__GFP_DMA|__GFP_DMA32|__GFP_HIGHMEM|GFP_HIGHUSER|SLAB_ACCOUNT|SLAB_CACHE_DMA|SLAB_CACHE_DMA32)$";
position p;
@@
 f@p

@call@
identifier f =~ "^(vmalloc|vzalloc|__vmalloc|vmalloc_node|vzalloc_node|vmalloc_user|vmalloc_32|vmalloc_array|vcalloc|alloc_page|alloc_pages|__get_free_page|__get_free_pages|get_zeroed_page|alloc_percpu|alloc_percpu_gfp|__alloc_percpu|__alloc_percpu_gfp|dma_alloc_coherent|dma_pool_alloc|kstrdup_const|kvasprintf_const|kmalloc_nolock|alloc_skb|netdev_alloc_skb|alloc_netdev_mqs|alloc_netdev|alloc_etherdev)$";
position p;
@@
 f@p(...)

@managed@
identifier f =~ "^devm_k";
position p;
@@
 f@p(...)

@script:python@
f << flag.f;
p << flag.p;
@@
if "ACCOUNT" in f:
    why = "charged to a memory cgroup"
elif f.startswith("SLAB"):
    why = "memory for DMA"
else:
    why = "a zone of memory"
print(f"{p[0].file}:{p[0].line}: {f}: {why}")

@script:python@
f << call.f;
p << call.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}()")

@script:python@
f << managed.f;
p << managed.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}(): freed by the driver core; devm_kspan_alloc() is kspan's")
