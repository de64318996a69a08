#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Failures of the kernel, by kspan's own injector: every request of a load, one
# after the other; every place; and a stress in which requests fail all the
# time.  guest.seconds=N says how long that one runs.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

RUN=$(arg seconds 10)
PLAN=/sys/module/kspan/parameters/inject
TORTURE_DIR=/sys/kernel/debug/kspan_torture

# use: what is loaded works, with debugfs or without.
use()
{
	insmod /kspan_client.ko nr=300 && rmmod kspan_client || return
	[ ! -e "$DIR/verify" ] || is ok cat "$DIR/verify"
}

# each_request: fail the first request of a load, then the second, until a
# load does not make so many.
each_request()
{
	each_refused=0
	each_without=0
	each_nr=1
	while :; do
		if insmod /kspan.ko inject=any:$each_nr 2>/dev/null; then
			each_plan=$(cat $PLAN)
			if ! use || ! rmmod kspan; then
				echo "load $each_nr"
				return 1
			fi
			case $each_plan in
			off*) each_without=$((each_without + 1)) ;;
			*) break ;;
			esac
		else
			each_refused=$((each_refused + 1))
		fi
		no_areas || { echo "load $each_nr"; return 1; }
		each_nr=$((each_nr + 1))
	done
	info "of $((each_nr - 1)) requests of a load $each_refused refuse it," \
		"$each_without do not matter"
	not_above 10 "$each_refused" && not_above 1 "$each_without"
}

# refuses PLACE: no load when that place fails, and the log says so.
refuses()
{
	dmesg -c >/dev/null
	fails insmod /kspan.ko "inject=$1+1" || return
	dmesg | grep -q 'kspan: no memory for the' && return
	echo "the log does not say so"
	return 1
}

# stress: the run ends well, although every N-th request fails, N as given.
stress()
{
	insmod /kspan_torture.ko seconds="$RUN" || return
	stress_left=$((RUN * 3 + 60))
	stress_failed=0
	while :; do
		result=$(cat $TORTURE_DIR/result)
		case $result in
		PASS*) break ;;
		FAIL*) echo "$result"; return 1 ;;
		esac
		for nr in "$@"; do
			echo "any/$nr" >$PLAN
			sleep 1
			stress_failed=$((stress_failed + $(sed 's/.*, //; s/ .*//' $PLAN)))
		done
		echo off >$PLAN
		is ok cat "$DIR/verify" || return
		stress_left=$((stress_left - 1))
		[ "$stress_left" -gt 0 ] || { echo "does not end: $result"; return 1; }
	done
	info "$result; $stress_failed requests failed"
	rmmod kspan_torture && not_above 100 "$stress_failed"
}

check "load and unload" load_unload
check "each request of a load" keeps_memory "a load for each request" each_request
for place in chunk table percpu worker cpuhp shrinker any; do
	check "no load without $place" refuses $place
done
for place in debugfs slab; do
	check "a load without $place" insmod /kspan.ko "inject=$place:1"
	check "it works without $place" use
	check "unload without $place" rmmod kspan
done
check "nothing is left" no_areas

check "load kspan" insmod /kspan.ko
release
invariants "after load" 1
check "stress with failures" stress 1 2 3 7
release
invariants "after the stress" 1
check "unload kspan" rmmod kspan
check "nothing is left of it" no_areas
all_ok
