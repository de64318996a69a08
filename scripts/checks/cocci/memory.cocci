// SPDX-License-Identifier: GPL-2.0
/// All memory that kspan takes from the kernel is counted in one of the
/// *_sys numbers.  Metadata therefore comes from meta.c and pool.c, and the memory
/// of objects from backing.c, with compat.h below it, and guard_pool.c.  They
/// count it.  Exceptions:
/// arena.c counts the one page it maps many times; a read of a debugfs file may
/// hold a buffer while it lasts, as seq_file does; any.c gives memory that is
/// not kspan's back to the kernel; and the moved*.c pass requests of moved
/// modules on to the kernel.
// Directory: module
// Options: --no-includes --include-headers

virtual report

@meta@
identifier fn =~ "^(k[mvzc]*(alloc|realloc)(_array|_node|_objs?)?|kvcalloc|k(mem|str|strn)dup|kv?free(_sensitive|_rcu)?|kmem_cache_.*|(__)?alloc_pages?(_node|_exact)?|(__)?free_pages(_exact)?|__free_page|__get_free_pages?|get_zeroed_page)$";
position p : script:python() { not p[0].file.endswith(("/meta.c", "/pool.c", "/guard_pool.c", "/arena.c", "/backing.c", "/any.c", "/compat.h")) and "/debugfs" not in p[0].file and "/moved" not in p[0].file };
@@

fn@p(...)

@script:python depends on report@
p << meta.p;
fn << meta.fn;
@@

coccilib.report.print_report(p[0], f"{fn}() outside meta.c: memory that no statistics line counts")

@region@
identifier fn =~ "^(__)?v[mz]alloc(_node|_huge|_user|_32)?(_noprof)?$";
position p : script:python() { not p[0].file.endswith("/compat.h") };
@@

fn@p(...)

@script:python depends on report@
p << region.p;
fn << region.fn;
@@

coccilib.report.print_report(p[0], f"{fn}() outside compat.h: use kspan_vmalloc()")

@giveback@
position p : script:python() { not p[0].file.endswith("/backing.c") and "/moved" not in p[0].file };
@@

vfree@p(...)

@script:python depends on report@
p << giveback.p;
@@

coccilib.report.print_report(p[0], "vfree() outside backing.c: give the memory back through it")
