#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Torture: load, clients, stress with CPU hotplug, exact numbers at the end,
# unload, and nothing left behind. guest.seconds=N is the length of the stress,
# guest.params=... are parameters of kspan.ko, guest.torture=... more of
# kspan_torture.ko.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh
# shellcheck source=scripts/guest/stress.sh
. /stress.sh

RUN=$(arg seconds 20)
# Records of a client, 2 KiB each, that take only a part of the memory.
RECORDS=$(($(memory MemFree) / 8))
[ $RECORDS -le 10000 ] || RECORDS=10000
FORGOTTEN=/sys/module/kspan_forgotten/parameters
LAST=$(mask $((CPUS - 1)))
LAST_ONLINE=/sys/devices/system/cpu/cpu$((CPUS - 1))/online

# refused PARAMETER=VALUE: the load fails, and a message of kspan itself names
# the parameter and its range.
refused()
{
	dmesg -c >/dev/null
	fails insmod /kspan.ko "$1" || return
	dmesg | grep -qE "kspan: parameter $1: (must be|more than) " && return
	echo "no message names ${1%=*}"
	return 1
}

# has_nodes N: N nodes have memory.
has_nodes()
{
	is "$1" eval 'grep -c "Node .* MemTotal: *[1-9]" \
		/sys/devices/system/node/node*/meminfo | grep -c ":1$"'
}

# is_wiping: whether free objects are wiped at once.
is_wiping()
{
	grep -qw init_on_free=1 /proc/cmdline
}

# has_magazines: whether objects come from magazines, as they do below check=2.
has_magazines()
{
	[ "$(cat /sys/module/kspan/parameters/check)" -lt 2 ]
}

# magazines_alloc, magazines_free: most accesses to spans move several objects.
# Without magazines each access moves one.
magazines_alloc()
{
	not_above $((3 * $(kstat refill))) $((2 * $(kstat nmalloc)))
}

magazines_free()
{
	not_above $((3 * $(kstat flush))) $((2 * $(kstat nfree)))
}

# no_null: in a run no request that may wait got NULL.  In an undisturbed run
# few atomic requests did, and interrupts of both kinds made requests.
no_null()
{
	is 0 result null || return
	not_above 1 "$(result hard)" && not_above 1 "$(result soft)" &&
		not_above $(($(result atomic_null) * 20)) "$(result ops)"
}

# gone_cpu_keeps_nothing: the content of a CPU's caches is given back while the
# CPU is offline.
gone_cpu_keeps_nothing()
{
	release
	gone_before=$(kstat heap_inuse)
	taskset "$LAST" insmod /kspan_client.ko nr=$RECORDS || return
	taskset "$LAST" rmmod kspan_client || return
	gone_cached=$(kstat heap_inuse)
	echo 0 >"$LAST_ONLINE" || return
	release
	gone_after=$(kstat heap_inuse)
	gone_verify=$(cat "$DIR/verify")
	echo 1 >"$LAST_ONLINE" || return
	is ok echo "$gone_verify" || return
	info "in use, kB: $((gone_before >> 10)), before the CPU went" \
		"$((gone_cached >> 10)), after it $((gone_after >> 10))"
	# Without magazines a CPU keeps nothing while it is here either.
	! has_magazines || not_above $((gone_before + 262144)) "$gone_cached" ||
		return
	not_above "$gone_after" $((gone_before + 32768))
}

# limit_gives_back: setting memory_limit below sys gives idle memory back
# without a release.
limit_gives_back()
{
	insmod /kspan_client.ko nr=$RECORDS && rmmod kspan_client || return
	not_above $((heap_sys_0 + 1)) "$(kstat heap_sys)" || return
	echo 1 >"$DIR/memory_limit" || return
	limit_after=$(kstat heap_sys)
	echo 0 >"$DIR/memory_limit"
	not_above "$limit_after" "$heap_sys_0"
}

# spans_are_all: the file spans accounts for all live objects, small and large.
# (Tiny objects count singly, but the client has none.)
spans_are_all()
{
	# shellcheck disable=SC2016 # awk's
	is "$(kstat heap_objects)" awk 'NR > 1 { nr += $4 } END { print nr }' \
		"$DIR/spans"
}

