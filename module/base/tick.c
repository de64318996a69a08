// SPDX-License-Identifier: GPL-2.0
/*
 * Whether the scavenger's tick runs, and whether memory may be idle, for the layers
 * below the scavenger.
 */
#include "base/tick.h"

/* Until the scavenger is there, nobody needs to wake it. */
bool kspan_tick_runs = true;
void (*kspan_tick_wake)(void);

unsigned long kspan_idle_state = KSPAN_IDLE_UNKNOWN;
