// SPDX-License-Identifier: GPL-2.0
/// A lock of the allocator is taken by callers in every context: hardirq
/// handlers, and code with interrupts off already.  Only
/// raw_spin_lock_irqsave() is right for all of them; on PREEMPT_RT a lock that
/// is not raw sleeps.  A lock that process context alone takes may be taken by
/// spin_lock_irq().
// Directory: module
// Options: --no-includes --include-headers

virtual report

@bad@
identifier lock =~ "^(raw_spin_(try)?lock(_irq|_bh)?|spin_(try)?lock(_bh|_irqsave)?|read_lock|write_lock|local_bh_disable)$";
position p;
@@

lock@p(...)

@script:python depends on report@
p << bad.p;
lock << bad.lock;
@@

coccilib.report.print_report(p[0], f"{lock}() is not safe in every context: use raw_spin_lock_irqsave()")
