#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Torture: load, clients, stress with CPUs going and coming, exact numbers at
# the end, unload, and nothing left behind.  guest.seconds=N says how long,
# guest.params=... are parameters of kspan.ko, guest.torture=... more of
# kspan_torture.ko.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

RUN=$(arg seconds 20)
TORTURE_DIR=/sys/kernel/debug/kspan_torture
# The last CPU goes offline now and then, unless it is the only one.
LAST=/sys/devices/system/cpu/cpu$(($(nproc) - 1))/online

# invariants WHEN EMPTY: all numbers, and the structures behind them.
invariants()
{
	set -- "$1" "$2" "$DIR/stats" "$DIR/by_size"
	[ ! -e "$DIR/caches" ] || set -- "$@" "$DIR/caches"
	inv_when=$1
	inv_empty=$2
	shift 2
	awk -f /invariants.awk -v when="$inv_when" -v empty="$inv_empty" \
		"$@" >&3 || nr_failed=$((nr_failed + 1))
	check "$inv_when: verify" is ok cat "$DIR/verify"
}

release()
{
	echo 1 >"$DIR/release"
}

# refused PARAMETER=VALUE: the load fails and the message names the parameter.
refused()
{
	dmesg -c >/dev/null
	fails insmod /kspan.ko "$1" || return
	dmesg | grep -q "kspan: .*${1%=*}" && return
	echo "no message names ${1%=*}"
	return 1
}

not_above()
{
	[ "$1" -le "$2" ] && return
	echo "$1 is above $2"
	return 1
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

# memory: kB of MemFree, Slab, Percpu and VmallocUsed, in this order.
memory()
{
	for name in MemFree Slab Percpu VmallocUsed; do
		awk -v name="$name:" '$1 == name { print $2 }' /proc/meminfo
	done
}

# settle: let deferred frees happen before memory is compared.
settle()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
}

load_unload()
{
	insmod /kspan.ko && insmod /kspan_client.ko nr=1000 &&
		rmmod kspan_client && rmmod kspan
}

# no_leak: after a load and unload that warms up, ten more leave nothing.
no_leak()
{
	load_unload || return
	settle
	before=$(memory)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		load_unload || { echo "cycle $i"; return 1; }
	done
	settle
	# shellcheck disable=SC2046,SC2086 # four numbers each
	set -- $before $(memory)
	info "10 load cycles, kB before and after: MemFree $1 $5," \
		"Slab $2 $6, Percpu $3 $7, VmallocUsed $4 $8"
	# Each cycle takes its reserve, 2 MiB, from vmalloc: ten leak 20 MiB. What
	# CPUs keep of free pages comes and goes.
	not_above $(($1 - 10240)) "$5" && not_above "$6" $(($2 + 2048)) &&
		not_above "$7" "$3" && not_above "$8" $(($4 + 256))
}

# An area whose caller is a bare number was made by a module that is gone.
no_areas()
{
	awk '$3 ~ /^0x/ || /kspan/ { print; found = 1 } END { exit found }' \
		/proc/vmallocinfo
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

# shellcheck disable=SC2046 # a list of parameters
check "load kspan_torture" insmod /kspan_torture.ko seconds="$RUN" \
	$(arg torture "")
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
check "load kspan_torture to fail" insmod /kspan_torture.ko seconds=1 sabotage=1
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

# What a client forgets is reported by class, and its memory stays.
check "load kspan to forget" insmod /kspan.ko
check "load kspan_torture to forget" insmod /kspan_torture.ko seconds=1 forget=1
check "a short stress" stress
check "unload kspan_torture that forgets" rmmod kspan_torture
dmesg -c >/dev/null
check "unload kspan with live objects" rmmod kspan
for said in "unloaded with 3 live objects, 1048784 bytes" \
	": 2 objects of 104 bytes" "large: 1 objects, 1048576 bytes"; do
	check "the log says '$said'" eval "dmesg | grep -q '$said'"
done
all_ok
