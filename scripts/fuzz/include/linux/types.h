/* SPDX-License-Identifier: GPL-2.0 */
/*
 * types.h - the kernel's basic types and macros, for user space.
 */
#ifndef SIM_TYPES_H
#define SIM_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef unsigned int gfp_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

/* The machine: 64 bits, pages of 4 KiB, a debug kernel, chunks of 256 KiB. */
#define CONFIG_64BIT		1
#define CONFIG_X86		1
#define CONFIG_PREEMPT_COUNT	1
#define CONFIG_DEBUG_ATOMIC_SLEEP 1
#define BITS_PER_LONG		64
#define SMP_CACHE_BYTES		64
#define HZ			250
/* The C library's headers for these include the kernel's headers. */
#define EINVAL			22
#define ENOMEM			12
#define EBUSY			16
#define ERANGE		34
#define ENOSPC			28
#define ilog2(n)		((int)(63 - __builtin_clzl(n)))
#define EXDEV			18
#define ENOBUFS			105
#define EDQUOT			122
#define UINT_MAX		(~0U)
#define ULONG_MAX		(~0UL)
#define LONG_MAX		((long)(ULONG_MAX >> 1))
#define U8_MAX			((u8)~0U)
#define U16_MAX			((u16)~0U)
#undef SIZE_MAX
#define SIZE_MAX		(~(size_t)0)
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(6, 12, 0)

/* IS_ENABLED(): 1 if the option is defined as 1, else 0. */
#define SIM_ARG_1		0,
#define SIM_SECOND(a, b, ...)	b
#define SIM_IS_ONE(x)		SIM_SECOND(x 1, 0)
#define SIM_IS_DEFINED(x)	SIM_IS_ONE(SIM_ARG_##x)
#define SIM_DEFINED(x)		SIM_IS_DEFINED(x)
#define IS_ENABLED(option)	SIM_DEFINED(option)

/* Attributes, except those that only inform the optimizer about allocators. */
#undef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#define noinline		__attribute__((__noinline__))
#define __aligned(n)		__attribute__((__aligned__(n)))
#define __noreturn		__attribute__((__noreturn__))
#define __maybe_unused		__attribute__((__unused__))
#define fallthrough		__attribute__((__fallthrough__))
#define ____cacheline_aligned_in_smp __aligned(SMP_CACHE_BYTES)
#define __malloc
#define __must_check		__attribute__((__warn_unused_result__))
#define __alloc_size(...)
#define __printf(...)
#define __percpu
#define __user
#define __rcu
#define __init
#define __exit
#define __force
#define __ro_after_init
#define __kprobes
#define notrace
#define __read_mostly
#define EXPORT_SYMBOL_GPL(name)	extern int sim_exported_##name

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define data_race(expr)		(expr)
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile typeof(x) *)&(x) = (val))
#define barrier()		asm volatile("" : : : "memory")
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_wmb()		barrier()
#define smp_rmb()		barrier()
#define smp_store_release(ptr, val) WRITE_ONCE(*(ptr), val)
#define smp_load_acquire(ptr)	READ_ONCE(*(ptr))
#define OPTIMIZER_HIDE_VAR(x)	asm("" : "=r" (x) : "0" (x))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define roundup_pow_of_two(n) \
	((n) < 2 ? 1UL : 2UL << (63 - __builtin_clzl((n) - 1)))
#define struct_size(p, member, n) \
	(sizeof(*(p)) + (n) * sizeof((p)->member[0]))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#define static_assert(cond, ...) _Static_assert(cond, #cond)

#define min(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); \
		     _a < _b ? _a : _b; })
#define max(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); \
		     _a > _b ? _a : _b; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define min3(a, b, c)		min(min(a, b), c)
#define clamp(x, low, high)	min(max(x, low), high)
#define clamp_t(type, x, low, high) \
	clamp((type)(x), (type)(low), (type)(high))
#define cache_line_size()	SMP_CACHE_BYTES
#define swap(a, b) do { typeof(a) _swap = (a); (a) = (b); (b) = _swap; } while (0)

#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define ALIGN(x, a)		ALIGN_DOWN((x) + ((typeof(x))(a) - 1), a)
#define PTR_ALIGN(p, a)		((typeof(p))ALIGN((unsigned long)(p), a))
#define PTR_ALIGN_DOWN(p, a)	((typeof(p))ALIGN_DOWN((unsigned long)(p), a))
#define IS_ALIGNED(x, a)	(!((x) & ((typeof(x))(a) - 1)))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

#define SZ_128K		0x20000UL
#define SZ_2M			0x200000UL
#define SZ_4M		(4UL << 20)
#define SZ_16M		(16UL << 20)
#define SZ_64M		(64UL << 20)
#define SZ_8M			0x800000UL
#define SZ_256M			0x10000000UL

#define NUMA_NO_NODE		(-1)
#define POISON_FREE		0x6b
#define POISON_END		0xa5
#define SLUB_RED_ACTIVE		0xcc

#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)

/* <linux/err.h> */
#define IS_ERR_OR_NULL(ptr)	((unsigned long)(ptr) - 1 >= -4096UL)

#define div64_ul(a, b)		((u64)(a) / (b))

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

/* Report the place of a violated check, and end the run as a finding. */
_Noreturn void sim_fail(const char *file, int line, const char *what);
#define SIM_CHECK(cond) \
	do { \
		if (unlikely(!(cond))) \
			sim_fail(__FILE__, __LINE__, #cond); \
	} while (0)
/* Whether a request with these flags must fail now; see sim_memory.c. */
bool sim_refused(gfp_t gfp);
#define WARN_ON_ONCE(cond) ({ SIM_CHECK(!(cond)); false; })
#define WARN_ON(cond)		WARN_ON_ONCE(cond)
#define WARN(cond, ...)		WARN_ON_ONCE(cond)

#endif /* SIM_TYPES_H */
