/* SPDX-License-Identifier: GPL-2.0 */
/*
 * redzone.h - check=2: known bytes behind live objects and in free ones.
 *
 * Everything here is behind a static key that a load with check=2 turns on,
 * and off the fast paths: with it on they find no magazine and no LIVE object.
 */
#ifndef KSPAN_REDZONE_H
#define KSPAN_REDZONE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/types.h>

#include "span/span.h"

/* Bytes that follow an object at least: a store of a word past it hits them. */
#define KSPAN_REDZONE_MIN	8U

DECLARE_STATIC_KEY_FALSE(kspan_redzone_key);

/*
 * Bytes of small objects as they were asked for, ever allocated and freed; a
 * resize counts its difference as the one or the other.
 */
extern atomic64_t kspan_redzone_alloc_bytes;
extern atomic64_t kspan_redzone_free_bytes;

/* Whether objects are guarded: check=2. */
static __always_inline bool kspan_redzone_on(void)
{
	return static_branch_unlikely(&kspan_redzone_key);
}

void kspan_redzone_init(void);
unsigned int kspan_redzone_class(size_t size, size_t align);
size_t kspan_redzone_asked(const struct kspan_span *span, const void *ptr);
void kspan_redzone_set(struct kspan_span *span, void *ptr, size_t size);
bool kspan_redzone_check(const struct kspan_span *span, const void *ptr);
bool kspan_redzone_check_live(struct kspan_span *span, const void *ptr,
			      u8 *state, u8 live, u8 overrun);
void kspan_redzone_wipe(const struct kspan_span *span, void *ptr);
void kspan_redzone_shrink(struct kspan_span *span, void *ptr, size_t size);
bool kspan_redzone_resize(struct kspan_span *span, void *ptr, size_t size,
			  bool zero);
void kspan_redzone_poison(const struct kspan_span *span, void *ptr);
void kspan_redzone_poison_span(struct kspan_span *span);
bool kspan_redzone_check_poison(const struct kspan_span *span, const void *ptr);
unsigned int kspan_redzone_next_overwritten(const struct kspan_span *span,
					    unsigned int i);

#endif /* KSPAN_REDZONE_H */
