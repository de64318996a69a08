#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# explore.sh [SCENARIO...] - run the module's own code in all orders, up to a
# bound, in which several CPUs can access shared memory.  The code is built for
# user space with the simulated kernel of scripts/fuzz.
#
#   --list            print the scenarios: name, switches, holds, description
#   --scenario NAME   the same as SCENARIO
#   --bound N         at most N times switch away from a CPU that could go on,
#                     or let an interrupt come (default: set by the scenario)
#   --holds N         at most N times keep stores in the buffer of a CPU when it
#                     is switched away from (default: set by the scenario)
#   --quick           at most 2 and 1 of them, and no more than 3000 runs
#   --repeat RUN      repeat the run that a failure of one SCENARIO printed
#   --mutants         the faults listed in scripts/explore/mutants: each must be
#                     found
#
# Prints a line `ok NAME: N interleavings` or `FAIL NAME: what is wrong` for
# each scenario.  A failure is followed by the run that shows it, access by
# access, and by the command to repeat it.  The last line is `N passed, N
# failed`.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=scripts/lib/mutants.sh
. "$SCRIPTS/lib/mutants.sh"

OUT=$BUILD/explore

action=explore
options=()
repeat=
scenarios=()
while [ $# -gt 0 ]; do
	case $1 in
	--scenario) scenarios+=("$2"); shift ;;
	--bound | --holds) options+=("$1" "$2"); shift ;;
	--quick) options+=(--most-bound 2 --most-holds 1 --most-runs 3000) ;;
	--repeat) action=repeat repeat=$2; shift ;;
	--list | --mutants) action=${1#--} ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) die "no such option: $1 (see --help)" ;;
	*) scenarios+=("$1") ;;
	esac
	shift
done

# build DIR MODULE: build the explorer in DIR from the sources in MODULE.
build()
{
	watched "building the explorer" "$1/build.log" make -C "$ROOT" \
		-j"$(nproc)" -f scripts/explore/Makefile OUT="$1" MODULE="$2"
}

# watched_detail: the number of runs so far, for watched().
watched_detail()
{
	grep -a ' interleavings$' "${log:-/dev/null}" | tail -n 1 || true
}

# explore BINARY LOG SCENARIO: fail if a fault was found.
explore()
{
	local log=$2

	watched "$3" "$log" "$1" "$3" "${options[@]}" 2>/dev/null
}

explore_scenario()
{
	local rc=0 log=$OUT/$1.log

	explore "$OUT/explore" "$log" "$1" || rc=$?
	result "$rc" "$(sed -n 's/^\(ok\|FAIL\) //p' "$log" | grep . ||
		echo "$1: status $rc")"
	[ "$rc" -eq 0 ] || grep -a '^    ' "$log"
}

# mutant SCENARIO FILE WHAT SED: check that the explorer finds the fault.
#
# The build is copied, so that only the one file is compiled again.
mutant()
{
	local scenario=$1 file=$2 what=$3 change=$4 dir=$OUT/mutant
	local log=$OUT/mutant.log

	rm -rf "$dir"
	mkdir -p "$dir/out"
	cp -a "$OUT"/*.o "$OUT/include" "$OUT/sim" "$OUT/module" "$dir/out"
	# The dependencies that make has recorded are headers of the repository.
	grep -lF "module/$file" "$dir"/out/module/*.d "$dir"/out/module/*/*.d |
		sed 's/\.d$/.o/' | xargs -r rm -f
	if ! mutate "$dir" "$file" "$change" ||
		! build "$dir/out" "$dir/module" 2>"$log"; then
		result 1 "$scenario, $file: $what: no such line, or no C"
	elif explore "$dir/out/explore" "$log" "$scenario"; then
		result 1 "$scenario, $file: $what: not found"
	else
		result 0 "$scenario, $file: $what: $(sed -n 's/^FAIL [^:]*: //p' "$log")"
	fi
}

run_mutants()
{
	local scenario file rest

	while read -r scenario file rest; do
		[[ $scenario != '#'* && -n $scenario ]] || continue
		[ ${#scenarios[@]} -eq 0 ] ||
			is_one_of "$scenario" "${scenarios[@]}" || continue
		mutant "$scenario" "$file" "${rest%% | *}" "${rest#* | }"
	done <"$SCRIPTS/explore/mutants"
}

"$SCRIPTS/setup.sh" fuzz
build "$OUT" module
mapfile -t known < <("$OUT/explore" --list | cut -d' ' -f1)
for scenario in "${scenarios[@]}"; do
	is_one_of "$scenario" "${known[@]}" ||
		die "no such scenario: $scenario (see --list)"
done
case $action in
list)
	"$OUT/explore" --list
	exit 0
	;;
repeat)
	[ ${#scenarios[@]} -eq 1 ] || die "--repeat needs one SCENARIO"
	FUZZ_VERBOSE=1 "$OUT/explore" "${scenarios[0]}" --repeat "$repeat"
	exit 0
	;;
mutants)
	run_mutants
	;;
explore)
	[ ${#scenarios[@]} -gt 0 ] || scenarios=("${known[@]}")
	for scenario in "${scenarios[@]}"; do
		explore_scenario "$scenario"
	done
	;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
