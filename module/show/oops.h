/* SPDX-License-Identifier: GPL-2.0 */
/* oops.h - descriptions of kspan's memory in the kernel's report of an oops. */
#ifndef KSPAN_OOPS_H
#define KSPAN_OOPS_H

struct pt_regs;

unsigned int kspan_oops_report(unsigned long addr, const struct pt_regs *regs);
int kspan_oops_init(void);
void kspan_oops_exit(void);

#endif /* KSPAN_OOPS_H */
