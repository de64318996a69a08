// SPDX-License-Identifier: GPL-2.0
/// Memory goes back to the allocator it came from.  vfree() and kfree_rcu() of
/// a kspan object would free the whole chunk it lies in.
// Options: --no-includes --include-headers

virtual report

@ours exists@
expression x, y;
identifier alloc =~ "^kspan_(z?alloc(_node|_aligned|_data|_tiny|_array)?|calloc|realloc(_array)?|memdup|strn?dup)$";
identifier free =~ "^(k(v|z)?free(_sensitive|_rcu|_const)?|vfree|devm_kfree)$";
position p;
@@

x = alloc(...)
... when != x = y
free@p(x, ...)

@script:python depends on report@
p << ours.p;
alloc << ours.alloc;
free << ours.free;
@@

coccilib.report.print_report(p[0], f"{free}() of memory from {alloc}()")

@theirs exists@
expression x, y;
identifier alloc =~ "^(k[vmzc]*alloc(_array|_node)?|kv?realloc|kmemdup|kstrn?dup|v[mz]alloc)$";
identifier free =~ "^kspan_free(_sized|_sensitive)?$";
position p;
@@

x = alloc(...)
... when != x = y
free@p(x, ...)

@script:python depends on report@
p << theirs.p;
alloc << theirs.alloc;
free << theirs.free;
@@

coccilib.report.print_report(p[0], f"{free}() of memory from {alloc}()")
