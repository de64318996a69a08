# SPDX-License-Identifier: GPL-2.0
# For the Kbuild file of a module that allocates from kspan:
#
#	include /usr/share/kspan/kspan.mk
#	obj-m := my_module.o
#
# With BUILD_DEPENDS[0]="kspan" in the dkms.conf of such a module, DKMS builds
# kspan first.
ccflags-y += -I/usr/include/kspan
KBUILD_EXTRA_SYMBOLS += /usr/include/kspan/$(KERNELRELEASE)/Module.symvers
