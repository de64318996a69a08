/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mm.h - the kernel's memory functions; see sim_memory.c.
 */
#ifndef SIM_MM_H
#define SIM_MM_H

#include <string.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_OFFSET		PAGE_SIZE
#define virt_addr_valid(ptr)	((ptr) != NULL)
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define PMD_SIZE		SZ_2M
#define PAGE_KERNEL		0
#define VM_MAP			0
#define VM_MAP_PUT_PAGES	1
#define MAX_PAGE_ORDER		10

#define __GFP_DMA		0x01U
#define __GFP_HIGHMEM		0x02U
#define __GFP_DMA32		0x04U
#define __GFP_MOVABLE		0x08U
#define __GFP_RECLAIMABLE	0x10U
#define __GFP_HIGH		0x20U
#define __GFP_IO		0x40U
#define __GFP_FS		0x80U
#define __GFP_ZERO		0x100U
#define __GFP_DIRECT_RECLAIM	0x400U
#define __GFP_KSWAPD_RECLAIM	0x800U
#define __GFP_NOWARN		0x2000U
#define __GFP_RETRY_MAYFAIL	0x4000U
#define __GFP_NOFAIL		0x8000U
#define __GFP_NORETRY		0x10000U
#define __GFP_MEMALLOC		0x20000U
#define __GFP_NOMEMALLOC	0x80000U
#define __GFP_THISNODE		0x200000U
#define __GFP_ACCOUNT		0x400000U
#define __GFP_RECLAIM		(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define GFP_ATOMIC		(__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_NOWAIT		(__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO		__GFP_RECLAIM
#define GFP_NOFS		(__GFP_RECLAIM | __GFP_IO)
#define GFP_KERNEL		(__GFP_RECLAIM | __GFP_IO | __GFP_FS)

#define ZERO_SIZE_PTR		((void *)16)

/* Flags of a slab cache. */
#define SLAB_CONSISTENCY_CHECKS	0x0100U
#define SLAB_RED_ZONE		0x0400U
#define SLAB_POISON		0x0800U
#define SLAB_HWCACHE_ALIGN	0x2000U
#define SLAB_CACHE_DMA		0x4000U
#define SLAB_CACHE_DMA32	0x8000U
#define SLAB_STORE_USER		0x10000U
#define SLAB_RECLAIM_ACCOUNT	0x20000U
#define SLAB_PANIC		0x40000U
#define SLAB_TYPESAFE_BY_RCU	0x80000U
#define SLAB_TRACE		0x200000U
#define SLAB_NOLEAKTRACE	0x800000U
#define SLAB_ACCOUNT		0x4000000U
#define ZERO_OR_NULL_PTR(ptr)	((unsigned long)(ptr) <= 16)

/* Boot parameters of the kernel. */
extern bool sim_init_on_alloc;
extern bool sim_init_on_free;

static inline bool want_init_on_alloc(gfp_t gfp)
{
	return sim_init_on_alloc || (gfp & __GFP_ZERO);
}

static inline bool want_init_on_free(void)
{
	return sim_init_on_free;
}

static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM;
}

#define might_alloc(gfp) do { \
	if (gfpflags_allow_blocking(gfp)) \
		might_sleep(); \
} while (0)
#define current_gfp_context(gfp) (gfp)
#define memalloc_noio_save()	0U
#define memalloc_nofs_save()	0U
#define memalloc_noio_restore(flags) ((void)(flags))
#define memalloc_nofs_restore(flags) ((void)(flags))
#define memalloc_noreclaim_save() 0U
#define memalloc_noreclaim_restore(flags) ((void)(flags))
#define PF_MEMALLOC		1U

struct page {
	struct list_head lru;
	struct list_head all;	/* sim_memory.c */
	void *mem;
	struct page *block;	/* of the first page, once it is split */
	unsigned int order;
	unsigned long private;
	unsigned long index;
	int node;
};

static inline int get_order(unsigned long bytes)
{
	int order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order);
void split_page(struct page *page, unsigned int order);
struct page *virt_to_page(const void *mem);
bool is_vmalloc_addr(const void *mem);
#define __pa(addr)		((unsigned long)(addr))
struct page *alloc_pages(gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);
#define alloc_page(gfp)		alloc_pages(gfp, 0)
#define __free_page(page)	__free_pages(page, 0)
#define page_address(page)	((page)->mem)
#define page_to_nid(page)	((page)->node)
#define page_private(page)	((page)->private)
#define set_page_private(page, value) ((page)->private = (value))

unsigned long totalram_pages(void);
long si_mem_available(void);
enum { NR_SLAB_RECLAIMABLE_B, NR_INACTIVE_ANON, NR_ACTIVE_ANON };
#define get_nr_swap_pages()	0L
#define global_node_page_state(item) global_node_page_state_pages(item)
static inline unsigned long global_node_page_state_pages(int item)
{
	return 0;
}

void *kvzalloc(size_t bytes, gfp_t gfp);
void *kzalloc(size_t bytes, gfp_t gfp);
void *kvmalloc_array(size_t nr, size_t bytes, gfp_t gfp);
void kvfree(const void *mem);
/* No reader runs meanwhile. */
#define kvfree_rcu(mem, member)	kvfree(mem)
#define kmemleak_not_leak(mem)	((void)(mem))
void *kvrealloc(const void *mem, size_t bytes, gfp_t gfp);
void *__vmalloc(unsigned long bytes, gfp_t gfp);
void vfree(const void *mem);
void *vmap(struct page **pages, unsigned int nr, unsigned long flags, int prot);
void vunmap(const void *mem);
struct page *vmalloc_to_page(const void *mem);
#define vmalloc_huge(bytes, gfp) __vmalloc(bytes, gfp)

struct shrink_control {
	unsigned long nr_to_scan;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *self,
				       struct shrink_control *control);
	unsigned long (*scan_objects)(struct shrinker *self,
				      struct shrink_control *control);
};

#define SHRINK_STOP		(~0UL)
#define SHRINK_EMPTY		(~0UL - 1)

struct notifier_block {
	int (*notifier_call)(struct notifier_block *self, unsigned long action,
			     void *data);
};

#define NOTIFY_OK	1

int register_oom_notifier(struct notifier_block *block);
int unregister_oom_notifier(struct notifier_block *block);

struct shrinker *shrinker_alloc(unsigned int flags, const char *name);
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

/* <linux/vmalloc.h>: on 64 bits addresses are plenty. */
#define VMALLOC_TOTAL		(1UL << 45)

/* <linux/kmemleak.h> */
#define kmemleak_alloc(mem, bytes, min_count, gfp) ((void)(gfp))
#define kmemleak_free(mem)	((void)(mem))
#define kmemleak_no_scan(mem)	((void)(mem))
#define kmemleak_ignore(mem)	((void)(mem))

/* <linux/kasan.h>: the compiler's sanitizer keeps its own shadow. */
#define kasan_disable_current()	((void)0)
#define kasan_enable_current()	((void)0)

/*
 * Long fills must run with preemption as it was when kspan was called.  This
 * holds for the sum of many fills as well.
 */
static inline void *sim_fill(void *mem, int byte, size_t bytes)
{
	sim_filled += bytes;
	SIM_CHECK(sim_filled <= SIM_FILL_MAX ||
		  sim_preempt_count == sim_preempt_outside);
	return memset(mem, byte, bytes);
}

/* Nothing outside of the objects can be read. */
static inline long copy_from_kernel_nofault(void *to, const void *from, size_t bytes)
{
	return -1;
}

#define memset sim_fill

#endif /* SIM_MM_H */
