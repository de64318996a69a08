# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# lib.sh - what the guests' jobs share.  Descriptor 3 leads to the host; a
# line there is `ok NAME`, `not ok NAME: WHY`, `info TEXT` or a job's own.

# Where kspan shows itself.
DIR=/sys/kernel/debug/kspan
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

# check NAME COMMAND...: one check; the end of its output explains a failure.
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

# is WANT COMMAND...: succeeds if the command prints exactly WANT.
is()
{
	is_want=$1
	shift
	is_got=$("$@" 2>&1)
	[ "$is_got" = "$is_want" ] && return
	echo "got '$is_got', not '$is_want'"
	return 1
}

# fails COMMAND...: succeeds if the command does not.
fails()
{
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

# kstat NAME: one number of the file stats.
kstat()
{
	awk -v name="$1" '$1 == name { print $2 }' "$DIR/stats"
}

# arg NAME DEFAULT: the word guest.NAME=... of the kernel's command line, with
# spaces for its commas.
arg()
{
	arg_value=$(tr ' ' '\n' </proc/cmdline | sed -n "s/^guest\.$1=//p" |
		tail -n 1 | tr ',' ' ')
	echo "${arg_value:-$2}"
}

all_ok()
{
	[ "$nr_failed" -eq 0 ]
}
