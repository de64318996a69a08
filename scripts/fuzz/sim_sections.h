/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sim_sections.h - the module's variables, which a reboot restores.  The linker
 * derives these symbols from the names of the sections, which the Makefile and
 * SIM_PERCPU set.
 */
#ifndef SIM_SECTIONS_H
#define SIM_SECTIONS_H

extern char sim_data_start[] __asm__("__start_mod_data");
extern char sim_data_stop[] __asm__("__stop_mod_data");
extern char sim_bss_start[] __asm__("__start_mod_bss");
extern char sim_bss_stop[] __asm__("__stop_mod_bss");
extern char sim_percpu_start[] __asm__("__start_sim_percpu");
extern char sim_percpu_stop[] __asm__("__stop_sim_percpu");

/* The part of a reboot in sim_memory.c. */
void sim_memory_reset(void);

#endif /* SIM_SECTIONS_H */
