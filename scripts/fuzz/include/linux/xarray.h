/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xarray.h - an array of pairs instead of a tree.
 */
#ifndef SIM_XARRAY_H
#define SIM_XARRAY_H

#include <linux/spinlock.h>
#include <linux/types.h>

#define SIM_XA_MAX		512U
#define XA_FLAGS_LOCK_IRQ	0
#define XA_PRESENT		0

struct xarray {
	unsigned int nr;
	unsigned long index[SIM_XA_MAX];
	void *entry[SIM_XA_MAX];
};

#define DEFINE_XARRAY_FLAGS(name, flags) struct xarray name

static inline void *xa_load(const struct xarray *xa, unsigned long index)
{
	unsigned int i;

	for (i = 0; i < xa->nr; i++)
		if (xa->index[i] == index)
			return xa->entry[i];
	return NULL;
}

#define xa_lock_irqsave(xa, flags) do { (flags) = 0; (void)(xa); } while (0)
#define xa_unlock_irqrestore(xa, flags) ((void)(flags))

static inline int __xa_insert(struct xarray *xa, unsigned long index,
			      void *entry, gfp_t gfp)
{
	if (xa_load(xa, index))
		return -EBUSY;
	if (sim_refused(gfp))
		return -ENOMEM;
	SIM_CHECK(xa->nr < SIM_XA_MAX);
	xa->index[xa->nr] = index;
	xa->entry[xa->nr++] = entry;
	return 0;
}

static inline int xa_insert_irq(struct xarray *xa, unsigned long index,
				void *entry, gfp_t gfp)
{
	might_sleep();
	return __xa_insert(xa, index, entry, gfp);
}

/* The entry with the lowest index between *@index and @max. */
static inline void *xa_find(const struct xarray *xa, unsigned long *index,
			    unsigned long max, unsigned int filter)
{
	unsigned long best = max;
	void *entry = NULL;
	unsigned int i;

	for (i = 0; i < xa->nr; i++) {
		if (xa->index[i] < *index || xa->index[i] > best)
			continue;
		best = xa->index[i];
		entry = xa->entry[i];
	}
	if (entry)
		*index = best;
	return entry;
}

#define xa_for_each(xa, i, entry) \
	for ((i) = 0; ((entry) = xa_find(xa, &(i), ~0UL, XA_PRESENT)); (i)++)

static inline void xa_destroy(struct xarray *xa)
{
	xa->nr = 0;
}

#endif /* SIM_XARRAY_H */
