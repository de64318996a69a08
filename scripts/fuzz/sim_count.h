/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's functions that the linker redirects to the simulation.
 */
#ifndef SIM_COUNT_H
#define SIM_COUNT_H

#include "central/central.h"

unsigned int __real_kspan_central_fill(int node, unsigned int sc,
				       struct kspan_slot *slots,
				       unsigned int want);
void __real_kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
				unsigned int nr);
unsigned int __wrap_kspan_central_fill(int node, unsigned int sc,
				       struct kspan_slot *slots,
				       unsigned int want);
void __wrap_kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
				unsigned int nr);

#endif /* SIM_COUNT_H */
