# SPDX-License-Identifier: GPL-2.0
# The targets for people; `make help` lists them.  Kbuild lists the object files
# of the module.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
# Where `make install` puts what clients are built with.
PREFIX ?= /usr
# Where DKMS looks for sources.
DKMS_DIR := /usr/src/kspan-$(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

VERSION := $(patsubst /usr/src/kspan-%,%,$(DKMS_DIR))
# The release that the kernel names itself by; include/config/kernel.release has
# another one in Debian's headers of 6.1.
RELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h)

KBUILD_ARGS = -C $(KDIR) M=$(CURDIR)

.PHONY: all
all: kdir
	$(MAKE) $(KBUILD_ARGS) modules

.PHONY: kdir
kdir:
	@test -e $(KDIR)/Makefile || { \
	  echo "no kernel headers in $(KDIR); install them (Debian:" \
	       "apt install linux-headers-$(KVER)) or give KDIR=" >&2; \
	  exit 1; }

.PHONY: demo check bench docs deb rpm tarball release-check
demo check bench docs deb rpm tarball release-check:
	@scripts/$@.sh

# LEG="name..." runs only these legs; scripts/test.sh --help lists them.
.PHONY: test
test:
	@scripts/test.sh $(LEG)

# KERNEL=6.1, 6.12 or newest; SUITES='kspan_heap*'; PARAMS="check=2".
.PHONY: kunit
kunit:
	@scripts/kunit.sh $(if $(KERNEL),--kernel $(KERNEL)) \
		$(PARAMS:%=--param %) $(if $(SUITES),'$(SUITES)')

# DIR=<folder of your module>; more in scripts/client-demo.sh --help.
.PHONY: client-demo
client-demo:
	@scripts/client-demo.sh $(if $(KERNEL),--kernel $(KERNEL)) \
		$(if $(PARAMS),--params "$(PARAMS)") \
		$(if $(KSPAN_PARAMS),--kspan "$(KSPAN_PARAMS)") "$(DIR)"

# M=<folder of your module>; scripts/port --help lists the rest, for ARGS.
.PHONY: port
port:
	@scripts/port --kdir "$(KDIR)" $(ARGS) "$(M)"

.PHONY: port-test
port-test:
	@scripts/test.sh port-6.12 port-6.1

.PHONY: test-all
test-all:
	@scripts/test.sh --all

.PHONY: install
install: all install-client
	$(MAKE) $(KBUILD_ARGS) INSTALL_MOD_DIR=updates modules_install
	test -n "$(INSTALL_MOD_PATH)" || depmod "$(RELEASE)"

# What clients are built with: the headers, and the symbols by kernel release.
.PHONY: install-client
install-client: install-symvers
	install -D -m 644 -t $(PREFIX)/include/kspan/linux module/include/linux/*.h

.PHONY: install-symvers
install-symvers: all
	install -D -m 644 Module.symvers \
		"$(PREFIX)/include/kspan/$(RELEASE)/Module.symvers"

.PHONY: dkms-install
dkms-install:
	test ! -e $(DKMS_DIR) || dkms remove kspan/$(VERSION) --all
	rm -rf $(DKMS_DIR)
	mkdir -p $(DKMS_DIR)
	cp -r dkms.conf Kbuild Makefile COPYING module $(DKMS_DIR)
	dkms add kspan/$(VERSION)
	dkms install kspan/$(VERSION)

.PHONY: clean
clean:
	find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name '.*.d' -o -name Module.symvers -o -name modules.order \
		\) -type f -exec rm -f {} +
	rm -rf build .tmp_versions

.PHONY: help
help:
	@echo 'make                build kspan.ko; KDIR=<kernel build dir> for another kernel'
	@echo 'make demo           show it at work on a stock kernel in QEMU'
	@echo 'make client-demo DIR=<folder>   build your module, run it with kspan in QEMU'
	@echo 'make port M=<folder>   build your module with kspan, unchanged, and check it'
	@echo 'make port-test      modules of the kernel itself, moved to kspan, in QEMU'
	@echo 'make test           all tests; ends with "N passed, N failed"'
	@echo 'make test-all       the same on more kernels and machines, an hour'
	@echo 'make test LEG="..." the named tests only; scripts/test.sh --help lists them'
	@echo 'make kunit          the KUnit suites by kunit.py in a kernel tree, under UML'
	@echo 'make docs           the documentation as a web site, in build/docs/html'
	@echo 'make check          all static checks'
	@echo 'make bench          kspan beside the kernel'"'"'s allocators, in one boot'
	@echo 'make install        install the module for the kernel that runs'
	@echo 'make dkms-install   have DKMS build it for every kernel'
	@echo 'make deb            Debian packages, in build/deb'
	@echo 'make rpm            RPM packages, in build/rpm'
	@echo 'make tarball        the source of a release, in build'
	@echo 'make release-check  whether this is fit to be released'
	@echo 'make clean          remove what was built'
