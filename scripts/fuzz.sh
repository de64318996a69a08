#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh [TARGET...] - run random operations on the module's own code, built
# for user space with a simulated kernel (scripts/fuzz/sim.h).  Coverage decides
# which inputs are changed further.
#
#   heap   the page heap, compared with a model
#   map    the arena map: any address, memory that appears and disappears
#   api    the whole allocator: calls, contexts, bad frees, failing memory
#
#   --seconds N   how long to run each target (60)
#   --replay      only run the inputs in scripts/fuzz/corpus/, once each
#   --input FILE  run one input and show the module's messages; needs one TARGET
#   --minimize    choose the inputs below the mark in scripts/fuzz/corpus/ anew,
#                 from these and from the inputs of earlier runs
#   --mutants     the faults listed in scripts/fuzz/mutants, of the named targets
#                 or all: each must be found, by the corpus or within --seconds;
#                 in the latter case the input is printed, to be added there
#
# An input that finds a fault is kept in build/fuzz/found/, with its log next to
# it.  The last line is `N passed, N failed`.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=scripts/lib/mutants.sh
. "$SCRIPTS/lib/mutants.sh"

TARGETS=(heap map api)
OUT=$BUILD/fuzz
FOUND=$OUT/found
CORPUS=$OUT/repository
# Steps of six bytes.  Longer inputs are slow and reach little more.
MAX_BYTES=1536
# Most inputs of a corpus in the repository, not counting those with a name.
MAX_INPUTS=64
# Inputs above this line are kept unchanged.
MARKER='# What reaches most with least, by fuzz.sh --minimize.'
# The targets check for leaks, as they know what the module may keep.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:handle_abort=1
export UBSAN_OPTIONS=print_stacktrace=1

seconds=60
action=fuzz
input=
targets=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=$2; shift ;;
	--input) action=show input=$2; shift ;;
	--replay | --minimize | --mutants) action=${1#--} ;;
	-h | --help) usage "$0"; exit 0 ;;
	*)
		printf '%s\n' "${TARGETS[@]}" | grep -qxF -e "$1" ||
			die "no such target: $1 (see --help)"
		targets+=("$1")
		;;
	esac
	shift
