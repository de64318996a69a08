#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Memory that is short or on another node: kspan serves as many requests as
# kmalloc(), and no process is killed.  With guest.nodes=2 the machine has two
# nodes, and the checks are about the node that memory comes from.  On a machine
# with less than 200 MB they are about idle memory that others need.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

SHORT=/sys/module/kspan_short/parameters
LIMIT=83886080
CPUS=$(nproc)

# try TEST A B: make an attempt and report its outcome.
try()
{
	echo "$@" >$SHORT/run
	info "$*: $(cat $SHORT/result)"
}

# got NAME: a number from the last result.
got()
{
	sed "s/.*\b$1 \([0-9]*\).*/\1/" $SHORT/result
}

# as_kmalloc TEST SIZE NR: kspan serves all, or as many as kmalloc().
as_kmalloc()
{
	try "$@" || return
	[ "$(got kspan)" -eq "$3" ] || not_above "$(got kmalloc)" "$(got kspan)"
}

# all TEST SIZE NR: kspan serves all.
all()
{
	try "$@" || return
	is "$3" got kspan
}

# all_there TEST NODE NR: kspan serves all from that node.
all_there()
{
	all "$@" && is "$3" got there
}

# dying SIZE NR: run in a process of its own, which does not survive.
dying()
{
	sh -c "echo dying $* >$SHORT/run"
	info "dying $*: $(cat $SHORT/result)"
	is "$2" got kspan
}

# one_within_limit BYTES: when all CPUs request BYTES at once one succeeds, and
# sys is never above the limit.
one_within_limit()
{
	for _ in 1 2 3 4 5; do
		try limit "$1" 0 || return
		is 1 got kspan || return
		not_above "$(got most)" $LIMIT || return
		release
	done
}

# leave_mb N: leave N MiB of memory; huge pages and then a file take the rest.
leave_mb()
{
	echo $(($(memory MemAvailable) / 2048)) >/proc/sys/vm/nr_hugepages
	mkdir -p /fill
	mount -t tmpfs -o size=100% none /fill
	dd if=/dev/zero of=/fill/file bs=64k \
		count=$((($(memory MemAvailable) - $1 * 1024) / 64)) 2>/dev/null
	# Writing takes a few pages of its own: give back what is too much.
	fill_mb=$(($(stat -c %s /fill/file) >> 20))
	while [ "$(memory MemAvailable)" -lt $(($1 * 1024)) ]; do
		fill_mb=$((fill_mb - 1))
		truncate -s ${fill_mb}M /fill/file
	done
	info "$(memory MemTotal MemAvailable | tr '\n' ' ')kB in all and available"
}

# comes_back: all objects are free, and heap_sys is the reserve.  A worker that
# fills the reserve at the same time may add a chunk too many, so release again.
comes_back()
{
	for _ in 1 2 3; do
		release
		[ "$(kstat heap_sys)" -gt "$heap_sys_0" ] || break
	done
	is 0 kstat heap_objects && is ok cat "$DIR/verify" &&
		not_above "$(kstat heap_sys)" "$heap_sys_0"
}

nobody_killed()
{
	fails eval "dmesg | grep -E 'Out of memory|oom-kill|invoked oom'"
}

# short_memory: the checks for one node.
short_memory()
{
	check "a softirq's burst of small objects is served" all burst 2048 4096
	check "and comes back" comes_back
	check "a softirq's burst of large objects is served" all burst 40000 512
	check "and comes back" comes_back
	check "a softirq gets what kmalloc() gives" as_kmalloc burst 1048576 8
	check "and comes back" comes_back
	check "a dying task is served" dying 16384 2000
	check "and its memory comes back" comes_back
	check "one that writes pages out is served" all noio 4096 200
	check "as are atomic callers" is 200 got atomic
	check "and their memory comes back" comes_back
	if [ -e /proc/sys/vm/nr_hugepages ]; then
		leave_mb 12
		check "with 12 MiB available all are served" all plain 4096 1000
		check "large ones are, too" all plain 100000 20
		echo 0 >/proc/sys/vm/nr_hugepages
		umount /fill
		check "what they had comes back" comes_back
	fi
	if [ "$(memory VmallocTotal)" -lt "$(memory MemFree)" ]; then
		check "more is served than vmalloc() has addresses for" \
			as_kmalloc plain 1048576 $(($(memory MemFree) / 1024))
		check "in small objects, too" as_kmalloc plain 32768 16384
		check "and comes back" comes_back
	fi
	check "unload kspan_short" rmmod kspan_short
	check "unload kspan" rmmod kspan
	check "load kspan with a limit" insmod /kspan.ko memory_limit=$LIMIT
	check "load kspan_short below the limit" insmod /kspan_short.ko
	check "of $CPUS CPUs at once one gets what the limit allows" \
		one_within_limit 62914560
}

