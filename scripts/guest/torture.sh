#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Torture: load, clients, stress with CPUs going and coming, exact numbers at
# the end, unload, and nothing left behind.  guest.seconds=N says how long,
# guest.params=... are parameters of kspan.ko, guest.torture=... more of
# kspan_torture.ko.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

RUN=$(arg seconds 20)
KMEMLEAK=/sys/kernel/debug/kmemleak
TORTURE_DIR=/sys/kernel/debug/kspan_torture
# The last CPU goes offline now and then, unless it is the only one.
LAST=/sys/devices/system/cpu/cpu$(($(nproc) - 1))/online

# refused PARAMETER=VALUE: the load fails and the message names the parameter.
refused()
{
	dmesg -c >/dev/null
	fails insmod /kspan.ko "$1" || return
	dmesg | grep -q "kspan: .*${1%=*}" && return
	echo "no message names ${1%=*}"
	return 1
}

# leaked SMALL LARGE: kmemleak finds so many objects of either size that
# forget=1 leaves behind.
leaked()
{
	# What is younger than 5 s is not looked at; the second scan reports.
	sleep 6
	echo scan >$KMEMLEAK
	echo scan >$KMEMLEAK
	is "$1" grep -c 'unreferenced object .* (size 104):' $KMEMLEAK &&
		is "$2" grep -c 'unreferenced object .* (size 1048576):' $KMEMLEAK
}

# load_torture PARAMETER...: and those of the machine.
load_torture()
{
	# shellcheck disable=SC2046 # a list of parameters
	insmod /kspan_torture.ko $(arg torture "") "$@"
}

# stress: watch the run until it ends; everything must be readable meanwhile.
stress()
{
	stress_left=$((RUN * 3 + 60))
	stress_looks=0
	while :; do
		result=$(cat $TORTURE_DIR/result)
		case $result in
		PASS* | FAIL*) break ;;
		esac
		for file in stats by_size arenas spans; do
			if ! cat "$DIR/$file" >/dev/null; then
				echo "cannot read $file"
				return 1
			fi
		done
		is ok cat "$DIR/verify" || return
		# All shrinkers, as when memory is short.
		echo 2 >/proc/sys/vm/drop_caches
		stress_looks=$((stress_looks + 1))
		if [ "$LAST" != /sys/devices/system/cpu/cpu0/online ] &&
			[ -e "$LAST" ]; then
			echo $((stress_looks % 2)) >"$LAST"
		fi
		stress_left=$((stress_left - 1))
		if [ "$stress_left" -eq 0 ]; then
			echo "does not end: $result"
			return 1
		fi
		sleep 1
	done
	[ ! -e "$LAST" ] || echo 1 >"$LAST"
	case $result in
	"PASS ops="[1-9]*) info "$result, $stress_looks looks" ;;
	*) echo "$result"; return 1 ;;
	esac
}

# fails_stress: the run says FAIL, in time.
fails_stress()
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		case $(cat $TORTURE_DIR/result) in
		FAIL*) return ;;
		PASS*) echo "it passed"; return 1 ;;
		esac
		sleep 1
	done
	echo "it does not end"
	return 1
}

ten_loads()
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		load_unload || { echo "cycle $i"; return 1; }
	done
}

# no_leak: after a load and unload that warms up, ten more leave nothing.
no_leak()
{
	load_unload && keeps_memory "10 load cycles" ten_loads
}

for bad in check=9 scavenge_ms=0 randomize=7 reserve_kb=99999999; do
	check "load with $bad is refused" refused $bad
done

# shellcheck disable=SC2046 # a list of parameters
check "load kspan" insmod /kspan.ko $(arg params "")
check "debugfs has kspan" test -e "$DIR/stats"
[ -e "$DIR/stats" ] || exit 1
release
# A chunk may lose a heap page to alignment, the next one may not.
heap_sys_0=$(($(kstat heap_sys) + 65536))
invariants "after load" 1

check "load kspan_client" insmod /kspan_client.ko nr=10000
check "the client's objects are counted" not_above 10000 "$(kstat heap_objects)"
invariants "with a client" 0
check "unload of kspan is refused meanwhile" fails rmmod kspan
check "unload kspan_client" rmmod kspan_client
invariants "after the client" 1

check "load kspan_torture" load_torture seconds="$RUN"
check "stress for $RUN s" stress
check "unload kspan_torture" rmmod kspan_torture
check "the kernel had memory back" not_above 1 "$(kstat shrink_runs)"
released=$(kstat heap_released)
release
invariants "after the stress" 1
check "heap_sys is back to the reserve" \
	not_above "$(kstat heap_sys)" "$heap_sys_0"
check "heap_released only grows" not_above "$released" "$(kstat heap_released)"
# More objects than there is memory for: NULL, and nobody is killed for it.
check "more than there is gives no memory" fails insmod /kspan_client.ko nr=9999999
check "that was for want of memory" not_above 1 "$(kstat oom_fail)"
release
invariants "after want of memory" 1
check "heap_sys is back to the reserve again" \
	not_above "$(kstat heap_sys)" "$heap_sys_0"
check "unload kspan" rmmod kspan

check "ten loads and unloads leak nothing" no_leak
check "no vmalloc area is left" no_areas

# The stress must notice a byte that is wrong; it does not free that object.
check "load kspan for a run that must fail" insmod /kspan.ko
check "load kspan_torture to fail" load_torture seconds=1 sabotage=1
check "it fails" fails_stress
check "unload kspan_torture that failed" rmmod kspan_torture
check "unload kspan that did not" rmmod kspan

# Nothing is used twice with sbrk=1, and what was used is not given back.
check "load kspan with sbrk=1" insmod /kspan.ko sbrk=1
check "client of sbrk" insmod /kspan_client.ko nr=1000
inuse=$(kstat heap_inuse)
check "end of the client of sbrk" rmmod kspan_client
release
check "freed memory stays" not_above $((inuse * 9 / 10)) "$(kstat heap_inuse)"
check "all of it is free" is 0 kstat heap_objects
check "verify with sbrk" is ok cat "$DIR/verify"
check "unload kspan with sbrk" rmmod kspan

[ ! -e $KMEMLEAK ] || check "kmemleak finds nothing forgotten" leaked 0 0

# What a client forgets is reported by class, and its memory stays.
check "load kspan to forget" insmod /kspan.ko check=1
check "load kspan_torture to forget" load_torture seconds=1 forget=1
check "a short stress" stress
check "unload kspan_torture that forgets" rmmod kspan_torture
[ ! -e $KMEMLEAK ] || check "kmemleak finds what was forgotten" leaked 2 1
dmesg -c >/dev/null
check "unload kspan with live objects" rmmod kspan
for said in "unloaded with 3 live objects, 1048784 bytes" \
	": 2 objects of 104 bytes" "large: 1 objects, 1048576 bytes"; do
	check "the log says '$said'" eval "dmesg | grep -q '$said'"
done
all_ok
