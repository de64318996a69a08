#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipes of Documentation/tracing.rst on a stock kernel: tracepoints through
# tracefs, accounting by call site, and the reports about a module that leaves
# objects behind.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

T=/sys/kernel/tracing
EV=$T/events/kspan

# nr_events NAME [REGEX]: lines of the trace with that event and text.
nr_events()
{
	grep -E " $1: " $T/trace | grep -cE "${2:-.}"
}

trace_on()
{
	echo >$T/trace
	for on_name; do
		echo 1 >"$EV/$on_name/enable" || return
	done
}

trace_off()
{
	echo 0 >$EV/enable
}

# fields NAME FIELD...: the event has these fields, in this order.
fields()
{
	fields_event=$1
	shift
	# shellcheck disable=SC2016 # a program of awk
	is "$*" awk '
	/^print/ { exit }
	$1 ~ /^field:/ && $0 !~ /common_/ {
		sub(/;.*/, "")
		sub(/.*[ *]/, "")
		sub(/\[.*/, "")
		printf "%s%s", sep, $0
		sep = " "
	}
	END { print "" }' "$EV/$fields_event/format"
}

events_are_there()
{
	fields kspan_alloc call_site ptr bytes_req bytes_alloc gfp_flags node name &&
		fields kspan_free call_site ptr bytes_alloc &&
		[ -d $EV/kspan_refill ] && [ -d $EV/kspan_grow ] &&
		[ -d $EV/kspan_release ] && [ -d $EV/kspan_bad_free ]
}

# log_of_client: the events of a load and an unload of the client.
log_of_client()
{
	trace_on kspan_alloc kspan_free || return
	insmod /kspan_client.ko nr=100 || return
	# A record, its name and its data, each 100 times, and a table.
	is 301 nr_events kspan_alloc || return
	rmmod kspan_client
	is 301 nr_events kspan_free || return
	is 1 nr_events kspan_alloc 'bytes_req=1048576 bytes_alloc=1048576 gfp_flags=GFP_KERNEL' ||
		return
	trace_off
}

# The symbols of a module's code, but not of its init functions, which are gone
# when the trace is read.
log_with_symbols()
{
	trace_on kspan_alloc kspan_free || return
	echo work >/sys/module/kspan_leak/parameters/act || return
	trace_off
	info "$(grep -m 1 ' kspan_alloc: ' $T/trace)"
	nr_events kspan_alloc 'call_site=[a-z_.]*\+0x[0-9a-f]*/0x[0-9a-f]* \[kspan_leak\] ' >/dev/null &&
		nr_events kspan_free 'call_site=[a-z_.]*\+0x[0-9a-f]*/0x[0-9a-f]* \[kspan_leak\] ' >/dev/null &&
		is 0 nr_events kspan_alloc '\[kspan\]'
}

# A filter on the size; the client has one table of 1 MiB.
filtered()
{
	echo 'bytes_req > 100000' >$EV/kspan_alloc/filter
	trace_on kspan_alloc || return
	insmod /kspan_client.ko nr=100 && rmmod kspan_client || return
	trace_off
	echo 0 >$EV/kspan_alloc/filter
	is 1 nr_events kspan_alloc
}

# Sums by call site.
histogram()
{
	echo 'hist:keys=call_site.sym:vals=bytes_req,bytes_alloc:sort=bytes_alloc.descending' \
		>$EV/kspan_alloc/trigger || return
	echo work >/sys/module/kspan_leak/parameters/act || return
	cat $EV/kspan_alloc/hist >/tmp/hist
	echo '!hist:keys=call_site.sym:vals=bytes_req,bytes_alloc:sort=bytes_alloc.descending' \
		>$EV/kspan_alloc/trigger || return
	info "$(grep -m 1 'call_site' /tmp/hist)"
	grep -q '\[kspan_leak\]' /tmp/hist &&
		grep -q 'Hits: [1-9][0-9]*$' /tmp/hist && return
	tail -n 5 /tmp/hist
	return 1
}

# The slow paths: as many events as the statistics count.
slow_paths()
{
	release
	slow_before="$(kstat grow) $(kstat release) $(kstat refill)"
	trace_on kspan_grow kspan_release kspan_refill || return
	insmod /kspan_client.ko nr=3000 && rmmod kspan_client || return
	release
	trace_off
	# shellcheck disable=SC2086 # three numbers
	set -- $slow_before
	is $(($(kstat grow) - $1)) nr_events kspan_grow &&
		is $(($(kstat release) - $2)) nr_events kspan_release &&
		is $(($(kstat refill) - $3)) nr_events kspan_refill
}

# A second free, by the module that outlives kspan.
bad_free()
{
	trace_on kspan_bad_free || return
	insmod /kspan_forgotten.ko || return
	expect_reports
	echo 5 >/sys/module/kspan_forgotten/parameters/late_free
	echo 5 >/sys/module/kspan_forgotten/parameters/late_free
	expect_no_reports
	trace_off
	is 1 nr_events kspan_bad_free 'fault="double free"' &&
		is 1 nr_events kspan_bad_free 'call_site=.*\[kspan_forgotten\]' ||
		return
	rmmod kspan_forgotten
}

# live_sums: bytes and number of all live objects.
live_sums()
{
	awk '{ b += $1; o += $2 } END { print b + 0, o + 0 }' $DIR/callsites
}

# The symbols of the file are those of the client; live objects are as many as
# the statistics have more.
sites_of_client()
{
	echo 1 >$DIR/callsites || return
	sites_before=$(kstat heap_objects)
	sites_bytes=$(kstat alloc)
	insmod /kspan_client.ko nr=100 || return
	grep -q '\[kspan_client\]$' $DIR/callsites || return
	info "$(sort -rn $DIR/callsites | head -n 1)"
	sites_now=$(live_sums)
	is "$(($(kstat alloc) - sites_bytes)) $(($(kstat heap_objects) - sites_before))" \
		echo "$sites_now" || return
	no_addresses $DIR/callsites || return
	rmmod kspan_client || return
	# Nothing lives, and the names are still known.
	is "0 0" live_sums &&
		grep -q '^0 0 [1-9][0-9]* [1-9][0-9]* .*+0x[0-9a-f]* \[kspan_client\]$' \
			$DIR/callsites || return
	# To switch it on again changes nothing.
	sites_now=$(cat $DIR/callsites)
	echo 1 >$DIR/callsites
	is "$sites_now" cat $DIR/callsites || return
	echo 0 >$DIR/callsites
	is "" cat $DIR/callsites
}

sites_refuse()
{
	for sites_text in 2x hello ''; do
		! echo "$sites_text" 2>/dev/null >$DIR/callsites || return
	done
}

# The module leaves 12 objects.
what_is_left()
{
	echo 1 >$DIR/callsites
	insmod /kspan_forgotten.ko && rmmod kspan_forgotten || return
	left=$(dmesg | sed -n 's/.*module kspan_forgotten left \([0-9]*\) objects .* bytes) from .*+0x[0-9a-f]* \[kspan_forgotten\]$/\1/p' |
		awk '{ n += $1 } END { print n + 0 }')
	is 12 echo "$left" || return
	# They are named by the file as well.
	grep -q '^[1-9][0-9]* [1-9][0-9]* .* \[kspan_forgotten\]$' $DIR/callsites ||
		return
	echo 0 >$DIR/callsites
}

# kspan goes while its events are on.
unload_while_traced()
{
	trace_on kspan_alloc kspan_free kspan_grow || return
	rmmod kspan || return
	[ ! -e $EV ] || return
	insmod /kspan.ko && is ok cat $DIR/verify
}

mount -t tracefs tracefs $T
check "load" insmod /kspan.ko
check "no tables of the profile while it is off" is 0 kstat buckhash_sys
check "the events and their fields" events_are_there
check "a log of allocations and frees" log_of_client
check "a filter by size" filtered
check "load kspan_leak" insmod /kspan_leak.ko nr=100 forget=0
check "a log with symbols" log_with_symbols
check "sums by call site" histogram
check "unload kspan_leak" rmmod kspan_leak
check "events of the slow paths" slow_paths
check "a bad free" bad_free
check "call sites of a client" sites_of_client
check "callsites refuses nonsense" sites_refuse
check "what a module leaves behind" what_is_left
check "verify" is ok cat $DIR/verify
check "unload while events are on" unload_while_traced
check "unload" rmmod kspan
all_ok
