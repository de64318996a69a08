// SPDX-License-Identifier: GPL-2.0
/*
 * Stubs for the watchers, whose keys are never switched on here, and for
 * reports of unloaded modules and oopses, which the simulated kernel does not
 * have.
 */
#include "api/callsites.h"
#include "api/watch.h"
#include "base/symbol.h"
#include "base/tags.h"
#include "show/oops.h"

bool kspan_callsites_on;
bool kspan_watch_own;

void kspan_callsites_end(void)
{
}

void kspan_callsite_resize(const struct kspan_object *object, size_t size)
{
}

void kspan_watch_alloc(const void *ptr, size_t size, gfp_t gfp, int node,
		       unsigned long ip)
{
}

void kspan_watch_free(const void *ptr, unsigned long ip)
{
}

void kspan_watch_pending(const void *ptr, unsigned long ip)
{
}

void kspan_symbol_module_of(char *name, unsigned long addr)
{
	*name = '\0';
}

void kspan_tags_new_slab(struct page *slab, unsigned int order, gfp_t gfp)
{
}

void kspan_tags_free_slab(struct page *slab, unsigned int order)
{
}

int kspan_oops_init(void)
{
	return 0;
}

void kspan_oops_exit(void)
{
}

struct kspan_guard *kspan_guards;
atomic_t kspan_guard_due;

struct kspan_span *kspan_guard_span(const void *ptr, struct kspan_span *other)
{
	return other;
}

bool kspan_guard_has(const struct kspan_guard *guard, const void *ptr)
{
	return false;
}

void kspan_guard_print(const struct kspan_guard *guard)
{
}

void *kspan_guard_alloc(unsigned int sc, size_t size, bool data, bool zero)
{
	return NULL;
}

void *kspan_guard_alloc_large(unsigned int sc, size_t size, bool data, bool zero)
{
	return NULL;
}

void *kspan_guard_alloc_size(size_t size, bool data, bool zero)
{
	return NULL;
}

bool kspan_guard_free(struct kspan_span *span)
{
	return false;
}

void kspan_guard_count_freed(void)
{
}

void kspan_guard_live(unsigned long *small, unsigned long *large)
{
	*small = 0;
	*large = 0;
}

unsigned long kspan_guard_count(void)
{
	return 0;
}

size_t kspan_guard_free_heap(const struct kspan_heap *h, unsigned long ip)
{
	return 0;
}

int kspan_guard_init(void)
{
	return 0;
}

void kspan_guard_exit(void)
{
}
