// SPDX-License-Identifier: GPL-2.0
/*
 * Use of objects: copies to and from user space, which the kernel checks
 * differently for vmalloc memory, and reads scattered over much memory, which
 * cause TLB misses.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "bench.h"

/* The task that loads the module lends its address space and a page of it. */
static struct mm_struct *user_mm;
static unsigned long user_page;

/* Borrow user space.  Context: module load. */
void bench_copy_prepare(void)
{
	unsigned long addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (IS_ERR_VALUE(addr))
		return;
	user_page = addr;
	user_mm = current->mm;
	mmget(user_mm);
}

/* Give it back.  Context: module load. */
void bench_copy_finish(void)
{
	if (!user_mm)
		return;
	vm_munmap(user_page, PAGE_SIZE);
	mmput(user_mm);
	user_mm = NULL;
}

static u64 copy_loop(const struct bench_args *args, void *ptr)
{
	void __user *user = (void __user *)user_page;
	unsigned int i, loops = args->loops;
	size_t size = args->size;
	u64 start = bench_now();

	for (i = 0; i < loops; i++)
		if (copy_to_user(user, ptr, size) ||
		    copy_from_user(ptr, user, size))
			return BENCH_FAILED;
	return bench_now() - start;
}

static u64 exact_loop(const struct bench_args *args, void *ptr)
{
	void __user *user = (void __user *)user_page;
	unsigned int i, loops = args->loops;
	size_t size = args->size;
	u64 start = bench_now();

	for (i = 0; i < loops; i++)
		if (kspan_copy_to_user(user, ptr, size) ||
		    kspan_copy_from_user(ptr, user, size))
			return BENCH_FAILED;
	return bench_now() - start;
}

/* With a check of the object's bounds, as the kernel does for slab objects. */
static u64 exact_kspan(const struct bench_args *args)
{
	void *ptr = kspan_zalloc(args->size, GFP_KERNEL);
	u64 took = ptr ? exact_loop(args, ptr) : BENCH_FAILED;

	kspan_free(ptr);
	return took;
}

static u64 copy_kspan(const struct bench_args *args)
{
	void *ptr = kspan_zalloc(args->size, GFP_KERNEL);
	u64 took = ptr ? copy_loop(args, ptr) : BENCH_FAILED;

	kspan_free(ptr);
	return took;
}

static u64 copy_slab(const struct bench_args *args)
{
	void *ptr = kzalloc(args->size, GFP_KERNEL);
	u64 took = ptr ? copy_loop(args, ptr) : BENCH_FAILED;

	kfree(ptr);
	return took;
}

static void copy_rows(void)
{
	static const unsigned int sizes[] = { 64, 1024, 4096 };
	struct bench_args args = { .loops = bench_loops(4) };
	unsigned int i;
	char name[32];

	if (!user_mm)
		return;
	kthread_use_mm(user_mm);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		args.size = sizes[i];
		snprintf(name, sizeof(name), "usercopy-%u", sizes[i]);
		bench_row(name, copy_kspan, copy_slab, &args);
		snprintf(name, sizeof(name), "usercopy-exact-%u", sizes[i]);
		bench_row(name, exact_kspan, copy_slab, &args);
	}
	kthread_unuse_mm(user_mm);
}

/* Objects of each side; each holds the address of the next, in random order. */
static void **kspan_chain, **slab_chain;

static u64 walk(const struct bench_args *args, void **chain)
{
	unsigned int i, loops = args->loops;
	u64 start = bench_now();

	for (i = 0; i < loops; i++)
		chain = READ_ONCE(*chain);
	return chain ? bench_now() - start : BENCH_FAILED;
}

static u64 walk_kspan(const struct bench_args *args)
{
	return walk(args, kspan_chain);
}

static u64 walk_slab(const struct bench_args *args)
{
	return walk(args, slab_chain);
}

/* Link @objs into a ring in random order.  Return: its first object. */
static void **make_ring(void **objs, unsigned int nr)
{
	unsigned int i, at;
	u64 random = 3;

	for (i = nr; i > 1; i--) {
		at = bench_below(&random, i);
		swap(objs[i - 1], objs[at]);
	}
	for (i = 0; i < nr; i++)
		*(void **)objs[i] = objs[(i + 1) % nr];
	return objs[0];
}

static void read_row(size_t size, unsigned int nr, void **kspan_objs,
		     void **slab_objs)
{
	struct bench_args args = { .loops = bench_loops(1) };
	bool full = true;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		kspan_objs[i] = kspan_alloc(size, GFP_KERNEL | __GFP_NOWARN);
		slab_objs[i] = kmalloc(size, GFP_KERNEL | __GFP_NOWARN);
		full &= kspan_objs[i] && slab_objs[i];
	}
	if (full) {
		kspan_chain = make_ring(kspan_objs, nr);
		slab_chain = make_ring(slab_objs, nr);
		bench_row("read-64m", walk_kspan, walk_slab, &args);
	}
	for (i = 0; i < nr; i++) {
		kspan_free(kspan_objs[i]);
		kfree(slab_objs[i]);
	}
}

/* Rows for using objects.  Return: 0 or -ENOMEM. */
int bench_copies(void)
{
	const size_t size = SZ_1K;
	unsigned int nr = SZ_64M / size;
	void **kspan_objs, **slab_objs;
	int err = -ENOMEM;

	copy_rows();
	if (!bench_wanted("read-64m"))
		return 0;
	kspan_objs = kvmalloc_array(nr, sizeof(*kspan_objs), GFP_KERNEL);
	slab_objs = kvmalloc_array(nr, sizeof(*slab_objs), GFP_KERNEL);
	if (kspan_objs && slab_objs) {
		read_row(size, nr, kspan_objs, slab_objs);
		err = 0;
	}
	kvfree(slab_objs);
	kvfree(kspan_objs);
	return err;
}
