// SPDX-License-Identifier: GPL-2.0
/*
 * Span classes: the table of the dynamic ones.
 */
#include <linux/errno.h>
#include <linux/mutex.h>

#include "base/meta.h"
#include "base/spanclass.h"

#define BLOCK_BYTES	(KSPAN_SC_BLOCK * sizeof(struct kspan_span_class *))

struct kspan_span_class **kspan_sc_blocks[KSPAN_SC_BLOCKS];
unsigned int kspan_sc_end = KSPAN_NR_SC;

/* Guards what is written to the table. */
static DEFINE_MUTEX(sc_mutex);

/* The place of a number in the table, NULL without memory for its block. */
static struct kspan_span_class **place_of(unsigned int sc)
{
	struct kspan_span_class **block = kspan_sc_blocks[sc / KSPAN_SC_BLOCK];

	if (!block) {
		block = kspan_meta_alloc(BLOCK_BYTES, KSPAN_SYS_OTHER,
					 GFP_KERNEL);
		if (!block)
			return NULL;
		/* Readers depend on the pointer for what is in the block. */
		smp_store_release(&kspan_sc_blocks[sc / KSPAN_SC_BLOCK], block);
	}
	return &block[sc % KSPAN_SC_BLOCK];
}

/**
 * kspan_sc_publish - give a span class a number
 * @class: complete but for its number
 *
 * Context: Process context that may sleep.
 * Return: 0; -ENOMEM; -ENOSPC if all numbers are taken.
 */
int kspan_sc_publish(struct kspan_span_class *class)
{
	struct kspan_span_class **place;
	unsigned int sc;
	int err = -ENOSPC;

	mutex_lock(&sc_mutex);
	for (sc = KSPAN_NR_SC; sc <= KSPAN_SC_MAX; sc++) {
		place = place_of(sc);
		if (!place) {
			err = -ENOMEM;
			break;
		}
		if (*place)
			continue;
		class->sc = sc;
		if (!class->cpu)
			class->index = KSPAN_F_INDEX(0);
		/* Readers depend on the pointer for what it leads to. */
		smp_store_release(place, class);
		if (sc >= kspan_sc_end)
			WRITE_ONCE(kspan_sc_end, sc + 1);
		err = 0;
		break;
	}
	mutex_unlock(&sc_mutex);
	return err;
}

/**
 * kspan_sc_withdraw - take a span class out of the table
 * @class: one without spans
 *
 * Waits until nobody uses it any more.
 *
 * Context: Process context that may sleep.
 */
void kspan_sc_withdraw(struct kspan_span_class *class)
{
	mutex_lock(&sc_mutex);
	WRITE_ONCE(*place_of(class->sc), NULL);
	mutex_unlock(&sc_mutex);
	synchronize_rcu();
}

/* Context: module load. */
int kspan_sc_init(void)
{
	return 0;
}

/* Free the table.  Context: module unload; no dynamic span class is left. */
void kspan_sc_exit(void)
{
	unsigned int i;

	for (i = 0; i < KSPAN_SC_BLOCKS; i++) {
		if (kspan_sc_blocks[i])
			kspan_meta_free(kspan_sc_blocks[i], BLOCK_BYTES,
					KSPAN_SYS_OTHER);
		kspan_sc_blocks[i] = NULL;
	}
	kspan_sc_end = KSPAN_NR_SC;
}
