#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the benchmarks and send their rows to the host. guest.params=... gives the
# parameters of kspan.ko, guest.bench=... those of kspan_bench.ko, with a + for
# each comma in them.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# shellcheck disable=SC2046 # lists of parameters
check "load kspan" insmod /kspan.ko $(arg params "")
# shellcheck disable=SC2046
check "run kspan_bench" insmod /kspan_bench.ko \
	$(arg bench "" | tr + ,)
info "kernel $(uname -r), $(nproc) CPUs"
dmesg | sed -n 's/.*\(kspan_bench: .*\)/\1/p' >&3
check "verify after the benchmarks" is ok cat "$DIR/verify"
check "unload kspan_bench" rmmod kspan_bench
check "unload kspan" rmmod kspan
all_ok
