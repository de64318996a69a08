/* SPDX-License-Identifier: GPL-2.0 */
/* verify.h - verification of every structure. */
#ifndef KSPAN_VERIFY_H
#define KSPAN_VERIFY_H

const char *kspan_verify(void);

#endif /* KSPAN_VERIFY_H */
