/* SPDX-License-Identifier: GPL-2.0 */
/* client_heap_limit.h - allocations at the limit of a client's heap. */
#ifndef KSPAN_CLIENT_HEAP_LIMIT_H
#define KSPAN_CLIENT_HEAP_LIMIT_H

#include <linux/gfp.h>
#include <linux/types.h>

struct kspan_quota;

bool kspan_client_heap_make_room(struct kspan_quota *quota, size_t size,
				 gfp_t gfp, unsigned int *tries);

#endif /* KSPAN_CLIENT_HEAP_LIMIT_H */