# arenas_are_all: the file arenas accounts for all of the heap, which has no
# large objects here.
arenas_are_all()
{
	release
	# shellcheck disable=SC2016 # awk's
	is "$(kstat heap_sys)" awk \
		'NR > 1 { pages += $3 + $4 } END { printf "%d\n", pages * 8192 }' \
		"$DIR/arenas"
}

# nr_heaps NAME: how many heaps of that name there are.
nr_heaps()
{
	awk -v name="$1" 'NR > 1 && $1 == name' "$DIR/heaps" | wc -l
}

# turned: each loop beside the stress ran.
turned()
{
	turned_want="verify release limit pressure read_stats read_by_size
		read_arenas read_spans read_memory_limit"
	[ ! -e /sys/devices/system/cpu/cpu1/online ] ||
		turned_want="$turned_want hotplug"
	for turned_name in $turned_want; do
		[ "$(turns "$turned_name")" -gt 0 ] && continue
		echo "not once: $turned_name"
		return 1
	done
}

# has_nmis: whether the stress can send NMIs.
has_nmis()
{
	grep -qw apic /proc/cpuinfo
}

# fails_stress: the run ends with FAIL, in time.
fails_stress()
{
	for i in $(seq 30); do
		case $(cat $TORTURE_DIR/result) in
		FAIL*) return ;;
		PASS*) echo "it passed"; return 1 ;;
		esac
		sleep 1
	done
	echo "it does not end"
	return 1
}

# leaks_forgotten: kmemleak finds exactly the three objects that forget=1 leaves
# behind, by the sizes of their classes with check=1.  A stale value on the
# stack of a worker looks like a pointer until it is overwritten, so keep the
# workers busy.
leaks_forgotten()
{
	for i in 1 2 3 4 5 6 7 8; do
		leak_scan || return
		[ "$(leaks_of_kspan)" -lt 3 ] || break
		for forgotten_cpu in $(seq 0 $((CPUS - 1))); do
			taskset "$(mask "$forgotten_cpu")" insmod /kspan_client.ko nr=300
			taskset "$(mask "$forgotten_cpu")" rmmod kspan_client
		done
		release
		echo 3 >/proc/sys/vm/drop_caches
	done
	info "kmemleak looked $i times for what was forgotten"
	is 2 leaks_of_size 104 && is 1 leaks_of_size 1048576 &&
		is 3 leaks_of_kspan
}

# wants_memory: a client that wants all memory gets NULL, and no process is
# killed.  A file takes most of the memory first.  Where vmalloc() has fewer
# addresses than there is memory, the client exhausts those.
wants_memory()
{
	wants_before=$(kstat oom_fail)
	mkdir -p $STRESS/fill
	mount -t tmpfs -o size=90% none $STRESS/fill
	wants_kb=$(($(memory MemFree) - 65536))
	if [ "$(memory VmallocTotal)" -lt "$(memory MemFree)" ]; then
		info "the client has more memory than addresses"
	elif [ $wants_kb -gt 0 ]; then
		dd if=/dev/zero of=$STRESS/fill/file bs=64k \
			count=$((wants_kb / 64)) 2>/dev/null
	fi
	fails insmod /kspan_client.ko nr=9999999
	wants_failed=$?
	umount $STRESS/fill
	[ $wants_failed -eq 0 ] &&
		not_above $((wants_before + 1)) "$(kstat oom_fail)"
}

# comes_back BYTES: heap_sys soon falls to that without a release.
comes_back()
{
	back_s=0
	while [ "$(kstat heap_sys)" -gt "$1" ]; do
		if [ $back_s -eq 20 ]; then
			echo "after $back_s s heap_sys is $(kstat heap_sys)"
			return 1
		fi
		back_s=$((back_s + 1))
		sleep 1
	done
	info "memory came back within $back_s s"
}

# comes_back_soon: the same for what one idle CPU used, within a second, which
# is 50 times scavenge_ms.  A timer that waits until that CPU wakes up for
# another reason would be too late.  A busy host delays everything, hence three
# tries.
comes_back_soon()
{
	for i in 1 2 3; do
		soon_before=$(kstat heap_sys)
		taskset "$LAST" insmod /kspan_client.ko nr=$RECORDS || return
		soon_used=$(kstat heap_sys)
		taskset "$LAST" rmmod kspan_client || return
		# Looking in between would wake CPUs.
		sleep 1
		soon_after=$(kstat heap_sys)
		not_above $((soon_before * 3)) "$soon_used" || return
		not_above "$soon_after" $((soon_before + 65536)) && return
		release
	done
	return 1
}

