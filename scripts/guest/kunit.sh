#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loads kspan.ko with its KUnit suites and runs them; the results are in the
# kernel log.  guest.params=... gives the module parameters, guest.suite=...
# one suite instead of all.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

run_suites()
{
	echo "$1" >/sys/module/kspan/parameters/kunit
}

# shellcheck disable=SC2046 # a list of parameters
check "load with the suites" insmod /kspan.ko $(arg params "")
check "run the suites" run_suites "$(arg suite all)"
check "verify after the suites" is ok cat "$DIR/verify"
check "unload after the suites" rmmod kspan
all_ok
