# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# stress.sh - a run of kspan_torture with loops beside it that take CPUs offline
# and online, exhaust memory, set limits, and read files.  Sourced after lib.sh.

TORTURE_DIR=/sys/kernel/debug/kspan_torture
# Each loop leaves NAME.turns here, and NAME.failed if it failed.
STRESS=/tmp/stress
CPUS=$(nproc)
# Debug kernels do a thousandth of the work.  There a pause follows each turn,
# as otherwise the torture would make no progress.
SLOW=$(arg slow 0)
# Sets the amount of free memory at which reclaim starts; and its initial value.
SCALE=/proc/sys/vm/watermark_scale_factor
SCALE_0=$(cat $SCALE)
HUGE=/proc/sys/vm/nr_hugepages

# With a boost allocations have less memory; on a small machine nearly none.
echo 0 >/proc/sys/vm/watermark_boost_factor

# load_torture PARAMETER...: load it with these and the machine's parameters.
load_torture()
{
	# shellcheck disable=SC2046 # a list of parameters
	insmod /kspan_torture.ko $(arg torture "") "$@"
}

# run_ends: wait for the end of the run; its result is in $STRESS/result.
run_ends()
{
	mkdir -p $STRESS
	ends_left=$((RUN * 3 + 90))
	while [ "$ends_left" -gt 0 ]; do
		cat $TORTURE_DIR/result >$STRESS/result
		grep -q '^running' $STRESS/result || break
		ends_left=$((ends_left - 1))
		sleep 1
	done
	grep -q '^PASS ops=[1-9]' $STRESS/result && return
	echo "the run says: $(cat $STRESS/result)"
	return 1
}

# result NAME: a number from the last run's result.
result()
{
	tr ' ' '\n' <$STRESS/result | sed -n "s/^$1=//p"
}

# turns NAME: how often a loop ran in the last run.
turns()
{
	cat "$STRESS/$1.turns" 2>/dev/null || echo 0
}

# beside NAME COMMAND...: repeat the command while the stress lasts.  The
# command gets the number of the turn as its last argument, and must undo its
# changes.
beside()
{
	beside_name=$1
	shift
	(
		turn=0
		while [ -e $STRESS/on ]; do
			if ! said=$("$@" $turn 2>&1); then
				echo "$said" >"$STRESS/$beside_name.failed"
				exit
			fi
			turn=$((turn + 1))
			echo $turn >"$STRESS/$beside_name.turns"
			[ "$SLOW" -eq 0 ] || sleep 2
		done
	) &
}

# --- the loops: each function is one turn ------------------------------------

reads()
{
	cat "$DIR/$1" >/dev/null || return
	usleep 100000
}

verifies()
{
	is ok cat "$DIR/verify" || return
	usleep 300000
}

releases()
{
	release || return
	usleep 1500000
}

# changes_cpus TURN: take a CPU offline and online; each but the first in turn.
changes_cpus()
{
	change_cpu=/sys/devices/system/cpu/cpu$(($1 % (CPUS - 1) + 1))/online
	echo 0 >"$change_cpu" || return
	usleep 200000
	echo 1 >"$change_cpu" || return
	usleep 300000
}

# limits: set memory_limit to half of the memory in use for a moment.
limits()
{
	usleep 1000000
	echo $(($(kstat sys) / 2)) >"$DIR/memory_limit" || return
	usleep 300000
	echo 0 >"$DIR/memory_limit"
}

# low_kb: reclaim starts when less memory than this is free.
low_kb()
{
	awk '$1 == "low" { pages += $2 } END { print pages * 4 }' /proc/zoneinfo
}

# fill_memory: until reclaim starts.  Huge pages go first, as nothing has to
# write to them; the rest is a file.
fill_memory()
{
	fill_low=$(low_kb)
	[ ! -e $HUGE ] ||
		echo $((($(memory MemFree) - fill_low) / 2048)) >$HUGE
	fill_left=20
	while [ $fill_left -gt 0 ]; do
		fill_kb=$(($(memory MemFree) - fill_low))
		[ $fill_kb -gt 0 ] || return 0
		dd if=/dev/zero bs=64k count=$((fill_kb / 64 + 16)) \
			>>$STRESS/fill/file 2>/dev/null || return 0
		fill_left=$((fill_left - 1))
	done
}

# presses: make memory short for a moment.  No allocation fails, since reclaim
# starts far above the minimum, and the request for more huge pages never kills
# a process.
presses()
{
	press_runs=$(kstat shrink_runs)
	fill_memory
	# shellcheck disable=SC2034 # so often
	for i in 1 2 3 4 5; do
		[ ! -e $HUGE ] || echo 1000 >$HUGE
		usleep 100000
		[ "$(kstat shrink_runs)" -le "$press_runs" ] || break
	done
	[ "$(kstat shrink_runs)" -le "$press_runs" ] || echo >>$STRESS/pressed
	[ ! -e $HUGE ] || echo 0 >$HUGE
	rm -f $STRESS/fill/file
	usleep 500000
	# Kernels without huge pages are asked this way; it calls all shrinkers.
	echo 2 >/proc/sys/vm/drop_caches
}

# --- all together --------------------------------------------------------------

start_loops()
{
	rm -rf $STRESS
	mkdir -p $STRESS/fill
	mount -t tmpfs -o size=90% none $STRESS/fill
	# Start reclaim when a tenth of memory is free, while allocations may
	# still use that tenth.
	echo 1000 >$SCALE
	touch $STRESS/on
	for file in stats by_size caches heaps arenas spans memory_limit; do
		beside "read_$file" reads $file
	done
	beside verify verifies
	beside release releases
	beside limit limits
	beside pressure presses
	[ ! -e /sys/devices/system/cpu/cpu1/online ] ||
		beside hotplug changes_cpus
}

# end_loops: end the loops and wait for them; fail if one of them failed.
end_loops()
{
	rm -f $STRESS/on
	wait
	umount $STRESS/fill
	echo "$SCALE_0" >$SCALE
	for name in "$STRESS"/*.failed; do
		[ ! -e "$name" ] || { echo "$name: $(cat "$name")"; return 1; }
	done
}

# stress: run the loops beside the started run until it ends.
stress()
{
	start_loops
	run_ends
	stress_ended=$?
	end_loops && [ $stress_ended -eq 0 ] || return
	stress_said=
	for name in "$STRESS"/*.turns; do
		name=$(basename "$name" .turns)
		stress_said="$stress_said $name $(turns "$name"),"
	done
	info "turns:$stress_said memory was short in $(pressed)"
}

# pressed: how often the kernel called the shrinker when memory was short.
pressed()
{
	cat $STRESS/pressed 2>/dev/null | wc -l
}