# fill_beyond MB: fill a file with MB more than is available.
fill_beyond()
{
	fill_mb=$(($(memory MemAvailable) / 1024 + $1))
	mkdir -p /fill
	mount -t tmpfs -o size=100% none /fill
	info "$(memory MemFree MemAvailable | tr '\n' ' ')kB free and available, $fill_mb MiB wanted"
	dd if=/dev/zero of=/fill/file bs=1M count=$fill_mb 2>/dev/null &&
		is $((fill_mb << 20)) stat -c %s /fill/file
}

# small_machine: memory that kspan holds for nobody is there for others at once,
# although caches of another CPU hold an object of each chunk.
small_machine()
{
	check "unload kspan_short" rmmod kspan_short
	check "unload kspan" rmmod kspan
	# The tick must not be what returns it.
	check "load kspan without ticks" insmod /kspan.ko scavenge_ms=3600000
	check "load kspan_short again" insmod /kspan_short.ko
	pin 1
	check "48 MiB become idle" all idle 4096 12288
	held=$(kstat heap_sys)
	check "that is what kspan holds" not_above $((40 << 20)) "$held"
	pin 4
	check "others get 32 MiB of them" fill_beyond 32
	check "kspan holds as much less" not_above "$(kstat heap_sys)" \
		$((held - (24 << 20)))
	umount /fill
	pin f
	check "what it still held comes back" comes_back
}

# two_nodes: a task bound to one node, by its policy or its cpuset, does not
# disturb the page heap of the other node.
two_nodes()
{
	pin 1
	check "a node's own memory is served" all_there node 0 4000
	check "by policy bound to the other node: all are served" \
		all bound 1 4000
	check "then the first one's is served" all_there node 0 4000
	check "and the other one's" all_there node 1 4000
	mkdir /cgroup
	mount -t cgroup2 none /cgroup
	echo +cpuset >/cgroup/cgroup.subtree_control
	mkdir /cgroup/bound
	if echo 1 >/cgroup/bound/cpuset.mems; then
		check "by cpuset bound to the other node: all are served" \
			sh -c "echo \$\$ >/cgroup/bound/cgroup.procs;
				echo plain 2048 4000 >$SHORT/run"
		info "bound by cpuset: $(cat $SHORT/result)"
		check "that is, all" is 4000 got kspan
		check "then the first one's is served, still" \
			all_there node 0 4000
		check "and the other one's, still" all_there node 1 4000
	else
		info "no cpusets here"
	fi
	check "all comes back" comes_back
}

# After fragmentation, the page allocator raises its watermarks for a while by
# up to 1.5 times the high one, which is as much as these checks leave.
echo 0 >/proc/sys/vm/watermark_boost_factor

# takes_the_reserve: what a load takes for objects is the reserve and no more.
takes_the_reserve()
{
	not_above "$(kstat heap_sys)" \
		$(($(cat /sys/module/kspan/parameters/reserve_kb) * 1024 + 65536))
}

check "load kspan" insmod /kspan.ko
# The reserve of each node is at least a chunk.
[ "$(arg nodes 1)" -gt 1 ] || check "it takes the reserve" takes_the_reserve
release
heap_sys_0=$(($(kstat heap_sys) + 65536))
check "load kspan_short" insmod /kspan_short.ko
if [ "$(arg nodes 1)" -gt 1 ]; then
	two_nodes
elif [ "$(memory MemTotal)" -lt 200000 ]; then
	small_machine
else
	short_memory
fi
check "verify" is ok cat "$DIR/verify"
check "unload kspan_short at the end" rmmod kspan_short
check "unload kspan at the end" rmmod kspan
check "nobody was killed" nobody_killed
check "no vmalloc area is left" no_areas
all_ok
