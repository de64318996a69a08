#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# soak.sh [OPTIONS] [LEG...] - run the torture on stock kernels, the legs of
# scripts/test.sh one after the other and again, until the given number of
# allocations and frees is reached.
#
#   --ops N               the number (1000000000)
#   --seconds N           length of a run (120)
#   --torture P=V[,...]   parameters of kspan_torture.ko; the default does the
#                         most operations per second: light=1,threads_per_cpu=4
#
# Every run adds a line to build/soak.log: leg, kernel, CPUs, memory, seconds,
# operations, verdict.  Runs that are already in the log count, so that a soak
# can be interrupted and continued another day.  Delete the file to start anew.
# A run that fails ends the soak.  The last line is `N passed, N failed`, for
# all runs in the log.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

LEGS=(torture-6.1 torture-6.12 torture-6.1-rt torture-6.12-rt torture-newest
	torture-6.1-arm64 torture-6.1-i386 torture-6.12+numa torture-6.12+8cpu)
LOG=$BUILD/soak.log
ops=1000000000
seconds=120
torture=light=1,threads_per_cpu=4
legs=()
while [ $# -gt 0 ]; do
	case $1 in
	--ops) ops=$2; shift ;;
	--seconds) seconds=$2; shift ;;
	--torture) torture=$2; shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) die "no such option: $1 (see --help)" ;;
	*) legs+=("$1") ;;
	esac
	shift
done
[ ${#legs[@]} -gt 0 ] || legs=("${LEGS[@]}")

# in_log WHAT: `ops` of the passed runs, or number of `passed` or `failed` runs.
in_log()
{
	awk -v what="$1" '
	$NF == "ok" { ops += $(NF - 1); passed++ }
	$NF == "FAIL" { failed++ }
	END { printf "%d\n", what == "ops" ? ops : what == "passed" ? passed : failed }
	' "$LOG"
}

# run LEG: run it and add it to the log.
run()
{
	local out=$BUILD/test/$1.out verdict=ok machine done_ops

	rm -f "$out"
	watched "$1" "$BUILD/soak-run.log" "$SCRIPTS/test.sh" \
		--seconds "$seconds" --torture "$torture" "$1" || verdict=FAIL
	machine=$(sed -n 's/^info machine //p' "$out" 2>/dev/null) || true
	done_ops=$(sed -n 's/^info stress PASS ops=\([0-9]*\) .*/\1/p' "$out" \
		2>/dev/null) || true
	printf '%s %s %s s %s %s\n' "$1" "${machine:-unknown}" "$seconds" \
		"${done_ops:-0}" "$verdict" >>"$LOG"
	[ $verdict = ok ]
}

mkdir -p "$BUILD"
touch "$LOG"
lock_file "$BUILD/soak.lock" "a soak"
turn=$(wc -l <"$LOG")
while [ "$(in_log ops)" -lt "$ops" ]; do
	run "${legs[turn % ${#legs[@]}]}" || break
	turn=$((turn + 1))
	say "$(in_log ops) of $ops"
done
echo "$(in_log ops) operations"
echo "$(in_log passed) passed, $(in_log failed) failed"
[ "$(in_log failed)" -eq 0 ]
