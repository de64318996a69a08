/* SPDX-License-Identifier: GPL-2.0 */
/*
 * node.h - the NUMA nodes that kspan has structures for: those that have
 * memory when it is loaded.
 *
 * These nodes also serve a node that gets memory later.  A node that loses its
 * memory keeps its structures.  So no other code has to handle nodes that change.
 */
#ifndef KSPAN_NODE_H
#define KSPAN_NODE_H

#include <linux/nodemask.h>
#include <linux/types.h>

/* The nodes, the first of them and their number; set at load. */
extern nodemask_t kspan_nodes;
extern int kspan_first_node;
extern int kspan_nr_nodes;

#define for_each_kspan_node(node) for_each_node_mask(node, kspan_nodes)

/* Whether kspan has structures for @node, which may be any value.  Context: Any. */
static inline bool kspan_has_node(int node)
{
	return node >= 0 && node < MAX_NUMNODES &&
	       node_isset(node, kspan_nodes);
}

void kspan_node_init(void);

#endif /* KSPAN_NODE_H */
