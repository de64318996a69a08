/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of kspan_torture share.
 *
 * main.c starts and ends a run; thread.c, interrupt.c, nmi.c allocate and free;
 * mailbox.c passes objects from CPU to CPU; object.c fills and checks them;
 * hotplug.c brings threads and timers back to a CPU that was away.
 */
#ifndef KSPAN_TORTURE_H
#define KSPAN_TORTURE_H

#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Objects a CPU's mailbox holds. */
#define TORTURE_MAIL	64U

/* How an object came to be; it decides what can be demanded of it. */
enum torture_kind {
	TORTURE_PLAIN,		/* size class and alignment of its size */
	TORTURE_TINY,		/* aligned by the low bits of its size */
	TORTURE_ALIGNED,	/* alignment checked when allocated */
	TORTURE_RESIZED,	/* perhaps in place, so aligned as it was */
};

/* All that is known of a live object is kept here, away from the object. */
struct torture_obj {
	void *ptr;		/* NULL: none */
	size_t size;		/* bytes asked for */
	size_t used;		/* bytes filled: @size to kspan_size() */
	u32 key;		/* what it is filled with */
	enum torture_kind kind;
};

enum torture_counter {
	TORTURE_OPS,		/* allocations and frees */
	TORTURE_NULL,		/* NULL where it is a surprise */
	TORTURE_NULL_ATOMIC,	/* NULL, large or from what may not sleep */
	TORTURE_NR_COUNTERS
};

/* One that executes: a thread or a timer.  Nobody else writes to it. */
struct torture_ctx {
	const char *name;
	struct rnd_state rnd;
	unsigned long counters[TORTURE_NR_COUNTERS];
};

struct torture_mailbox {
	raw_spinlock_t lock;		/* taken in hardirq */
	unsigned int nr;		/* protected by @lock */
	struct torture_obj obj[TORTURE_MAIL]; /* protected by @lock */
};

struct torture_irq {
	struct torture_ctx ctx;
	struct hrtimer timer;
	unsigned int home;		/* index of its CPU's mailbox */
};

/* A CPU that was online when the module was loaded. */
struct torture_cpu {
	unsigned int cpu;
	struct torture_mailbox mail;
	struct torture_irq hard;
	struct torture_irq soft;
	struct mutex lock;		/* guards @firing; its timers start, end */
	bool firing;			/* the run has begun here and not ended */
};

struct torture_thread {
	struct torture_ctx ctx;
	struct task_struct *task;
	unsigned int home;		/* index of its CPU */
	bool leader;			/* runs its CPU's timers */
	bool sabotage;			/* has to spoil an object yet */
	struct torture_obj *slots;	/* most live objects are here */
	unsigned int nr_slots;
};

/* main.c */
extern bool torture_light;
extern bool torture_zeroed;
extern unsigned int torture_irq_us;
extern struct torture_cpu *torture_cpus;
extern unsigned int torture_nr_cpus;
bool torture_stopping(void);
void torture_threads_come_home(const struct torture_cpu *cpu);
void torture_thread_done(void);
__printf(1, 2) void torture_fail(const char *fmt, ...);

/* object.c */
void torture_obj_born(struct torture_ctx *ctx, struct torture_obj *obj,
		      bool zeroed);
int torture_caches_init(void);
void torture_caches_exit(void);
void torture_cache_alloc(struct torture_ctx *ctx, struct torture_obj *obj,
			 gfp_t gfp);
void torture_cache_life(struct torture_ctx *ctx);
void torture_obj_fill(struct torture_ctx *ctx, struct torture_obj *obj);
void torture_obj_check(struct torture_ctx *ctx, const struct torture_obj *obj);
void torture_obj_check_head(struct torture_ctx *ctx,
			    const struct torture_obj *obj, const void *ptr,
			    size_t len);

/* mailbox.c */
void torture_mail_init(struct torture_mailbox *mail);
bool torture_mail_post(struct torture_mailbox *mail,
		       const struct torture_obj *obj);
bool torture_mail_take(struct torture_mailbox *mail, struct torture_obj *obj);
void torture_mail_drain(struct torture_ctx *ctx, struct torture_mailbox *mail);

/* interrupt.c */
void torture_irq_init(struct torture_cpu *cpu, unsigned int home);
void torture_irq_begin(struct torture_cpu *cpu);
void torture_irq_resume(struct torture_cpu *cpu);
void torture_irq_pause(struct torture_cpu *cpu);
void torture_irq_end(struct torture_cpu *cpu);

/* hotplug.c */
int torture_hotplug_init(void);
void torture_hotplug_exit(void);
unsigned long torture_nr_returns(void);

/* nmi.c, for x86 */
#ifdef CONFIG_X86_LOCAL_APIC
void torture_nmi_send(struct torture_ctx *ctx, unsigned int cpu);
int torture_nmi_init(void);
void torture_nmi_exit(void);
unsigned long torture_nr_nmis(void);
#else
static inline void torture_nmi_send(struct torture_ctx *ctx, unsigned int cpu)
{
}

static inline int torture_nmi_init(void)
{
	return 0;
}

static inline void torture_nmi_exit(void)
{
}

static inline unsigned long torture_nr_nmis(void)
{
	return 0;
}
#endif

/* thread.c */
int torture_thread_run(void *arg);

/* A random number below @n. */
static inline u32 torture_pick(struct torture_ctx *ctx, u32 n)
{
	return ((u64)prandom_u32_state(&ctx->rnd) * n) >> 32;
}

/* True once in @n times. */
static inline bool torture_once_in(struct torture_ctx *ctx, u32 n)
{
	return !torture_pick(ctx, n);
}

/* Every power of two up to 2^@bits equally often, and what is between. */
static inline size_t torture_pick_size(struct torture_ctx *ctx,
				       unsigned int bits)
{
	size_t size = 1UL << torture_pick(ctx, bits);
	u32 r = prandom_u32_state(&ctx->rnd);

	if (r & 3)
		size += (r >> 2) & (size - 1);
	return size;
}

/* Pairs with the READ_ONCE() in main.c. */
static inline void torture_count(struct torture_ctx *ctx,
				 enum torture_counter counter, unsigned long n)
{
	WRITE_ONCE(ctx->counters[counter], ctx->counters[counter] + n);
}

#endif /* KSPAN_TORTURE_H */
