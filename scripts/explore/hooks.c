// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that the compiler calls before each access to memory
 * (-fsanitize=thread), instead of those of its own library, and functions for
 * atomic operations, which are executed here.
 */
#include <string.h>

#include "explore.h"

#define PC		__builtin_return_address(0)

static void access_memory(enum exp_access access, void *addr, size_t bytes,
			  void *pc)
{
	if (exp_running)
		exp_access((struct exp_site){ access, addr, bytes, pc });
	else if (access != EXP_READ)
		exp_memory_dirty(addr, bytes);
}

#define DEFINE_ACCESS(bytes) \
void __tsan_read##bytes(void *addr) \
{ \
	access_memory(EXP_READ, addr, bytes, PC); \
} \
void __tsan_write##bytes(void *addr) \
{ \
	access_memory(EXP_WRITE, addr, bytes, PC); \
} \
void __tsan_unaligned_read##bytes(void *addr) \
{ \
	access_memory(EXP_READ, addr, bytes, PC); \
} \
void __tsan_unaligned_write##bytes(void *addr) \
{ \
	access_memory(EXP_WRITE, addr, bytes, PC); \
}

DEFINE_ACCESS(1)
DEFINE_ACCESS(2)
DEFINE_ACCESS(4)
DEFINE_ACCESS(8)
DEFINE_ACCESS(16)

void __tsan_init(void)
{
}

#define DEFINE_FETCH(bits, type, op) \
type __tsan_atomic##bits##_fetch_##op(type *at, type by, int order) \
{ \
	access_memory(EXP_ATOMIC, at, sizeof(type), PC); \
	return __atomic_fetch_##op(at, by, __ATOMIC_SEQ_CST); \
}

#define DEFINE_ATOMIC(bits, type) \
DEFINE_FETCH(bits, type, add) \
DEFINE_FETCH(bits, type, sub) \
DEFINE_FETCH(bits, type, and) \
DEFINE_FETCH(bits, type, or) \
DEFINE_FETCH(bits, type, xor) \
type __tsan_atomic##bits##_load(type *at, int order) \
{ \
	access_memory(EXP_READ, at, sizeof(type), PC); \
	return *at; \
} \
void __tsan_atomic##bits##_store(type *at, type value, int order) \
{ \
	access_memory(order == __ATOMIC_SEQ_CST ? EXP_ATOMIC : EXP_WRITE, at, \
		      sizeof(type), PC); \
	*at = value; \
} \
type __tsan_atomic##bits##_exchange(type *at, type value, int order) \
{ \
	access_memory(EXP_ATOMIC, at, sizeof(type), PC); \
	return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST); \
} \
type __tsan_atomic##bits##_compare_exchange_val(type *at, type old, type new, \
						     int order, int fail) \
{ \
	access_memory(EXP_ATOMIC, at, sizeof(type), PC); \
	__atomic_compare_exchange_n(at, &old, new, false, __ATOMIC_SEQ_CST, \
				    __ATOMIC_SEQ_CST); \
	return old; \
}

DEFINE_ATOMIC(8, u8)
DEFINE_ATOMIC(16, u16)
DEFINE_ATOMIC(32, u32)
DEFINE_ATOMIC(64, u64)

void __tsan_atomic_thread_fence(int order)
{
	if (exp_running && order == __ATOMIC_SEQ_CST)
		exp_fence(PC);
}

void __tsan_atomic_signal_fence(int order)
{
}

/* What the module calls as memset() and so on, see the Makefile. */

void *exp_memset(void *mem, int byte, size_t bytes)
{
	if (bytes)
		access_memory(EXP_WRITE, mem, bytes, PC);
	return memset(mem, byte, bytes);
}

void *exp_memcpy(void *to, const void *from, size_t bytes)
{
	if (bytes) {
		access_memory(EXP_READ, (void *)from, bytes, PC);
		access_memory(EXP_WRITE, to, bytes, PC);
	}
	return memcpy(to, from, bytes);
}

void *exp_memmove(void *to, const void *from, size_t bytes)
{
	if (bytes) {
		access_memory(EXP_READ, (void *)from, bytes, PC);
		access_memory(EXP_WRITE, to, bytes, PC);
	}
	return memmove(to, from, bytes);
}
