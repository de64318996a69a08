/* SPDX-License-Identifier: GPL-2.0 */
/*
 * redzone.h - check=2: redzones behind live objects, and poison in free ones.
 *
 * A static key, which a load with check=2 turns on, guards all of this.  Nothing
 * of it is on a fast path: with check=2 the fast paths find no magazine and no
 * LIVE object.
 */
#ifndef KSPAN_REDZONE_H
#define KSPAN_REDZONE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/types.h>

#include "span/span.h"

/* Minimal size of a redzone in bytes: a store of a word behind the object hits it. */
#define KSPAN_REDZONE_MIN	8U

DECLARE_STATIC_KEY_FALSE(kspan_redzone_key);

/*
 * Requested bytes of all small objects ever allocated, and ever freed.  A resize
 * adds the difference to one of them.
 */
extern atomic64_t kspan_redzone_alloc_bytes;
extern atomic64_t kspan_redzone_free_bytes;

/* Whether check=2. */
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

/* Bytes of an object that its owner may use. */
static inline size_t kspan_usable_size(const struct kspan_span *span,
				       const void *ptr)
{
	return kspan_redzone_on() ? kspan_redzone_asked(span, ptr) :
				    kspan_span_size(span);
}

#endif /* KSPAN_REDZONE_H */
