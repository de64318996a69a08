# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# checks.sh - checks that print one line each and write their output to a log.
# Sourced after lib.sh by a script that sets checks_log.

nr_failed=0

# check NAME COMMAND...: run the command, and print `ok NAME`, or `FAIL NAME` and
# the end of its output.
check()
{
	local name=$1

	shift
	printf '\n== %s\n' "$name" >>"$checks_log"
	if "$@" >>"$checks_log" 2>&1; then
		echo "ok $name"
	else
		echo "FAIL $name, see $checks_log"
		tail -n 15 "$checks_log" | sed 's/^/    /'
		nr_failed=$((nr_failed + 1))
	fi
}
