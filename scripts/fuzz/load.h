/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load.h - load and unload the module.
 */
#ifndef FUZZ_LOAD_H
#define FUZZ_LOAD_H

#include <linux/types.h>

#include "base/params.h"

/* Reboot the kernel and load the module with these parameters. */
int fuzz_load(const struct kspan_params *params);
/* Unload it.  With @exact all memory must have been given back. */
void fuzz_unload(bool exact);

/* Run verify.  With @spoilt it may find a write to a free object. */
void fuzz_verify(bool spoilt);

#endif /* FUZZ_LOAD_H */
