// SPDX-License-Identifier: GPL-2.0
/*
 * The nodes that kspan has structures for.  See node.h.
 */
#include <linux/cache.h>

#include "base/node.h"

nodemask_t kspan_nodes __ro_after_init;
int kspan_first_node __ro_after_init;
int kspan_nr_nodes __ro_after_init;

/* Record which nodes have memory.  Context: module load, before all else. */
void kspan_node_init(void)
{
	kspan_nodes = node_states[N_MEMORY];
	kspan_first_node = first_node(kspan_nodes);
	kspan_nr_nodes = nodes_weight(kspan_nodes);
}
