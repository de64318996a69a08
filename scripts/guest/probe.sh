#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Kprobes at the functions of kspan, whose handler uses kspan itself, during a
# load on all CPUs, with each value of the parameter check. guest.params=... are
# parameters of kspan.ko, guest.only=... are functions to probe instead of all.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

PROBE=/sys/module/kspan_probe/parameters

# functions: NAME ADDRESS of each function of kspan's that is in the kernel's
# list.  Parts that the compiler moved away from a function (.cold) are none.
functions()
{
	awk '$4 == "[kspan]" && $2 ~ /^[tT]$/ && $3 !~ /\.cold|^__pfx_|^__cfi_|^_?_?__crc|^cleanup_module$|^init_module$/ {
		print $3, "0x" $1
	}' /proc/kallsyms | sort -u -k 2
}

# addresses: those of the functions to probe, separated by commas.
addresses()
{
	functions | awk -v only="$(arg only "")" '
	BEGIN { nr = split(only, names); for (i = 1; i <= nr; i++) want[names[i]] }
	!nr || $1 in want { printf "%s%s", sep, $2; sep = "," }'
}

# probe PARAMETER...: with these parameters of kspan.ko.
probe()
{
	check "$*: load kspan" insmod /kspan.ko "$@"
	check "$*: the kernel lists its functions" \
		not_above 200 "$(functions | wc -l)"
	dmesg -c >/dev/null
	check "$*: probes that use kspan do no harm" \
		insmod /kspan_probe.ko ms=3000 at="$(addresses)"
	info "$*: $(dmesg | sed -n 's/.*kspan_probe: done: //p')"
	check "$*: most functions are reached" \
		not_above 150 "$(cat $PROBE/reached)"
	check "$*: functions that run under a lock are refused" \
		not_above 1 "$(cat $PROBE/refused)"
	check "$*: unload kspan_probe" rmmod kspan_probe
	check "$*: nothing is left" is 0 kstat heap_objects
	check "$*: verify" is ok cat "$DIR/verify"
	check "$*: unload kspan" rmmod kspan
}

if [ -n "$(arg params "")" ]; then
	# shellcheck disable=SC2046 # a list of parameters
	probe $(arg params "")
else
	for level in 1 2 0; do
		probe "check=$level"
	done
	probe check=1 quarantine_kb=512
fi
all_ok
