# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
# lib.sh - what the scripts share.  Sourced, never run.
#
# Messages go to stderr, so that a script can print a result on stdout.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPTS=$ROOT/scripts
# Everything big or slow to make; safe to delete at any time.
CACHE=${KSPAN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kspan}
# Logs of the last run; part of no build.
BUILD=$ROOT/build
# Scripts that call each other share one clock.
export KSPAN_T0=${KSPAN_T0:-$(date +%s)}

# Directories of modules that use kspan, built after it.
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

# usage SCRIPT: its leading comment, without the licence line.
usage()
{
	sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$1"
}

# --- clean-up -------------------------------------------------------------

# kill_tree PID: end a process and all that descends from it.
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

# is_child PID: whether it is a process, and this shell's.  The number of one
# that has ended may be anybody's by now.
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

# own_cleanup: a subshell has none of its parent's traps and must not do what
# they do; this gives it its own.
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

# remove_later PATH...: gone when this shell ends, however it ends.
remove_later()
{
	own_cleanup
	cleanup_paths+=("$@")
}

# kill_later PID...: as above; only for children of this shell.
kill_later()
{
	own_cleanup
	cleanup_pids+=("$@")
}

# forget PID: it has ended, and its number may be another's soon.
forget()
{
	local pid kept=()

	for pid in "${cleanup_pids[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	cleanup_pids=("${kept[@]}")
}

# temp_dir VAR: a directory that lives as long as the script.
temp_dir()
{
	local -n temp_var=$1

	temp_var=$(mktemp -d "${TMPDIR:-/tmp}/kspan.XXXXXX")
	remove_later "$temp_var"
}

# --- waiting --------------------------------------------------------------

# watched LABEL LOG COMMAND...: run it with its output in LOG and say every 15 s
# that it still runs; the function watched_detail, if there is one, adds to that.
# On failure the log's end is shown.
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

# wait_all PID...: fails if any of them failed, after all have ended.
wait_all()
{
	local pid rc=0

	for pid; do
		wait "$pid" || rc=1
	done
	return "$rc"
}

# lock_file FILE WHAT: hold FILE's lock until the script ends.
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

# work_dir NAME: this checkout's private build tree of that name.
work_dir()
{
	local key

	key=$(printf '%s' "$ROOT" | sha256sum | cut -c 1-12)
	printf '%s/trees/%s/%s\n' "$CACHE" "$key" "$1"
}

# build_modules KDIR WORKDIR [VAR=VALUE...]: copy the sources to WORKDIR and
# build kspan.ko and its clients there, so that builds for several kernels do
# not meet.  The variables go to make; CLIENT_DIRS says which clients.
#
# Files that did not change keep their time, those that did get a new one, so
# that make sees what to rebuild whatever the times in the checkout are.
build_modules()
{
	local kdir=$1 work=$2 dir

	shift 2
	mkdir -p "$work"
	# Another run of the same checkout may be at it.
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

# kernel_name NAME: the name that the scripts use for it.  A number that is
# none of this Debian's stands for the newest, if that is its series.
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

# kernel_arch NAME: the machine that the stock kernel of that name is for.
kernel_arch()
{
	case $1 in
	*-arm64 | *-i386) printf '%s\n' "${1##*-}" ;;
	*) echo amd64 ;;
	esac
}

# --- guests ---------------------------------------------------------------

# make_initramfs OUT JOB FILE...: busybox, that of $BUSYBOX if it is set,
# scripts/guest, JOB as /job.sh and the files, all at the root.  Modules go there
# without what only debuggers read, which is most of them, by $STRIP.
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

# check_log LOG: fails, showing the lines, if the kernel complained.
#
# A report of a bad free or of a damaged object ends in a stack trace.  With
# REPORTS=1 that one trace after each report is expected; anything else is not.
# The guest can say so for a while, see expect_reports() there.  Nor is it a
# complaint then that KASAN finds what the suite about it does.
#
# What a job's shell complains of, as a command that is none, counts as well.
#
# KCSAN finds races in the kernel itself; they count if one of the accesses is
# by the module, or by what it calls.
check_log()
{
	awk -v reports="${REPORTS:-0}" '
	/guest: reports are expected/ { reports++ }
	/guest: no more reports/ { reports-- }
	/kspan: (double free|free of|free with|write behind|write to|copy (to|from) user space refused)/ { if (reports) expected++ }
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

# judge_guest LOG OUT STATUS: 0 if the guest ended well: in time, with the
# verdict PASS, switched off in order, and no complaint in its kernel's log.
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
	# UML knows no power switch, and halts.
	if ! grep -qE 'reboot: (Power down|System halted)' "$log"; then
		say "the guest was not switched off in order; its last words:"
		tail -n 15 "$log" | sed 's/^/    /' >&2
		rc=1
	fi
	# %p gives hashes, of 32 bits, but shows what can only be an error.
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
