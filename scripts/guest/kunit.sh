#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Load kspan.ko with its KUnit suites and run them, several times with different
# parameters.  The results are in the kernel log. guest.params=... gives the
# parameters of one load instead, guest.suite=... runs one suite only, and
# guest.loads=... selects some of the loads, for slow kernels.  With guest.load=1
# the module was built with KSPAN_KUNIT=load.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

run_suites()
{
	echo "$1" >/sys/module/kspan/parameters/kunit
}

# load_and_run WHAT PARAMETERS
load_and_run()
{
	# shellcheck disable=SC2086 # a list of parameters
	check "load with $1" insmod /kspan.ko $2
	check "run $1" run_suites "$(arg suite all)"
	check "verify after $1" is ok cat "$DIR/verify"
	check "unload after $1" rmmod kspan
}

# in_log REGEX: the log has such a line of kspan.
in_log()
{
	dmesg | grep -qE "kspan: $1" && return
	echo "not in the log: $1"
	return 1
}

# What %p prints: 32 bits, or (____ptrval____) while there are no random numbers.
POINTER='((0{8})?[0-9a-f]{8}|[(]_+ptrval_+[)])'

# pointers_are_hashed: objects are at multiples of 8, hashes of their addresses
# are not.  (Under User Mode Linux an address could look like a hash.)
pointers_are_hashed()
{
	dmesg | grep -qE "kspan: write behind an object: ((0{8})?[0-9a-f]{7}[1-79a-f]|[(]_+ptrval_+[)])," &&
		return
	echo "all are multiples of 8"
	return 1
}

# The wording of Documentation/debugfs.rst.
reports_are_in_the_log()
{
	in_log "write behind an object: $POINTER, found by .*/[0-9]+ on CPU [0-9]+\$" &&
		in_log '  asked for with [0-9]+ bytes$' &&
		in_log '  byte [0-9]+ is 0x[0-9a-f]{2}, not 0xcc$' &&
		in_log "write to a free object: $POINTER, found by .*/[0-9]+ on CPU [0-9]+\$" &&
		in_log '  byte [0-9]+ is 0x[0-9a-f]{2}, not 0x6b$' &&
		in_log '  bytes [0-9]+ to [0-9]+:( [0-9a-f]{2}){1,16}$'
}

# KUnit itself runs the suites when the module is loaded.
if [ -n "$(arg load "")" ]; then
	for params in check=1 check=2; do
		check "load with $params" insmod /kspan.ko $params
		check "$params: KUnit has results of the last suite" \
			grep -q "ok 1 " /sys/kernel/debug/kunit/kspan_redzone/results
		check "$params: verify" is ok cat "$DIR/verify"
		check "$params: unload" rmmod kspan
	done
	all_ok
	exit
fi
if [ -n "$(arg params "")" ]; then
	load_and_run "the suites" "$(arg params "")"
	all_ok
	exit
fi
# check=1 is the default, except in kernels with KASAN.  A + stands for a blank.
for params in $(arg loads "check=1 check=2 check=0 randomize=1
	check=1+quarantine_kb=512 check=2+quarantine_kb=512"); do
	params=$(echo "$params" | tr + ' ')
	load_and_run "the suites, $params" "$params"
done
if [ "$(arg suite all)" = all ]; then
	check "reports of damage are in the log" reports_are_in_the_log
	check "their pointers are hashes" pointers_are_hashed
	[ ! -e $KMEMLEAK ] ||
		check "kmemleak finds nothing of kspan's" leaks_nothing
fi
all_ok