# clients_use BYTES: a client on each CPU in turn raises heap_sys above that.
clients_use()
{
	for i in $(seq 0 $((CPUS - 1))); do
		taskset "$(mask "$i")" insmod /kspan_client.ko nr=$((RECORDS / 3)) || return
		clients_bytes=$(kstat heap_sys)
		taskset "$(mask "$i")" rmmod kspan_client || return
		not_above "$1" "$clients_bytes" || return
	done
}

# gives_back: memory used on all CPUs is given back when they are idle, except
# the one that runs this job.  The scavenger's timer started on the last CPU.
gives_back()
{
	pin 1
	check "load kspan for memory to come back" \
		taskset "$LAST" insmod /kspan.ko scavenge_ms=500
	release
	gives_bytes=$(($(kstat heap_sys) + 2 * 1024 * 1024))
	check "load kspan_torture for that" load_torture seconds=2
	check "it ends" run_ends
	check "it gives everybody memory" no_null
	check "unload it" rmmod kspan_torture
	check "clients use memory on each CPU" clients_use $gives_bytes
	check "memory comes back by itself" comes_back $gives_bytes
	check "no object is left there" is 0 kstat heap_objects
	check "unload kspan that gave it back" rmmod kspan
	check "load kspan for memory to come back soon" \
		taskset "$LAST" insmod /kspan.ko scavenge_ms=20
	check "an idle CPU's memory comes back soon" comes_back_soon
	check "unload kspan that gave it back soon" rmmod kspan
	pin "$(printf %x $(((1 << CPUS) - 1)))"
}

# late_frees: each object that outlived its kspan is a bad free for this one,
# and nothing else changes.
late_frees()
{
	late_before=$(kstat nfree)
	for i in $(seq 0 $(($(cat $FORGOTTEN/late_free) - 1))); do
		is "$i" kstat bad_free || return
		echo "$i" >$FORGOTTEN/late_free || return
	done
	is "$(cat $FORGOTTEN/late_free)" kstat bad_free &&
		is 0 kstat double_free && is 0 kstat heap_objects &&
		is "$late_before" kstat nfree && is ok cat "$DIR/verify"
}

# linked: with check=2, objects that are freed while they are in a list.
linked()
{
	check "load kspan with check=2 for linked objects" insmod /kspan.ko check=2
	expect_reports
	check "frees of objects in a list are reported, others are not" \
		insmod /kspan_linked.ko
	expect_no_reports
	check "unload kspan_linked" rmmod kspan_linked
	check "verify after frees of linked objects" is ok cat "$DIR/verify"
	check "unload kspan after frees of linked objects" rmmod kspan
}

# race CHECK: two frees of one object at the same time.
race()
{
	dmesg -c >/dev/null
	check "check=$1: load kspan for races" insmod /kspan.ko "check=$1"
	expect_reports
	check "check=$1: each of two frees at once is reported" \
		insmod /kspan_race.ko light="$((SLOW + (CPUS > 4)))"
	expect_no_reports
	info "check=$1: $(dmesg | sed -n 's/.*kspan_race: done: //p')"
	check "check=$1: unload kspan_race" rmmod kspan_race
	check "check=$1: nothing is corrupt after that" is 0 kstat corrupt
	check "check=$1: verify after races" is ok cat "$DIR/verify"
	check "check=$1: unload kspan after races" rmmod kspan
}

# reclaims: a client's shrinker that calls kspan_release() ran.
reclaims()
{
	echo 2 >/proc/sys/vm/drop_caches
	not_above 1 "$(cat /sys/module/kspan_reclaim/parameters/scans)"
}

