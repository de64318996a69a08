# SPDX-License-Identifier: GPL-2.0
# The simulated kernel's headers in $(OUT)/include, of those in $(FUZZ)/include.

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
