/* SPDX-License-Identifier: GPL-2.0 */
/*
 * request.h - a request for memory, as it goes down to the page heap.
 */
#ifndef KSPAN_REQUEST_H
#define KSPAN_REQUEST_H

#include <linux/gfp.h>
#include <linux/types.h>

/**
 * struct kspan_request - what a caller needs, and how the layers below fared
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN; 0 for that of a page
 * @gfp: flags for the allocation
 * @node: preferred node
 * @zero: whether to zero the object
 * @low: set if a worker should add pages or metadata
 * @err: set to the error if there is no memory
 *
 * It belongs to its caller; no lock.
 */
struct kspan_request {
	size_t size;
	size_t align;
	gfp_t gfp;
	int node;
	bool zero;
	bool low;
	int err;
};

#endif /* KSPAN_REQUEST_H */
