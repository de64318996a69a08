/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nmi_alloc.h - allocation in NMI.
 */
#ifndef KSPAN_NMI_ALLOC_H
#define KSPAN_NMI_ALLOC_H

#include <linux/gfp.h>
#include <linux/types.h>

void *kspan_nmi_alloc(size_t size, size_t align, gfp_t gfp, unsigned int kind);
void kspan_nmi_settle(void);
int kspan_nmi_init(void);
void kspan_nmi_exit(void);

#endif /* KSPAN_NMI_ALLOC_H */
