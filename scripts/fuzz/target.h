/* SPDX-License-Identifier: GPL-2.0 */
/*
 * target.h - how the targets read an input.
 *
 * An input is a sequence of steps of six bytes.  Every input is valid; a step
 * that makes no sense in the current state does nothing.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <linux/types.h>

#include "load.h"
#include "sim.h"

struct fuzz_step {
	u8 code;
	u8 a;
	u16 x;
	u16 y;
};

struct fuzz_input {
	const u8 *at;
	size_t left;
};

/* Read the next step.  Return: false at the end. */
bool fuzz_next(struct fuzz_input *input, struct fuzz_step *step);

/*
 * The fuzzer's interface, by the names that it expects: the run of a target on
 * one input, a change of an input, and the fuzzer's own changes, which do not
 * know about steps.
 */
int fuzz_one(const u8 *data, size_t size) __asm__("LLVMFuzzerTestOneInput");
size_t fuzz_mutate(u8 *data, size_t size, size_t max, unsigned int seed)
	__asm__("LLVMFuzzerCustomMutator");
size_t fuzz_mutate_bytes(u8 *data, size_t size, size_t max)
	__asm__("LLVMFuzzerMutate");

#endif /* FUZZ_TARGET_H */
