/* SPDX-License-Identifier: GPL-2.0 */
/* describe.h - descriptions of addresses in words. */
#ifndef KSPAN_DESCRIBE_H
#define KSPAN_DESCRIBE_H

#include <linux/types.h>

/* Bytes of the longest description, with the terminating 0. */
#define KSPAN_DESCRIPTION_LEN	320

bool kspan_describe_text(char *text, const void *ptr, unsigned long *first);
void kspan_describe_more(const void *ptr);
bool kspan_describe_safely(char *text, const void *ptr, unsigned long *first);

#endif /* KSPAN_DESCRIBE_H */
