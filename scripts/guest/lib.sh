# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# lib.sh - functions shared by the guests' jobs.  Descriptor 3 leads to the
# host.  A line written there is `ok NAME`, `not ok NAME: WHY`, `info TEXT`, or
# specific to the job.

# kspan's directory in debugfs.
DIR=/sys/kernel/debug/kspan
KMEMLEAK=/sys/kernel/debug/kmemleak
nr_failed=0

ok()
{
	echo "ok $1" >&3
}

# not_ok NAME WHY
not_ok()
{
	nr_failed=$((nr_failed + 1))
	echo "not ok $1: $2" >&3
}

info()
{
	echo "info $*" >&3
}

# check NAME COMMAND...: make one check; the end of the output explains a
# failure.
check()
{
	check_name=$1
	shift
	if check_said=$("$@" 2>&1); then
		ok "$check_name"
	else
		not_ok "$check_name" "$(echo "$check_said" | tail -n 3 | tr '\n' ' ')"
	fi
}

# is WANT COMMAND...: succeed if the command prints exactly WANT.
is()
{
	is_want=$1
	shift
	is_got=$("$@" 2>&1)
	[ "$is_got" = "$is_want" ] && return
	echo "got '$is_got', not '$is_want'"
	return 1
}

# fails COMMAND...: succeed if the command fails.
fails()
{
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

# kstat NAME: one number from the file stats.
kstat()
{
	awk -v name="$1" '$1 == name { print $2 }' "$DIR/stats"
}

# arg NAME DEFAULT: the value of guest.NAME=... from the kernel command line,
# with its commas replaced by spaces.
arg()
{
	arg_value=$(tr ' ' '\n' </proc/cmdline | sed -n "s/^guest\.$1=//p" |
		tail -n 1 | tr ',' ' ')
	echo "${arg_value:-$2}"
}

# invariants WHEN EMPTY: check all numbers, and the structures by verify.
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

# not_above LOW HIGH: LOW is at most HIGH.
not_above()
{
	[ "$1" -le "$2" ] && return
	echo "$1 is above $2"
	return 1
}

# mask N: the mask of CPU N.
mask()
{
	printf %x $((1 << $1))
}

# pin MASK: run this job, and what it starts later, only on these CPUs.
pin()
{
	taskset -p "$1" $$ >/dev/null
}

# expect_reports, expect_no_reports: allow reports of bad frees in the kernel
# log from here on, or no longer.  The host's check of the log reads these
# lines.
expect_reports()
{
	echo "guest: reports are expected from here on" >/dev/kmsg
}

expect_no_reports()
{
	echo "guest: no more reports are expected" >/dev/kmsg
}

# expect_oopses: allow oopses, and what belongs to their reports, to the end.
expect_oopses()
{
	echo "guest: oopses are expected from here on" >/dev/kmsg
}

# debugfs_files: mode and name of each file that may exist.  Another file might
# reveal data to users.
debugfs_files()
{
	cat <<-'END'
	755 .
	400 stats
	400 by_size
	400 caches
	400 heaps
	400 arenas
	400 spans
	400 verify
	400 profile
	600 profile_rate
	600 callsites
	600 memory_limit
	200 release
	END
}

# debugfs_is_shut: only root has access, and the modes are as documented.
debugfs_is_shut()
{
	is 700 stat -c %a /sys/kernel/debug || return
	for shut_file in "$DIR" "$DIR"/*; do
		shut_name=${shut_file#"$DIR"}
		shut_name=${shut_name#/}
		shut_mode=$(stat -c %a "$shut_file")
		debugfs_files | grep -qx "$shut_mode ${shut_name:-.}" && continue
		echo "$shut_name has mode $shut_mode"
		return 1
	done
}

# no_addresses FILE...: the files contain no raw kernel addresses.
no_addresses()
{
	case $(uname -m) in
	i?86) no_pattern='[c-f][0-9a-f]{7}' ;;
	*) no_pattern='ffff[0-9a-f]{12}' ;;
	esac
	for no_file; do
		grep -E "(^|[^0-9a-f])(0x)?$no_pattern([^0-9a-f]|$)" "$no_file" ||
			continue
		echo "a kernel address in $no_file"
		return 1
	done
}

# limit_refuses TEXT...: memory_limit refuses the texts and remains unchanged.
limit_refuses()
{
	limit_before=$(cat "$DIR/memory_limit")
	for limit_text; do
		if echo "$limit_text" 2>/dev/null >"$DIR/memory_limit"; then
			echo "took '$limit_text'"
			return 1
		fi
		is "$limit_before" cat "$DIR/memory_limit" || return
	done
}

# memory NAME...: these entries of /proc/meminfo in kB, in this order.
memory()
{
	for name; do
		awk -v name="$name:" '$1 == name { print $2 }' /proc/meminfo
	done
}

# leak_scan: make kmemleak scan.  It skips objects younger than 5 s and reports
# leaks only after a second scan.
leak_scan()
{
	sleep 6
	echo scan >$KMEMLEAK && echo scan >$KMEMLEAK && return
	echo "kmemleak is off"
	return 1
}

# leaks_of_kspan: the number of unreferenced objects that kspan, a client or the
# torture has allocated.  Their backtraces show that, or show that the code was
# unloaded.
leaks_of_kspan()
{
	awk '
	/^unreferenced object/ { nr += mine; mine = 0 }
	/kspan|\] 0x/ { mine = 1 }
	END { print nr + mine }' $KMEMLEAK
}

# leaks_of_size BYTES: the number of unreferenced objects of that size.
leaks_of_size()
{
	grep -c "^unreferenced object .* (size $1):" $KMEMLEAK
}

leaks_nothing()
{
	leak_scan || return
	is 0 leaks_of_kspan && return
	head -n 20 $KMEMLEAK
	return 1
}

# settle: let deferred frees finish before memory is compared.  By default CPUs
# keep up to an eighth of memory as free pages; reduce that.
settle()
{
	echo 100000 >/proc/sys/vm/percpu_pagelist_high_fraction
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
}

# keeps_memory WHAT COMMAND...: the command leaves as much free memory as
# before.
keeps_memory()
{
	keeps_what=$1
	shift
	settle
	keeps_before=$(memory MemFree Slab Percpu VmallocUsed)
	"$@" || return
	settle
	# shellcheck disable=SC2046,SC2086 # four numbers each
	set -- $keeps_before $(memory MemFree Slab Percpu VmallocUsed)
	info "$keeps_what, kB before and after: MemFree $1 $5, Slab $2 $6," \
		"Percpu $3 $7, VmallocUsed $4 $8"
	# Each load allocates a reserve of 2 MiB with vmalloc(), so ten leaks
	# would be 20 MiB.  The free pages that CPUs keep vary, and so do the pages
	# that per-CPU allocations of different sizes are spread over.
	not_above $(($1 - 3072)) "$5" && not_above "$6" $(($2 + 2048)) &&
		not_above "$7" $(($3 + 128)) && not_above "$8" $(($4 + 256))
}

load_unload()
{
	insmod /kspan.ko && insmod /kspan_client.ko nr=1000 &&
		rmmod kspan_client && rmmod kspan
}

# The caller of an area is a bare number if its module was unloaded.
no_areas()
{
	awk '$3 ~ /^0x/ || /kspan/ { print; found = 1 } END { exit found }' \
		/proc/vmallocinfo
}

all_ok()
{
	[ "$nr_failed" -eq 0 ]
}
