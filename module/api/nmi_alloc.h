/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nmi_alloc.h - allocation in NMI.
 */
#ifndef KSPAN_NMI_ALLOC_H
#define KSPAN_NMI_ALLOC_H

#include <linux/gfp.h>
#include <linux/types.h>

void *kspan_nmi_alloc(unsigned int sc, gfp_t gfp);
void kspan_nmi_settle(void);
int kspan_nmi_init(void);
void kspan_nmi_exit(void);

#endif /* KSPAN_NMI_ALLOC_H */
