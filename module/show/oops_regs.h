/* SPDX-License-Identifier: GPL-2.0 */
/*
 * oops_regs.h - for each architecture, the address of a fault and the names of
 * the registers.
 */
#ifndef KSPAN_OOPS_REGS_H
#define KSPAN_OOPS_REGS_H

#include <linux/ptrace.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * struct kspan_reg - a register that may hold a pointer
 * @name: its name in the kernel's oops
 * @offset: its offset in struct pt_regs
 */
struct kspan_reg {
	const char *name;
	unsigned int offset;
};

#define KSPAN_REG(name, field)	{ name, offsetof(struct pt_regs, field) }

#if defined(CONFIG_UML)

static inline unsigned long kspan_fault_address(void)
{
	return 0;
}

static const struct kspan_reg kspan_regs[] __maybe_unused = {};

#elif defined(CONFIG_X86_64)
#include <asm/special_insns.h>

/*
 * The address of the last fault.  That is another fault if the kernel has
 * meanwhile failed to read the code around the first one for its dump.
 */
static inline unsigned long kspan_fault_address(void)
{
	return native_read_cr2();
}

static const struct kspan_reg kspan_regs[] __maybe_unused = {
	KSPAN_REG("RAX", ax), KSPAN_REG("RBX", bx), KSPAN_REG("RCX", cx),
	KSPAN_REG("RDX", dx), KSPAN_REG("RSI", si), KSPAN_REG("RDI", di),
	KSPAN_REG("RBP", bp), KSPAN_REG("R08", r8), KSPAN_REG("R09", r9),
	KSPAN_REG("R10", r10), KSPAN_REG("R11", r11), KSPAN_REG("R12", r12),
	KSPAN_REG("R13", r13), KSPAN_REG("R14", r14), KSPAN_REG("R15", r15),
};

#elif defined(CONFIG_X86_32)
#include <asm/special_insns.h>

static inline unsigned long kspan_fault_address(void)
{
	return native_read_cr2();
}

static const struct kspan_reg kspan_regs[] __maybe_unused = {
	KSPAN_REG("EAX", ax), KSPAN_REG("EBX", bx), KSPAN_REG("ECX", cx),
	KSPAN_REG("EDX", dx), KSPAN_REG("ESI", si), KSPAN_REG("EDI", di),
	KSPAN_REG("EBP", bp),
};

#elif defined(CONFIG_ARM64)
#include <asm/sysreg.h>

static inline unsigned long kspan_fault_address(void)
{
	return read_sysreg(far_el1);
}

#define KSPAN_X(n)	KSPAN_REG("x" #n, regs[n])

static const struct kspan_reg kspan_regs[] __maybe_unused = {
	KSPAN_X(0), KSPAN_X(1), KSPAN_X(2), KSPAN_X(3), KSPAN_X(4), KSPAN_X(5),
	KSPAN_X(6), KSPAN_X(7), KSPAN_X(8), KSPAN_X(9), KSPAN_X(10),
	KSPAN_X(11), KSPAN_X(12), KSPAN_X(13), KSPAN_X(14), KSPAN_X(15),
	KSPAN_X(16), KSPAN_X(17), KSPAN_X(18), KSPAN_X(19), KSPAN_X(20),
	KSPAN_X(21), KSPAN_X(22), KSPAN_X(23), KSPAN_X(24), KSPAN_X(25),
	KSPAN_X(26), KSPAN_X(27), KSPAN_X(28), KSPAN_X(29),
};

#else

static inline unsigned long kspan_fault_address(void)
{
	return 0;
}

static const struct kspan_reg kspan_regs[] __maybe_unused = {};

#endif

#endif /* KSPAN_OOPS_REGS_H */
