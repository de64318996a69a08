/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared by the files of kspan_torture.
 *
 * main.c starts and ends a run. thread.c, interrupt.c and nmi.c allocate and
 * free. mailbox.c passes objects between CPUs. object.c fills and checks
 * objects. hotplug.c moves threads and timers back to a CPU that was offline.
 */
#ifndef KSPAN_TORTURE_H
#define KSPAN_TORTURE_H

#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Most objects in a CPU's mailbox. */
#define TORTURE_MAIL	64U

/* How an object was allocated, which determines what is checked. */
enum torture_kind {
	TORTURE_PLAIN,		/* size class and alignment of its size */
	TORTURE_TINY,		/* aligned by the low bits of its size */
	TORTURE_ALIGNED,	/* alignment checked when allocated */
	TORTURE_RESIZED,	/* perhaps in place, so aligned as it was */
};

/* The data about a live object is kept here, apart from the object. */
struct torture_obj {
	void *ptr;		/* NULL: none */
	size_t size;		/* bytes asked for */
	size_t used;		/* bytes filled: @size to kspan_size() */
	u32 key;		/* determines the fill */
	enum torture_kind kind;
};

enum torture_counter {
	TORTURE_OPS,		/* allocations and frees */
	TORTURE_NULL,		/* unexpected NULLs */
	TORTURE_NULL_ATOMIC,	/* NULLs of large or atomic requests */
	TORTURE_NR_COUNTERS
};

/* Context of one thread or timer, the only one that writes to it. */
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
	struct mutex lock;		/* protects @firing and the timers */
	bool firing;			/* the run has begun here and not ended */
};

struct torture_thread {
	struct torture_ctx ctx;
	struct task_struct *task;
	unsigned int home;		/* index of its CPU */
	bool leader;			/* runs its CPU's timers */
	bool sabotage;			/* must yet overwrite an object */
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
void torture_heap_alloc(struct torture_ctx *ctx, struct torture_obj *obj,
			gfp_t gfp);
void torture_heap_life(struct torture_ctx *ctx);
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
unsigned long torture_nr_nmi_objects(void);
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

static inline unsigned long torture_nr_nmi_objects(void)
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

/* A random size: each power of two up to 2^@bits is equally likely. */
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
