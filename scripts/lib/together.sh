# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# together.sh - several legs of test.sh at a time, each by a test.sh of its own.
# Sourced, never run.  Uses and changes passed, failed and skipped of test.sh.

# Seconds between two reports of what is running.
REPORT_EVERY=15

# counted LEG STATUS: print what a leg has printed, and add its counts.
counted()
{
	local line text=$LOGS/$1.txt

	# What it said on the way matters only if it failed.
	[ "$2" -eq 0 ] || grep -vE '^\[ *[0-9]+s\] (leg 1 of 1|[^ ]+: [0-9]+ s )' \
		"$LOGS/$1.err" >&2 || true
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$text" | tail -n 1) || true
	grep -vxF "${line:-none}" "$text" || true
	if [ -z "$line" ]; then
		fail "$1 ended without its count, see $text"
		return
	fi
	# A failure that it did not count is one all the same.
	[ "$2" -eq 0 ] || [[ $line != *" 0 failed"* ]] || fail "$1, status $2"
	passed=$((passed + ${line%% *}))
	line=${line#*, }
	failed=$((failed + ${line%% *}))
	[[ $line != *skipped ]] || { line=${line#*, }; skipped=$((skipped + ${line%% *})); }
}

# report NR_LEFT LEG...: what the running legs are at.
report()
{
	local left=$1 leg

	shift
	say "$# running, $left to go; $passed passed, $failed failed so far"
	for leg; do
		tail -n 1 "$LOGS/$leg.err" 2>/dev/null | sed 's/^\[ *[0-9]*s\]/       /' >&2 ||
			true
	done
}

# run_together JOBS OPTION... -- LEG...: run the legs, JOBS at a time, each with
# the options.
run_together()
{
	local jobs=$1 options=() pid leg status next=$((SECONDS + REPORT_EVERY))
	local -A running=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	say "$# legs, $jobs at a time"
	while [ $# -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
		while [ $# -gt 0 ] && [ ${#running[@]} -lt "$jobs" ]; do
			"$SCRIPTS/test.sh" "${options[@]}" "$1" </dev/null \
				>"$LOGS/$1.txt" 2>"$LOGS/$1.err" &
			kill_later "$!"
			running[$!]=$1
			shift
		done
		sleep 0.2
		for pid in "${!running[@]}"; do
			! kill -0 "$pid" 2>/dev/null || continue
			leg=${running[$pid]}
			status=0
			wait "$pid" || status=$?
			forget "$pid"
			unset "running[$pid]"
			counted "$leg" "$status"
		done
		if [ "$SECONDS" -ge "$next" ] && [ ${#running[@]} -gt 0 ]; then
			next=$((SECONDS + REPORT_EVERY))
			report $# "${running[@]}"
		fi
	done
}
