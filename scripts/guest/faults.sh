#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Failures of the kernel, injected by kspan itself: each request of a load,
# alone and together with all that follow; each place; and a stress in which
# requests keep failing. guest.seconds=N is the length of the stress.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh
# shellcheck source=scripts/guest/stress.sh
. /stress.sh

RUN=$(arg seconds 10)
PLAN=/sys/module/kspan/parameters/inject

# use: the loaded module works, with or without debugfs.
use()
{
	insmod /kspan_client.ko nr=300 && rmmod kspan_client || return
	[ ! -e "$DIR/verify" ] || is ok cat "$DIR/verify"
}

# failed: the number of requests that the plan has made fail.
failed()
{
	sed 's/.*, //; s/ .*//' $PLAN
}

# each_request MODE: fail the first request of a load, then the second, until
# the load makes no more requests.  With MODE : only that request fails, with +
# all that follow fail as well.  After each failure kspan works without
# injection.
each_request()
{
	each_refused=0
	each_without=0
	each_nr=1
	while :; do
		dmesg -c >/dev/null
		if insmod /kspan.ko "inject=any$1$each_nr" 2>/dev/null; then
			each_failed=$(failed)
			echo off >$PLAN
			if ! use || ! rmmod kspan; then
				echo "load $each_nr"
				return 1
			fi
			[ "$each_failed" -gt 0 ] || break
			each_without=$((each_without + 1))
		else
			each_refused=$((each_refused + 1))
			dmesg | grep -q 'kspan: no memory for the' ||
				{ echo "load $each_nr: not a word"; return 1; }
		fi
		no_areas || { echo "load $each_nr"; return 1; }
		each_nr=$((each_nr + 1))
	done
	info "of $((each_nr - 1)) requests of a load $each_refused refuse it by" \
		"any$1N, $each_without do not"
	not_above 10 "$each_refused" && not_above 1 "$each_without"
}

# refuses PLACE PART: when PLACE fails, so does the load, and the log names
# PART.
refuses()
{
	dmesg -c >/dev/null
	fails insmod /kspan.ko "inject=$1+1" || return
	dmesg | grep -q "kspan: no memory for the $2: error -12" && return
	echo "the log does not name the $2"
	return 1
}

# no_arenas_file: the file arenas cannot be read when memory for a line is
# missing.
no_arenas_file()
{
	echo table/1 >$PLAN
	fails cat "$DIR/arenas"
	no_arenas=$?
	is 1 failed || no_arenas=1
	echo off >$PLAN
	[ $no_arenas -eq 0 ] && cat "$DIR/arenas" >/dev/null
}

# fault_run N...: a run passes although every N-th request fails, for each N.
fault_run()
{
	load_torture seconds="$RUN" || return
	stress_left=$((RUN * 3 + 60))
	while :; do
		result=$(cat $TORTURE_DIR/result)
		case $result in
		PASS*) break ;;
		FAIL*) echo "$result"; return 1 ;;
		esac
		for nr in "$@"; do
			# While there is idle memory kspan makes no requests.
			release
			echo "any/$nr" >$PLAN
			sleep 1
			stress_failed=$((stress_failed + $(failed)))
		done
		echo off >$PLAN
		is ok cat "$DIR/verify" || return
		stress_left=$((stress_left - 1))
		[ "$stress_left" -gt 0 ] || { echo "does not end: $result"; return 1; }
	done
	info "$result; $stress_failed requests failed"
	rmmod kspan_torture
}

# fault_stress N...: enough requests fail in such runs.  A debug kernel may need
# several runs: it is slow, and may make no request while a plan is set.
fault_stress()
{
	stress_failed=0
	for i in $(seq $((SLOW ? 4 : 1))); do
		fault_run "$@" || { echo "in run $i"; return 1; }
		[ "$stress_failed" -lt 5 ] || break
	done
	not_above $((SLOW ? 5 : 100)) "$stress_failed"
}

check "load and unload" load_unload
check "each request of a load" \
	keeps_memory "a load for each request" each_request :
check "each request of a load and all that follow" \
	keeps_memory "a load for each request and all that follow" each_request +
check "no load without a chunk" refuses chunk "page heap"
check "no load without a slab" refuses slab "page heap"
check "no load without a table" refuses table "arena map"
check "no load without per-CPU memory" refuses percpu caches
check "no load without a worker" refuses worker scavenger
check "no load without a hotplug callback" refuses cpuhp scavenger
check "no load without a shrinker" refuses shrinker shrinker
check "no load without anything" refuses any "arena map"
for place in debugfs slab; do
	check "a load without $place" insmod /kspan.ko "inject=$place:1"
	check "one request for $place failed" is 1 failed
	check "it works without $place" use
	check "unload without $place" rmmod kspan
done
check "nothing is left" no_areas

check "load kspan" insmod /kspan.ko
release
invariants "after load" 1
check "no memory to show arenas" no_arenas_file
check "stress with failures" fault_stress 1 2 3 7
release
invariants "after the stress" 1
check "unload kspan" rmmod kspan
check "nothing is left of it" no_areas
[ ! -e $KMEMLEAK ] || check "kmemleak finds nothing of kspan's" leaks_nothing
all_ok
