// SPDX-License-Identifier: GPL-2.0
/*
 * Variables by which the layers below the scavenger know whether its tick runs
 * and whether memory may be idle.
 */
#include "base/tick.h"

/* True until the scavenger exists, so that no code wakes it before. */
bool kspan_tick_runs = true;
void (*kspan_tick_wake)(void);

unsigned long kspan_idle_state = KSPAN_IDLE_UNKNOWN;
