// SPDX-License-Identifier: GPL-2.0
/// Nothing that may sleep happens under a raw spinlock or with preemption off.
/// The kernel's call_kern.cocci knows neither raw locks nor kspan's functions.
// Options: --no-includes --include-headers

virtual report

@under exists@
identifier fn =~ "^(might_sleep|cond_resched|msleep|schedule(_timeout)?|mutex_lock|wait_for_completion|flush_work|cancel_(delayed_)?work_sync|synchronize_rcu|rcu_barrier|__?vmalloc.*|vfree|kvfree|kv[mz]alloc|alloc_percpu|free_percpu|copy_(to|from)_user|kspan_vmalloc|kspan_meta_(alloc|free)|kspan_chunk_(get|put)|kspan_page_heap_(grow|trim|fill_reserve))$";
position p;
@@

(
raw_spin_lock_irqsave(...)
|
preempt_disable()
|
local_irq_save(...)
)
... when != raw_spin_unlock_irqrestore(...)
    when != preempt_enable()
    when != local_irq_restore(...)
fn@p(...)

@script:python depends on report@
p << under.p;
fn << under.fn;
@@

coccilib.report.print_report(p[0], f"{fn}() may sleep, but not here")

@flags exists@
position p;
@@

(
raw_spin_lock_irqsave(...)
|
preempt_disable()
|
local_irq_save(...)
)
... when != raw_spin_unlock_irqrestore(...)
    when != preempt_enable()
    when != local_irq_restore(...)
GFP_KERNEL@p

@script:python depends on report@
p << flags.p;
@@

coccilib.report.print_report(p[0], "GFP_KERNEL allows sleeping, which must not happen here")
