# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
# lib.sh - functions shared by the scripts.  Sourced, never run.
#
# Messages go to stderr, so that a script can print a result on stdout.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPTS=$ROOT/scripts
# Everything that is large or slow to make; may be deleted at any time.
CACHE=${KSPAN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kspan}
# Logs of the last run.
BUILD=$ROOT/build
# Scripts that call each other share one start time.
export KSPAN_T0=${KSPAN_T0:-$(date +%s)}

# Directories of modules that use kspan and are built after it.
CLIENT_DIRS=(Documentation/example scripts/torture scripts/bench)

say()
{
	printf '[%4ds] %s\n' "$(($(date +%s) - KSPAN_T0))" "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# usage SCRIPT: print its leading comment, without the licence line.
usage()
{
	sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$1"
}

# --- clean-up -------------------------------------------------------------

# kill_tree PID: end a process and all its descendants.
kill_tree()
{
	local child

	for child in $(pgrep -P "$1"); do
		kill_tree "$child"
	done
	kill "$1" 2>/dev/null || true
}

# is_one_of WORD LIST...
is_one_of()
{
	local word=$1 other

	shift
	for other in "$@"; do
		[ "$other" != "$word" ] || return 0
	done
	return 1
}

# is_child PID: whether PID is a running child of this shell.  The number of a
# process that has ended may be reused.
is_child()
{
	[ "$(ps -o ppid= -p "$1" | tr -d ' ')" = "$BASHPID" ]
}

run_cleanup()
{
	local pid

	for pid in "${cleanup_pids[@]}"; do
		if is_child "$pid"; then
			kill_tree "$pid"
			wait "$pid" 2>/dev/null || true
		fi
	done
	[ ${#cleanup_paths[@]} -eq 0 ] || rm -rf "${cleanup_paths[@]}"
}

# own_cleanup: give a subshell a clean-up of its own.  It does not inherit the
# traps of its parent, and must not run their actions.
own_cleanup()
{
	[ "$cleanup_owner" != "$BASHPID" ] || return 0
	cleanup_owner=$BASHPID
	cleanup_paths=()
	cleanup_pids=()
	trap run_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

cleanup_owner=
own_cleanup

# remove_later PATH...: remove the paths when this shell ends, in any way.
remove_later()
{
	own_cleanup
	cleanup_paths+=("$@")
}

# kill_later PID...: the same for children of this shell.
kill_later()
{
	own_cleanup
	cleanup_pids+=("$@")
}

# forget PID: it has ended, and its number may be reused.
forget()
{
	local pid kept=()

	for pid in "${cleanup_pids[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	cleanup_pids=("${kept[@]}")
}

# temp_dir VAR: set VAR to a directory that is removed when the script ends.
temp_dir()
{
	local -n temp_var=$1

	temp_var=$(mktemp -d "${TMPDIR:-/tmp}/kspan.XXXXXX")
	remove_later "$temp_var"
}

# --- waiting --------------------------------------------------------------

# watched LABEL LOG COMMAND...: run the command with its output in LOG, and
# print every 15 s that it is still running.  The function watched_detail, if
# defined, adds details.  On failure the end of the log is printed.
watched()
{
	local label=$1 log=$2 pid begun rc=0 tick=0 detail

	shift 2
	begun=$(date +%s)
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	kill_later "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		tick=$((tick + 1))
		[ $((tick % 75)) -eq 0 ] || continue
		detail=
		! declare -F watched_detail >/dev/null || detail=$(watched_detail)
		say "$label: $(($(date +%s) - begun)) s ${detail:+($detail)}"
	done
	wait "$pid" || rc=$?
	forget "$pid"
	if [ "$rc" -ne 0 ]; then
		say "$label failed (status $rc); the end of $log:"
		tail -n 25 "$log" | sed 's/^/    /' >&2
	fi
	return "$rc"
}

# wait_all PID...: wait for all; fail if any of them failed.
wait_all()
{
	local pid rc=0

	for pid; do
		wait "$pid" || rc=1
	done
	return "$rc"
}

# lock_file FILE WHAT: hold the lock of FILE until the script ends.
lock_file()
{
	local fd

	mkdir -p "$(dirname "$1")"
	exec {fd}>"$1"
	if ! flock -n "$fd"; then
		say "waiting for another run to finish: $2"
		flock "$fd"
	fi
}

# --- modules --------------------------------------------------------------

# work_dir NAME: the build directory of that name for this checkout.
work_dir()
{
	local key

	key=$(printf '%s' "$ROOT" | sha256sum | cut -c 1-12)
	printf '%s/trees/%s/%s\n' "$CACHE" "$key" "$1"
}

# build_modules KDIR WORKDIR [VAR=VALUE...]: copy the sources to WORKDIR and
# build kspan.ko and its clients there, so that builds for several kernels stay
# apart.  The variables are passed to make.  CLIENT_DIRS lists the clients.
#
# Unchanged files keep their times and changed files get new ones, so that make
# rebuilds what is needed whatever times the checkout has.
build_modules()
{
	local kdir=$1 work=$2 dir

	shift 2
	mkdir -p "$work"
	# Another run in the same checkout may be building.
	lock_file "$work.lock" "a build in $work"
	rsync -rlp --checksum --delete \
		--exclude='.*.cmd' --exclude='*.o' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude='*.log' \
		--exclude=Module.symvers --exclude=modules.order \
		--exclude=/.git --exclude=/build \
		"$ROOT/" "$work/" || return
	make -j"$(nproc)" -C "$kdir" M="$work" "$@" modules || return
	for dir in "${CLIENT_DIRS[@]}"; do
		[ -e "$work/$dir/Kbuild" ] || continue
		make -j"$(nproc)" -C "$kdir" M="$work/$dir" "$@" \
			KBUILD_EXTRA_SYMBOLS="$work/Module.symvers" modules ||
			return
	done
}

# --- kernels --------------------------------------------------------------

# kernel_name NAME: the name that the scripts use for it.  If a number is not a
# kernel of this Debian release, it means the newest when that has this series.
kernel_name()
{
	case $1 in
	6.1 | 6.12 | *-* | newest | "") ;;
	*)
		if [ "$1" = "$("$SCRIPTS/kernels/backports.sh" series)" ]; then
			set -- newest
		fi
		;;
	esac
	printf '%s\n' "$1"
}

# kernel_arch NAME: the architecture of the stock kernel of that name.
kernel_arch()
{
	case $1 in
	*-arm64 | *-i386) printf '%s\n' "${1##*-}" ;;
	*) echo amd64 ;;
	esac
}