# reclaim: kspan_release() and what else waits, from a WQ_MEM_RECLAIM worker, a
# task with PF_MEMALLOC and a client's shrinker.
reclaim()
{
	check "load kspan for clients that reclaim" insmod /kspan.ko
	check "release from WQ_MEM_RECLAIM and PF_MEMALLOC" \
		insmod /kspan_reclaim.ko
	check "release from a client's shrinker" reclaims
	check "unload kspan_reclaim" rmmod kspan_reclaim
	check "nothing is left of it" is 0 kstat heap_objects
	check "verify after it" is ok cat "$DIR/verify"
	check "unload kspan after it" rmmod kspan
}

# outlive CHECK: objects that outlive kspan.
outlive()
{
	check "check=$1: load kspan" insmod /kspan.ko "check=$1"
	check "check=$1: load kspan_forgotten" insmod /kspan_forgotten.ko
	check "check=$1: what it wrote is there" is ok cat $FORGOTTEN/compare
	check "check=$1: unload kspan" rmmod kspan
	check "check=$1: the bytes outlive kspan" is ok cat $FORGOTTEN/compare
	check "check=$1: load kspan again" insmod /kspan.ko "check=$1"
	check "check=$1: load a client" insmod /kspan_client.ko nr=$((RECORDS / 3))
	check "check=$1: unload the client" rmmod kspan_client
	check "check=$1: the bytes outlive a client" is ok cat $FORGOTTEN/compare
	release
	expect_reports
	check "check=$1: late frees are bad frees" late_frees
	expect_no_reports
	check "check=$1: the bytes outlive late frees" is ok cat $FORGOTTEN/compare
	dmesg -c >/dev/null
	check "check=$1: unload kspan again" rmmod kspan
	check "check=$1: that forgot nothing" fails eval "dmesg | grep 'kspan: '"
	check "check=$1: the bytes outlive all" is ok cat $FORGOTTEN/compare
	check "check=$1: unload kspan_forgotten" rmmod kspan_forgotten
}

ten_loads()
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		load_unload || { echo "cycle $i"; return 1; }
	done
}

# no_leak: after a first load and unload, ten more take no memory.
no_leak()
{
	load_unload && keeps_memory "10 load cycles" ten_loads
}

info "machine $(uname -r) $CPUS CPUs $(memory MemTotal) kB"

[ -z "$(arg nodes "")" ] || check "it has $(arg nodes "") nodes" \
	has_nodes "$(arg nodes "")"
for bad in check=9 quarantine_kb=99999999 scavenge_ms=0 randomize=7 reserve_kb=99999999 sbrk=2 \
	memory_limit=-1 inject=heap:1; do
	check "load with $bad is refused" refused $bad
done

# shellcheck disable=SC2046 # a list of parameters
check "load kspan" insmod /kspan.ko $(arg params "")
check "debugfs has kspan" test -e "$DIR/stats"
[ -e "$DIR/stats" ] || exit 1
release
check "the header's promises are kept" insmod /kspan_promises.ko
check "unload kspan_promises" rmmod kspan_promises
release
# One chunk may lose a heap page to alignment, another may not.
heap_sys_0=$(($(kstat heap_sys) + 65536))
invariants "after load" 1

check "load kspan_client" insmod /kspan_client.ko nr=$RECORDS
check "the client's objects are counted" not_above $RECORDS "$(kstat heap_objects)"
invariants "with a client" 0
check "debugfs is root's alone" debugfs_is_shut
check "the file spans has every object" spans_are_all
check "the file arenas has all memory" arenas_are_all
check "no kernel address in debugfs" no_addresses "$DIR"/[!r]*
check "memory_limit refuses what is none" limit_refuses x -1 12k 0x \
	99999999999999999999
check "release cannot be read" fails cat "$DIR/release"
check "unload of kspan is refused meanwhile" fails rmmod kspan
check "unload kspan_client" rmmod kspan_client
! has_magazines || check "the client's objects are from magazines" magazines_alloc
invariants "after the client" 1

check "load kspan_torture" load_torture seconds="$RUN"
check "it has a heap of its name" is 1 nr_heaps kspan_torture
check "stress for $RUN s" stress
info "stress $(cat $STRESS/result)"
check "unload kspan_torture" rmmod kspan_torture
check "its heap went with it" is 0 nr_heaps kspan_torture
if has_magazines; then
	check "the objects of the stress are from magazines" magazines_alloc
	# Wiping keeps the spans' pages at hand instead.
	is_wiping || check "and went to magazines" magazines_free
