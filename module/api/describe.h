/* SPDX-License-Identifier: GPL-2.0 */
/*
 * describe.h - what kspan knows of an address, in words.
 */
#ifndef KSPAN_DESCRIBE_H
#define KSPAN_DESCRIBE_H

#include <linux/types.h>

/* Bytes that a description needs, with its end mark. */
#define KSPAN_DESCRIPTION_LEN	320

bool kspan_describe_text(char *text, const void *ptr, unsigned long *first);
bool kspan_describe_safely(char *text, const void *ptr, unsigned long *first);

#endif /* KSPAN_DESCRIBE_H */