# --- guests ---------------------------------------------------------------

# make_initramfs OUT JOB FILE...: put busybox ($BUSYBOX if set), scripts/guest,
# JOB as /job.sh, and the files into the root directory.  $STRIP removes the
# debug information of modules, which is most of their size.
make_initramfs()
{
	local out=$1 job=$2 dir module

	shift 2
	temp_dir dir
	mkdir -p "$dir"/{bin,dev,proc,sys,host}
	cp "${BUSYBOX:-/bin/busybox}" "$dir/bin/busybox"
	cp "$SCRIPTS"/guest/*.awk "$SCRIPTS"/guest/{lib,stress}.sh "$dir/"
	cp "$SCRIPTS/guest/init" "$dir/init"
	cp "$job" "$dir/job.sh"
	[ $# -eq 0 ] || cp "$@" "$dir/"
	for module in "$dir"/*.ko; do
		[ ! -e "$module" ] || "${STRIP:-strip}" -g "$module"
	done
	chmod 755 "$dir/init"
	(cd "$dir" && find . | cpio --quiet -R 0:0 -o -H newc) >"$out"
}

# check_log LOG: fail and print the lines if the kernel complained.
#
# A report of a bad free or of a damaged object ends with a stack trace.  With
# REPORTS=1, or between expect_reports and expect_no_reports in the guest, one
# trace after each report is allowed.  So are KASAN's reports about the accesses
# of the suite for KASAN.  Nothing else is.
#
# After expect_oopses in the guest, oopses are allowed.
#
# Errors of the job's shell, such as an unknown command, also count.
#
# KCSAN finds races in the kernel itself.  They only count if one of the
# accesses is made by the module or by a function that it calls.
check_log()
{
	awk -v reports="${REPORTS:-0}" '
	/guest: reports are expected/ { reports++ }
	/guest: no more reports/ { reports-- }
	/guest: oopses are expected/ { oopses++ }
	oopses && /BUG:|WARNING:|Oops|Call Trace|general protection|unable to handle|Unable to handle/ { next }
	/kspan: (double free|free of|free with|freed while|write behind|write outside|write to|copy (to|from) user space refused)/ { if (reports) expected++ }
	function complain(line)
	{
		if (++bad <= 20)
			print "    line " NR ": " line
	}
	/BUG: KCSAN: / { race = $0; ours = 0; next }
	race && / to 0x[0-9a-f]+ of .* by / { frames = 3; next }
	race && frames > 0 { frames--; ours = ours || /\[kspan/; next }
	race && /Reported by Kernel Concurrency/ {
		if (ours)
			complain(race)
		race = ""
		next
	}
	/BUG: KASAN: .* in kspan_test_touch\+/ && reports { expected++; next }
	/Call Trace/ && expected { expected--; next }
	/BUG:|WARNING:|Oops|Call Trace|Kernel panic|general protection/ ||
	/oom-killer|Out of memory/ ||
	/possible recursive locking|inconsistent lock state|circular locking/ ||
	/^\/[a-z]+\.sh: / ||
	/detected( expedited)? stall|blocked for more than|unable to handle|Unable to handle/ {
		complain($0)
	}
	END { exit bad > 0 }' "$1" >&2
}

# judge_guest LOG OUT STATUS: succeed if the guest ended in time, with the
# verdict PASS, by an orderly power-off, and without a complaint in its kernel
# log.
judge_guest()
{
	local log=$1 out=$2 status=$3 rc=0

	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		say "the guest did not end in time"
		rc=1
	fi
	if ! grep -qx 'verdict PASS' "$out"; then
		say "the guest's verdict: $(grep '^verdict' "$out" || echo none)"
		grep '^not ok' "$out" | sed 's/^/    /' >&2 || true
		rc=1
	fi
	# UML cannot power off; it halts.
	if ! grep -qE 'reboot: (Power down|System halted)' "$log"; then
		say "the guest was not switched off in order; its last words:"
		tail -n 15 "$log" | sed 's/^/    /' >&2
		rc=1
	fi
	# %p prints 32-bit hashes, except for values that must be error codes.
	if grep -nE 'kspan: .*ffff[0-9a-f]{12}' "$log" |
		grep -vE 'f{13}[0-9a-f]{3}' >&2; then
		say "kspan shows kernel addresses, see above"
		rc=1
	fi
	if ! check_log "$log"; then
		say "the guest's kernel complained, see above and $log"
		rc=1
	fi
	return "$rc"
}
