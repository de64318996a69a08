/* SPDX-License-Identifier: GPL-2.0 */
/*
 * printk.h - the log, which is discarded, and other services of the kernel.
 */
#ifndef SIM_PRINTK_H
#define SIM_PRINTK_H

#include <string.h>
#include <linux/types.h>

/* Evaluates its arguments, so that a wrong pointer among them is found. */
void sim_printk(const char *format, ...);
#define pr_err(...)		sim_printk(__VA_ARGS__)
#define pr_warn_once(...)	pr_warn(__VA_ARGS__)
#define pr_warn(...)		sim_printk(__VA_ARGS__)
#define pr_info(...)		sim_printk(__VA_ARGS__)
#define dump_stack()		((void)0)

struct ratelimit_state {
	int unused;
};

#define DEFINE_RATELIMIT_STATE(name, interval, burst) \
	struct ratelimit_state __maybe_unused name
#define __ratelimit(state)	((void)(state), true)

struct task_struct {
	const char *comm;
	int pid;
	unsigned int flags;
};

#define PF_WQ_WORKER		0x00000020
#define PF_MEMALLOC_NOFS	0x00040000
#define PF_MEMALLOC_NOIO	0x00080000

extern struct task_struct sim_task;
#define current			(&sim_task)
#define task_pid_nr(task)	((task)->pid)

int snprintf(char *buf, size_t bytes, const char *format, ...);
int vsnprintf(char *buf, size_t bytes, const char *format, va_list args);

u32 get_random_u32(void);

static inline u64 get_random_u64(void)
{
	return (u64)get_random_u32() << 32 | get_random_u32();
}

static inline void memzero_explicit(void *mem, size_t bytes)
{
	memset(mem, 0, bytes);
	asm volatile("" : : "r" (mem) : "memory");
}

/* The first byte that is not @c, or NULL. */
static inline void *memchr_inv(const void *mem, int c, size_t bytes)
{
	const u8 *at = mem, *end = at + bytes;

	for (; at < end; at++)
		if (*at != (u8)c)
			return (void *)at;
	return NULL;
}

#endif /* SIM_PRINTK_H */
