/* SPDX-License-Identifier: GPL-2.0 */
/*
 * symbol.h - addresses of code as text.
 */
#ifndef KSPAN_SYMBOL_H
#define KSPAN_SYMBOL_H

#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/types.h>

/* Bytes of a text, with its end mark. */
#define KSPAN_SYMBOL_LEN	KSYM_SYMBOL_LEN

bool kspan_symbol(char *text, unsigned long addr);
void kspan_symbol_module_of(char *name, unsigned long addr);

#endif /* KSPAN_SYMBOL_H */