fi
check "each loop beside it went round" turned
check "hardirqs allocated and freed" not_above 1 "$(result hard)"
check "softirqs did" not_above 1 "$(result soft)"
! has_nmis || check "NMIs came" not_above 1 "$(result nmis)"
if has_nmis && has_magazines; then
	check "and allocated" not_above 1 "$(result nmi_objects)"
fi
# A short run or a slow kernel may end before these happen.
if [ "$RUN" -ge 15 ] && [ "$SLOW" -eq 0 ]; then
	check "the kernel asked for memory" not_above 1 "$(kstat shrink_runs)"
	[ ! -e $HUGE ] || check "when it was short of it" not_above 1 "$(pressed)"
	check "memory_limit was reached" not_above 1 "$(kstat limit_fail)"
	[ "$CPUS" -eq 1 ] ||
		check "CPUs went and came" not_above 1 "$(result returns)"
fi
released=$(kstat heap_released)
release
invariants "after the stress" 1
check "heap_sys is back to the reserve" \
	not_above "$(kstat heap_sys)" "$heap_sys_0"
check "heap_released only grows" not_above "$released" "$(kstat heap_released)"
check "a memory_limit below sys gives back" limit_gives_back
if [ -e "$LAST_ONLINE" ]; then
	pin 1
	check "a CPU that is away keeps no memory" gone_cpu_keeps_nothing
	pin "$(printf %x $(((1 << CPUS) - 1)))"
fi
check "more than there is gives no memory" wants_memory
release
invariants "after want of memory" 1
check "heap_sys is back to the reserve again" \
	not_above "$(kstat heap_sys)" "$heap_sys_0"
check "unload kspan" rmmod kspan

check "ten loads and unloads leak nothing" no_leak
check "no vmalloc area is left" no_areas

gives_back

# The current blocks of tiny objects are not reported as live objects.
check "load kspan to unload it at once" insmod /kspan.ko
check "load kspan_torture to unload it at once" load_torture seconds=1
check "its run ends" run_ends
check "unload kspan_torture at once" rmmod kspan_torture
dmesg -c >/dev/null
check "unload kspan at once, without a release" rmmod kspan
check "it has nothing to say" fails eval "dmesg | grep 'kspan: '"
check "no vmalloc area is left of it" no_areas

# The stress must find a wrong byte.  It does not free that object.
check "load kspan for a run that must fail" insmod /kspan.ko
check "load kspan_torture to fail" load_torture seconds=20 sabotage=1
check "it fails" fails_stress
check "unload kspan_torture that failed" rmmod kspan_torture
check "unload kspan that did not" rmmod kspan

# With sbrk=1 memory is never reused, nor given back.
check "load kspan with sbrk=1" insmod /kspan.ko sbrk=1
check "client of sbrk" insmod /kspan_client.ko nr=1000
inuse=$(kstat heap_inuse)
check "end of the client of sbrk" rmmod kspan_client
release
check "freed memory stays" not_above $((inuse * 9 / 10)) "$(kstat heap_inuse)"
check "all of it is free" is 0 kstat heap_objects
check "verify with sbrk" is ok cat "$DIR/verify"
check "unload kspan with sbrk" rmmod kspan

[ ! -e $KMEMLEAK ] || check "kmemleak finds nothing of kspan's" leaks_nothing

# Forgotten objects are reported by class, and their memory remains.
check "load kspan to forget" insmod /kspan.ko check=1
check "load kspan_torture to forget" load_torture seconds=1 forget=1
check "a short stress" run_ends
check "unload kspan_torture that forgets" rmmod kspan_torture
[ ! -e $KMEMLEAK ] || check "kmemleak finds what was forgotten" leaks_forgotten
dmesg -c >/dev/null
check "unload kspan with live objects" rmmod kspan
for said in "unloaded with 3 live objects, 1048784 bytes" \
	": 2 objects of 104 bytes" "large: 1 objects, 1048576 bytes"; do
	check "the log says '$said'" eval "dmesg | grep -q '$said'"
done

reclaim
race 1
race 2
linked
outlive 1
outlive 2
all_ok
