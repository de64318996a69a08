# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# stress.sh - a run of kspan_torture, and what happens to the machine beside
# it: CPUs go and come, memory is short, limits are set, files are read.
# Sourced after lib.sh.

TORTURE_DIR=/sys/kernel/debug/kspan_torture
# What the loops beside a run leave here: NAME.turns, and NAME.failed if one did.
STRESS=/tmp/stress
CPUS=$(nproc)
# Kernels that look for bugs do a thousandth of others' work: there each turn is
# followed by a pause, or the stress itself would get nowhere.
SLOW=$(arg slow 0)
# When the kernel begins to look for memory, and what that is without us.
SCALE=/proc/sys/vm/watermark_scale_factor
SCALE_0=$(cat $SCALE)
HUGE=/proc/sys/vm/nr_hugepages

# With a boost any allocation has less: on a small machine nearly nothing.
echo 0 >/proc/sys/vm/watermark_boost_factor

# load_torture PARAMETER...: and those of the machine.
load_torture()
{
	# shellcheck disable=SC2046 # a list of parameters
	insmod /kspan_torture.ko $(arg torture "") "$@"
}

# run_ends: wait for the run; what it said is in $STRESS/result.
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

# result NAME: a number of the last run's.
result()
{
	tr ' ' '\n' <$STRESS/result | sed -n "s/^$1=//p"
}

# turns NAME: how often a loop went round, in the last run.
turns()
{
	cat "$STRESS/$1.turns" 2>/dev/null || echo 0
}

# beside NAME COMMAND...: repeat the command while the stress lasts.  It gets
# the number of the turn as its last argument, and leaves all as it was.
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

# changes_cpus TURN: a CPU goes and comes back, all but the first in turn.
changes_cpus()
{
	change_cpu=/sys/devices/system/cpu/cpu$(($1 % (CPUS - 1) + 1))/online
	echo 0 >"$change_cpu" || return
	usleep 200000
	echo 1 >"$change_cpu" || return
	usleep 300000
}

# limits: no more than a part of what is in use, for a moment.
limits()
{
	usleep 1000000
	echo $(($(kstat sys) / 2)) >"$DIR/memory_limit" || return
	usleep 300000
	echo 0 >"$DIR/memory_limit"
}

# low_kb: the kernel looks for memory when less than this is free.
low_kb()
{
	awk '$1 == "low" { pages += $2 } END { print pages * 4 }' /proc/zoneinfo
}

# fill_memory: until the kernel begins to look for some.  Huge pages are taken
# fast, since nobody writes to them; the rest is a file.
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

# presses: memory is short, for a moment.  Nobody goes without: the kernel's
# mark is set far above that, and the huge pages that it looks for in the end
# are not worth a process's life.
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
	# Some kernels here know no huge pages; this asks all shrinkers.
	echo 2 >/proc/sys/vm/drop_caches
}

# --- all together --------------------------------------------------------------

start_loops()
{
	rm -rf $STRESS
	mkdir -p $STRESS/fill
	mount -t tmpfs -o size=90% none $STRESS/fill
	# With less than a tenth of memory free it does, but any allocation may
	# still have that.
	echo 1000 >$SCALE
	touch $STRESS/on
	for file in stats by_size arenas spans memory_limit; do
		beside "read_$file" reads $file
	done
	beside verify verifies
	beside release releases
	beside limit limits
	beside pressure presses
	[ ! -e /sys/devices/system/cpu/cpu1/online ] ||
		beside hotplug changes_cpus
}

# end_loops: and wait for them; fails if one of them did.
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

# stress: the run that was started, in company.
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

# pressed: how many times the kernel has asked kspan for memory then.
pressed()
{
	cat $STRESS/pressed 2>/dev/null | wc -l
}
