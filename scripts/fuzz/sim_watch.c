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
