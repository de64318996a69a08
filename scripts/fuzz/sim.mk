# SPDX-License-Identifier: GPL-2.0
# Rules for the simulated kernel: the files of $(MODULE) that are built for it, and
# its headers in $(OUT)/include, made from those in $(FUZZ)/include.

module_c := $(filter-out $(MODULE)/show/debugfs%.c $(MODULE)/base/inject.c \
	$(MODULE)/api/any.c $(MODULE)/api/devres.c $(MODULE)/api/user.c \
	$(MODULE)/api/moved%.c $(MODULE)/api/module_heap.c \
	$(MODULE)/base/symbol.c $(MODULE)/base/tags.c $(MODULE)/base/trace.c \
	$(MODULE)/api/callsites.c $(MODULE)/api/describe.c $(MODULE)/api/watch.c \
	$(MODULE)/api/guard%.c $(MODULE)/span/guard.c \
	$(MODULE)/show/leaver.c $(MODULE)/show/oops.c $(MODULE)/show/trap.c, \
	$(wildcard $(MODULE)/*.c $(MODULE)/*/*.c))
module_o := $(module_c:$(MODULE)/%.c=$(OUT)/module/%.o)

# Headers that only include another one.
$(OUT)/include/stamp: $(FUZZ)/include/forward
	@rm -rf $(@D)
	@mkdir -p $(@D)/linux/sched
	@sed '/^#/d' $< | while read -r to names; do \
		for name in $$names; do \
			echo "#include <linux/$$to>" >$(@D)/linux/$$name; \
		done; \
	done
	@touch $@

# When the list of them changed, what includes them waits for the new ones.
$(OUT)/include/linux/%.h: $(OUT)/include/stamp ;
