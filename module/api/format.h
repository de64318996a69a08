/* SPDX-License-Identifier: GPL-2.0 */
/* format.h - the two steps of formatting a string into an object. */
#ifndef KSPAN_FORMAT_H
#define KSPAN_FORMAT_H

#include <linux/compiler.h>
#include <linux/stdarg.h>

int kspan_format_len(const char *fmt, va_list args) __printf(1, 0);
void kspan_format(char *text, int len, const char *fmt, va_list args)
	__printf(3, 0);

#endif /* KSPAN_FORMAT_H */
