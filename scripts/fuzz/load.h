/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load.h - how the module is loaded and unloaded.
 */
#ifndef FUZZ_LOAD_H
#define FUZZ_LOAD_H

#include <linux/types.h>

#include "base/params.h"

/* Load the module into a rebooted kernel with these parameters. */
int fuzz_load(const struct kspan_params *params);
/* Unload it; @exact: everything has to be the kernel's again. */
void fuzz_unload(bool exact);

/* The structures, by verify.  @spoilt: a write to a free object may be found. */
void fuzz_verify(bool spoilt);

#endif /* FUZZ_LOAD_H */
