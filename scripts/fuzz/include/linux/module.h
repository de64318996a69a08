/* SPDX-License-Identifier: GPL-2.0 */
/*
 * module.h - a module that the target loads and unloads with two calls.
 */
#ifndef SIM_MODULE_H
#define SIM_MODULE_H

#include <linux/types.h>

#define KBUILD_MODNAME		"kspan"
#define THIS_MODULE		NULL
#define within_module(addr, module) ((void)(addr), true)
#define _RET_IP_		((unsigned long)__builtin_return_address(0))
#define filter_irq_stacks(frames, nr) ((void)(frames), (nr))
#define stack_trace_save(frames, size, skip) ((void)(frames), 0U)

int sim_module_init(void);
void sim_module_exit(void);
#define module_init(fn)		int sim_module_init(void) { return fn(); }
#define subsys_initcall(fn)	module_init(fn)
#define module_exit(fn)		void sim_module_exit(void) { fn(); }
#define MODULE_DESCRIPTION(text) extern int sim_module_text
#define MODULE_AUTHOR(text)	extern int sim_module_text
#define MODULE_LICENSE(text)	extern int sim_module_text
#define MODULE_NAME_LEN		56
struct module {
	char name[MODULE_NAME_LEN];
};
#define MODULE_VERSION(text)	extern int sim_module_text
#define MODULE_PARM_DESC(name, text) extern int sim_module_text

struct kernel_param {
	const char *name;
	void *arg;
};

struct kernel_param_ops {
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buf, const struct kernel_param *kp);
};

/* Parameters have no files here: the target writes to kspan_params. */
#define module_param_cb(name, ops, arg, mode) \
	extern const struct kernel_param sim_param_##name; \
	const struct kernel_param sim_param_##name = { #name, arg }; \
	extern const struct kernel_param_ops *const sim_param_ops_##name; \
	const struct kernel_param_ops *const sim_param_ops_##name = (ops)

int kstrtoul(const char *text, unsigned int base, unsigned long *value);
#define sysfs_emit(buf, format, x) ((void)(buf), (void)(x), 0)

struct static_key_false {
	bool on;
};

#define DEFINE_STATIC_KEY_FALSE(name) struct static_key_false name
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name
#define static_branch_unlikely(key) unlikely((key)->on)
#define static_branch_enable(key) ((key)->on = true)
#define static_branch_inc(key)	((key)->on = true)
#define static_branch_dec(key)	((key)->on = false)

#endif /* SIM_MODULE_H */