done
[ ${#targets[@]} -gt 0 ] || targets=("${TARGETS[@]}")

# build DIR MODULE TARGET...: build targets in DIR from the sources in MODULE.
build()
{
	local dir=$1 module=$2

	shift 2
	watched "building $*" "$dir/build.log" make -C "$ROOT" -j"$(nproc)" \
		-f scripts/fuzz/Makefile OUT="$dir" MODULE="$module" TARGETS="$*"
}

# unpack TARGET: write its inputs from the repository to $CORPUS/TARGET.
unpack()
{
	local name steps

	rm -rf "${CORPUS:?}/$1"
	mkdir -p "$CORPUS/$1"
	while read -r name steps; do
		[[ $name != '#'* && -n $name ]] || continue
		# shellcheck disable=SC2059 # \x.. for every byte
		printf "$(sed 's/ //g; s/../\\x&/g' <<<"$steps")" >"$CORPUS/$1/$name"
	done <"$SCRIPTS/fuzz/corpus/$1"
}

# steps NAME FILE: print an input in the format of the repository.
steps()
{
	printf '%s %s\n' "$1" "$(od -An -v -tx1 "$2" | tr -d ' \n' |
		sed 's/.\{12\}/& /g; s/ $//')"
}

# pack TARGET FILE...: make these the inputs in the repository, in addition to
# those that developers have named; such names contain a dash.
pack()
{
	local text=$SCRIPTS/fuzz/corpus/$1 file new

	temp_dir new
	sed "/^$MARKER\$/q" "$text" >"$new/text"
	shift
	for file; do
		[[ $(basename "$file") != *-* ]] || continue
		steps "$(basename "$file" | cut -c1-8)" "$file"
	done >>"$new/text"
	cp "$new/text" "$text"
}

count_inputs()
{
	find "$CORPUS/$1" -type f | wc -l
}

# where LOG: print the fault in one line, and the first relevant frames.
where()
{
	grep -m1 -E '^FOUND|runtime error|ERROR: (Addr|libF)' "$1" ||
		tail -n 3 "$1"
	grep -E '^ +#[0-9]+ .* in [a-z_]+ .*(/module/|/fuzz/)' "$1" | head -n 6 || true
}

# watched_detail: inputs tried and code reached so far, for watched().
watched_detail()
{
	sed -n 's/^#\([0-9]*\).*cov: \([0-9]*\).*/\1 inputs, \2 edges/p' \
		"${log:-/dev/null}" | tail -n 1
}

# run_target NAME BINARY LOG OPTION...: fail if a fault was found.
run_target()
{
	local name=$1 binary=$2 log=$3

	shift 3
	mkdir -p "$FOUND" "$(dirname "$log")"
	watched "$name" "$log" "$binary" -artifact_prefix="$FOUND/$name-" \
		-timeout=20 -rss_limit_mb=2048 -max_len="$MAX_BYTES" \
		-len_control=0 "$@" 2>/dev/null
}

fuzz_target()
{
	local rc=0 log=$OUT/$1.log

	mkdir -p "$OUT/corpus/$1"
	run_target "$1" "$OUT/$1" "$log" -max_total_time="$seconds" \
		-print_final_stats=1 -use_value_profile=1 "$OUT/corpus/$1" \
		"$CORPUS/$1" || rc=$?
	result "$rc" "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
	[ "$rc" -eq 0 ] || where "$log" | sed 's/^/    /'
}

# Deterministic: the same inputs always give the same result.
replay_target()
{
	local rc=0 log=$OUT/replay-$1.log nr

	nr=$(count_inputs "$1")
	run_target "$1" "$OUT/$1" "$log" -runs=0 "$CORPUS/$1" || rc=$?
	result "$rc" "$1: $nr inputs"
	[ "$rc" -eq 0 ] || where "$log" | sed 's/^/    /'
}

minimize_target()
{
	local new log=$OUT/minimize-$1.log files nr

	temp_dir new
	mkdir -p "$OUT/corpus/$1"
	nr=$(count_inputs "$1")
	watched "minimizing $1" "$log" "$OUT/$1" -set_cover_merge=1 \
		-max_len="$MAX_BYTES" "$new" "$OUT/corpus/$1" "$CORPUS/$1"
	# A set cover begins with the inputs that cover most.
	mapfile -t files < <(find "$new" -type f -printf '%T@ %p\n' | sort -n |
		cut -d' ' -f2 | head -n "$MAX_INPUTS" | sort)
	pack "$1" "${files[@]}"
	unpack "$1"
	result 0 "$1: $nr inputs before, $(count_inputs "$1") now"
}

# find_mutant TARGET BINARY: check that an input of the corpus or, within the
# time limit, a new one finds the fault.  A new input is left in $OUT/mutant/.
# Sets how to a description.
find_mutant()
{
	local options=(-artifact_prefix="$OUT/mutant/" -timeout=20
		-rss_limit_mb=2048 -max_len="$MAX_BYTES" -len_control=0)

	if ! watched "$1" "$OUT/mutant.log" "$2" "${options[@]}" -runs=0 \
		"$CORPUS/$1" 2>/dev/null; then
		how="by the corpus"
		return 0
	fi
	mkdir -p "$OUT/mutant/new"
	! watched "$1" "$OUT/mutant.log" timeout "$((seconds + 60))" "$2" \
		"${options[@]}" -max_total_time="$seconds" "$OUT/mutant/new" \
		"$CORPUS/$1" 2>/dev/null || return 1
	how="by a new input"
}

# shorten BINARY INPUT OUTPUT: find the shortest input that fails as well, for
# developers to read.
shorten()
{
	cp "$2" "$3"
	"$1" -minimize_crash=1 -exact_artifact_path="$3" -max_total_time=20 \
		"$2" >"$OUT/shorten.log" 2>&1 || true
}

# mutant TARGET FILE WHAT SED: check that the fuzzer finds the fault.
#
# The build is copied, so that only the one file is compiled again.
mutant()
{
	local target=$1 file=$2 what=$3 change=$4 dir=$OUT/mutant how new
	local log=$OUT/mutant.log

	rm -rf "$dir"
	mkdir -p "$dir/out"
	cp -a "$OUT"/*.o "$OUT/include" "$OUT/module" "$dir/out"
	if ! mutate "$dir" "$file" "$change" ||
		! build "$dir/out" "$dir/module" "$target" 2>"$log"; then
		result 1 "$target, $file: $what: no such line, or no C"
		return
	fi
	if ! find_mutant "$target" "$dir/out/$target"; then
		result 1 "$target, $file: $what: not found in $seconds s"
		return
	fi
	result 0 "$target, $file: $what: $how$(
		grep -m1 -oE 'FOUND [^ ]*|runtime error: .{0,30}|ERROR: [A-Za-z]+: [a-zA-Z-]+' \
			"$log" | sed 's,^FOUND .*/,: ,; s/^/: /' || true)"
	[ "$how" = "by a new input" ] || return 0
	shorten "$dir/out/$target" "$(find "$dir" -maxdepth 1 -name '*-*' -type f |
		head -n 1)" "$dir/short"
	echo "    for scripts/fuzz/corpus/$target:"
	steps "mutant-${what//[^a-zA-Z0-9]/-}" "$dir/short" | sed 's/^/    /'
}

mutants_target()
{
	local target file rest

	while read -r target file rest; do
		[ "$target" != "$1" ] ||
			mutant "$target" "$file" "${rest%% | *}" "${rest#* | }"
	done <"$SCRIPTS/fuzz/mutants"
}

show_target()
{
	[ -e "$input" ] || die "$input is missing"
	mkdir -p "$FOUND"
	FUZZ_VERBOSE=1 "$OUT/$1" -artifact_prefix="$FOUND/$1-" "$input"
}

"$SCRIPTS/setup.sh" fuzz
build "$OUT" module "${targets[@]}"
case $action in
show)
	[ ${#targets[@]} -eq 1 ] || die "--input needs one TARGET"
	show_target "${targets[0]}"
	exit 0
	;;
esac
for target in "${targets[@]}"; do
	unpack "$target"
	"${action}_target" "$target"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
