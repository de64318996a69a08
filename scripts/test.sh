#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh [OPTIONS] [LEG...] - run every test that must pass before a change
# lands, or the named legs.
#
#   --all                     all legs
#   --jobs N                  how many legs run at a time (2; 1 with --all or on
#                             one CPU)
#   --seconds N               length of the torture (20)
#   --params P=V[,P=V...]     module parameters for the torture
#   --torture P=V[,P=V...]    parameters of the torture itself
#
# Missing packages and kernels are installed, downloaded or built first.  A leg
# that cannot run fails.  The logs are in build/test/.  The last line is `N
# passed, N failed`.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=scripts/lib/together.sh
. "$SCRIPTS/lib/together.sh"

# legs_of WHEN: the names of those legs in scripts/legs.
legs_of()
{
	awk -v when="$1" '$1 == when { print $2 }' "$SCRIPTS/legs"
}

# list_legs: print the legs with their descriptions.
list_legs()
{
	local when name what

	echo
	echo "Legs; a * marks those that run only with --all or by name:"
	echo
	grep -v '^#' "$SCRIPTS/legs" | while read -r when name what; do
		[ "$when" = all ] && when='*' || when=' '
		printf '%s %-26s %s\n' "$when" "$name" "$what"
	done
}

mapfile -t LEGS < <(legs_of test)
mapfile -t MORE_LEGS < <(legs_of all)
LOGS=$BUILD/test
seconds=20
params=
torture_params=
jobs=$(($(nproc) > 1 ? 2 : 1))
legs=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=$2; shift ;;
	--params) params=$2; shift ;;
	--torture) torture_params=$2; shift ;;
	--jobs) jobs=$2; shift ;;
	--all)
		legs=("${LEGS[@]}" "${MORE_LEGS[@]}")
		jobs=1
		;;
	-h | --help) usage "$0"; list_legs; exit 0 ;;
	*)
		is_one_of "$1" "${LEGS[@]}" "${MORE_LEGS[@]}" ||
			die "no such leg: $1 (see --help)"
		legs+=("$1")
		;;
	esac
	shift
done
[ ${#legs[@]} -gt 0 ] || legs=("${LEGS[@]}")

passed=0
failed=0
skipped=0

# pass NAME, fail NAME: count and print one test.
pass()
{
	passed=$((passed + 1))
	echo "ok $1"
}

fail()
{
	failed=$((failed + 1))
	echo "FAIL $1"
}

# count_reports OUT: count and print the checks that a guest reported.
count_reports()
{
	local nr

	nr=$(grep -c '^ok ' "$1") || true
	passed=$((passed + nr))
	nr=$(grep -c '^not ok ' "$1") || true
	failed=$((failed + nr))
	sed -n 's/^info /    /p; s/^not ok /    FAIL: /p' "$1"
}

# build_for LEG KDIR WORKDIR [VAR=VALUE...]
build_for()
{
	local leg=$1

	shift
	say "$leg: building the modules"
	watched "$leg: build" "$LOGS/$leg-build.log" build_modules "$@"
}

# kunit_guest NAME[+alloc|+init|+free|+numa|+load]: set guest to the command that
# boots that kernel, kdir to its build directory, and build_args and build_kunit
# to the arguments for building the module.
kunit_guest()
{
	local name=${1%%+*} version flavour=test cpus=1 nodes=1
	# Each report of KASAN counts, not only the first one.
	local cmdline="kasan_multi_shot log_buf_len=8M"

	build_kunit=1

	case $1 in
	*+alloc) cmdline+=" init_on_alloc=1" ;;
	*+init) cmdline+=" init_on_alloc=1 init_on_free=1" ;;
	*+free) cmdline+=" init_on_free=1" ;;
	*+load)
		cmdline+=" guest.load=1"
		build_kunit=load
		;;
	*+numa)
		cmdline+=" guest.suite=kspan_node"
		nodes=2
		;;
	esac
	set -- "$name"
	version=${1%-uml-*}

	if "$SCRIPTS/kernels/debug-kernel.sh" knows "$1"; then
		kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$1") || return
		# A slow kernel; the full set of loads runs under User Mode
		# Linux with KASAN.
		cmdline+=" guest.loads=check=1,check=2"
		guest=("$SCRIPTS/kernels/qemu.sh" --kernel "$1" --smp 2 --mem 1G
			--nodes "$nodes" --timeout 900 --cmdline "$cmdline")
		build_args=()
		return
	fi
	[ "$version" = "$1" ] || flavour=${1##*-}
	[ "$1" != newest ] || cpus=2
	kdir=$("$SCRIPTS/kernels/kernels.sh" uml "$version" "$flavour") || return
	guest=("$SCRIPTS/kernels/uml.sh" --kernel "$version" --flavour "$flavour"
		--cpus "$cpus" --timeout 600 --cmdline "$cmdline")
	# Damaged memory is never reused, and KASAN itself needs much memory.
	[ "$flavour" = test ] || guest+=(--mem 512M)
	build_args=(ARCH=um)
}

# count_cases LEG LOG: count and print the results of the suites.
count_cases()
{
	local status=0 line

	"$SCRIPTS/checks/ktap.py" --suites "$(nr_suites "$1")" "$2" \
		>"$LOGS/$1.cases" || status=1
	grep -v '^[0-9]* passed' "$LOGS/$1.cases" || true
	line=$(tail -n 1 "$LOGS/$1.cases")
	echo "    suites: $line"
	[[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]] ||
		return 1
	passed=$((passed + BASH_REMATCH[1]))
	failed=$((failed + BASH_REMATCH[2]))
	skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
	return "$status"
}

leg_kunit()
{
	local leg=kunit-$1 kdir work status=0 line guest build_args build_kunit

	kunit_guest "$1" || return
	work=$(work_dir "kunit-${1%%+*}")
	CLIENT_DIRS=() build_for "$leg" "$kdir" "$work" "${build_args[@]}" \
		KSPAN_KUNIT="$build_kunit" || return
	say "$leg: running the suites"
	watched "$leg" "$LOGS/$leg-run.log" "${guest[@]}" --expect-reports \
		--log "$LOGS/$leg.log" "$SCRIPTS/guest/kunit.sh" \
		"$work/kspan.ko" || status=1
	count_reports "$LOGS/$leg.out"
	count_cases "$leg" "$LOGS/$leg.log" || status=1
	# The suites make every kind of bad free, and each has its report.
	while IFS= read -r line; do
		grep -qF "$line" "$LOGS/$leg.log" || {
			fail "$leg: no report says '$line'"
			status=1
		}
	done < <(reports "$1")
	return "$status"
}

# reports NAME: texts that reports must contain according to
# Documentation/debugfs.rst.  If NAME is a kernel with KASAN, also the names
# that KASAN gives to the accesses of the suite about it.
reports()
{
	case $1 in
	*+numa) return ;;
	*-kasan)
		echo "use-after-free in kspan_test_touch"
		echo "out-of-bounds in kspan_test_touch"
		;;
	esac
	cat <<-'END'
	kspan: double free:
	kspan: free of memory that is not kspan's:
	kspan: free of a pointer that is not an object's start:
	kspan: free with a size of another class:
	kspan:   size given:
	 of object 
	, behind its last object
	, pointer span of
	, tiny span of
	kspan:   large object of
	END
}

# nr_suites LEG: the number of suites in the sources, whether or not they ran.
nr_suites()
{
	if [[ $1 = *+numa ]]; then
		echo 1
		return
	fi
	cat "$ROOT"/kunit/*_test.c | grep -c '^KSPAN_TEST_SUITE'
}

# count_kunit_py LEG LOG: count and print the results of kunit.py.
count_kunit_py()
{
	local line nr suites

	line=$(grep -o 'Testing complete\..*' "$2" | tail -n 1)
	echo "    kunit.py: ${line#*: }"
	nr=$(grep -oE 'passed: [0-9]+' <<<"$line" | tr -dc 0-9) || return
	passed=$((passed + nr))
	nr=$(grep -oE 'skipped: [0-9]+' <<<"$line" | tr -dc 0-9) &&
		skipped=$((skipped + nr))
	nr=$(grep -cE '\] \[FAILED\] |\[CRASHED\]' "$2") || true
	failed=$((failed + nr))
	grep -E '\] \[FAILED\] ' "$2" | sed 's/^/    /' || true
	suites=$(grep -oE '=+ (\[[A-Z]+\] )?kspan_[a-z_0-9]+ ' "$2" |
		grep -oE 'kspan_[a-z_0-9]+' | sort -u | wc -l)
	[ "$suites" -eq "$(nr_suites intree)" ] || {
		fail "$1: $suites of $(nr_suites intree) suites have run"
		return 1
	}
}

# leg_intree KERNEL: build kspan into a kernel and run its suites by kunit.py.
leg_intree()
{
	local leg=intree-$1 param status=0 source

	for param in check=1 check=2; do
		say "$leg: kunit.py with $param"
		watched "$leg" "$LOGS/$leg-$param-run.log" "$SCRIPTS/kunit.sh" \
			--kernel "$1" --param "$param" || status=1
		count_kunit_py "$leg" "$LOGS/$leg-$param-run.log" || status=1
	done
	say "$leg: the patches"
	"$SCRIPTS/setup.sh" --package git patch perl || return
	source=$("$SCRIPTS/kernels/kernels.sh" source "$1") || return
	watched "$leg-patches" "$LOGS/$leg-patches.log" \
		"$SCRIPTS/lib/try-patches.sh" "$source" || status=1
	return "$status"
}

# The machine of leg_stock(): options for QEMU, words for the kernel's command
# line, and parameters for kspan.ko and kspan_torture.ko.
machine=()
cmdline=
module=()
torture=()

# choose_machine NAME
choose_machine()
{
	machine=(--smp 4)
	cmdline=
	module=()
	torture=()
	case $1 in
	*+numa)
		machine+=(--nodes 2)
		cmdline="guest.nodes=2"
		;;
	*+8cpu) machine=(--smp 8) ;;
	*+1cpu)
		machine=(--smp 1)
		torture=(threads_per_cpu=4)
		;;
	*+1536m) machine+=(--mem 1536M) ;;
	*+160m) machine+=(--mem 160M) ;;
	*+small)
		machine+=(--mem 96M)
		torture=(max_live=3000)
		;;
	*+64m)
		machine+=(--mem 64M)
		torture=(max_live=1000)
		;;
	*+check2) module=(check=2) ;;
	*+random) module=(randomize=1) ;;
	*+wait) module=(quarantine_kb=2048) ;;
	*+wait2) module=(check=2 quarantine_kb=2048) ;;
	*+alloc)
		cmdline="init_on_alloc=1"
		torture=(zeroed=1)
		;;
	*+init)
		cmdline="init_on_alloc=1 init_on_free=1"
		torture=(zeroed=1)
		;;
	*+free2)
		cmdline="init_on_free=1"
		module=(check=2)
		torture=(zeroed=1)
		;;
	*-kasan | *-kcsan)
		# A slow kernel: check less, fill less memory, and leave time
		# between the interrupts for the other work.
		machine+=(--mem 200M)
		torture=(light=1 irq_us=20000)
		cmdline=guest.slow=1
		;;
	esac
	# KASAN itself needs much memory.
	[[ $1 != *-kasan ]] || machine+=(--mem 400M)
	# Races in the kernel itself do not count.
	[[ $1 != *-kcsan ]] || cmdline+=" panic_on_warn=0"
	[ -z "$params" ] || module+=("$params")
	[ -z "$torture_params" ] || torture+=("$torture_params")
}

# commas WORD...: a list in the form of guest parameters.
commas()
{
	local IFS=,

	echo "$*"
}

# leg_stock JOB KERNEL[+MACHINE]: run scripts/guest/JOB.sh on a stock kernel.
leg_stock()
{
	local leg=$1-$2 job=$1 kernel=${2%%+*} kdir work status=0
	local timeout=$((seconds * 4 + 300))
	local CLIENT_DIRS=(Documentation/example scripts/torture)

	choose_machine "$2"
	! "$SCRIPTS/kernels/debug-kernel.sh" knows "$kernel" ||
		timeout=$((seconds * 10 + 900))

	"$SCRIPTS/setup.sh" build qemu || return
	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel") || return
	work=$(work_dir "stock-$kernel")
	build_for "$leg" "$kdir" "$work" || return
	say "$leg: booting the kernel, then $seconds s of stress"
	watched "$leg" "$LOGS/$leg-run.log" \
		"$SCRIPTS/kernels/qemu.sh" --kernel "$kernel" "${machine[@]}" \
		--timeout "$timeout" \
		--cmdline "$cmdline guest.seconds=$seconds guest.params=$(commas "${module[@]}") guest.torture=$(commas "${torture[@]}")" \
		--log "$LOGS/$leg.log" \
		"$SCRIPTS/guest/$job.sh" "$work/kspan.ko" \
		"$work/Documentation/example/kspan_client.ko" \
		"$work"/scripts/torture/*.ko || status=1
	count_reports "$LOGS/$leg.out"
	return "$status"
}

# go_pprof: the path of Go's pprof, which its package has in no PATH.
go_pprof()
{
	local tool

	for tool in /usr/lib/go-*/pkg/tool/linux_*/pprof; do
		! [ -x "$tool" ] || { echo "$tool"; return; }
	done
	return 1
}

# lines_of OUT NAME: what the guest sent under a name.
lines_of()
{
	sed -n "s/^$2 //p" "$1"
}

# names_client NAME DIR COMMAND...: whether what a command prints has the function
# of the client that allocates.
names_client()
{
	local name=$1 dir=$2

	shift 2
	if "$@" >"$dir/$name" 2>&1 &&
		grep -q 'keep_object\[kspan_keep\]' "$dir/$name"; then
		pass "$name names the client's function"
	else
		fail "$name does not name the client's function"
		return 1
	fi
}

# leg_profile KERNEL: the guest's profile, shown by kspan-profile and by pprof.
leg_profile()
{
	local leg=profile-$1 dir=$LOGS/profile-$1.files status=0 go

	"$SCRIPTS/setup.sh" pprof || return
	leg_stock profile "$1" || return
	mkdir -p "$dir"
	lines_of "$LOGS/$leg.out" live >"$dir/live"
	lines_of "$LOGS/$leg.out" gone >"$dir/gone"
	lines_of "$LOGS/$leg.out" symbol >"$dir/symbols"
	set -- "$SCRIPTS/kspan-profile" --kallsyms "$dir/symbols"
	names_client table "$dir" "$@" "$dir/live" || status=1
	"$@" --save "$dir/saved" --proto "$dir/live.pb.gz" --svg "$dir/live.svg" \
		"$dir/live" || return
	"$@" --save "$dir/saved-gone" "$dir/gone" || return
	names_client graph "$dir" cat "$dir/live.svg" || status=1
	names_client difference "$dir" "$SCRIPTS/kspan-profile" \
		--diff "$dir/saved-gone" "$dir/saved" || status=1
	names_client google-pprof "$dir" google-pprof --text "$dir/saved" || status=1
	go=$(go_pprof) || return
	names_client go-pprof "$dir" "$go" -top "$dir/live.pb.gz" || status=1
	return "$status"
}

# judge_rows ROWS: print a line `ok ...` or `FAIL ...` for each limit.
judge_rows()
{
	awk '
	FNR == NR {
		if ($1 !~ /^#/ && NF == 2)
			limit[$1] = $2
		next
	}
	/^kspan_bench: [^ ]+ [0-9.]+ [0-9.]+ [0-9]+ / { got[$2] = $5 }
	END {
		for (name in limit) {
			verdict = "FAIL"
			if (name in got && got[name] <= limit[name])
				verdict = "ok"
			print verdict, name, (name in got ? got[name] : "none"),
				"of", limit[name]
			n++
		}
		exit n == 0
	}' "$SCRIPTS/bench/limits" "$1"
}

leg_icount()
{
	local rows=pair,aligned,atomic,batch,bulk,cache,larson,large,rptest,run-live
	local verdict name rest status=0

	rows+=,wave,sized,node,thisnode,ask,alloc-0,grow-half,grow-record,realloc,tail
	say "icount: counting instructions"
	watched icount "$LOGS/icount-run.log" "$SCRIPTS/bench.sh" \
		--rig icount-6.12 --no-pictures \
		--only "$rows" || return
	judge_rows "$BUILD/bench/icount-6.12.rows" >"$LOGS/icount.rows" || return
	while read -r verdict name rest; do
		if [ "$verdict" = ok ]; then
			pass "icount $name: $rest thousandths of the kernel's"
		else
			fail "icount $name: $rest thousandths of the kernel's"
			status=1
		fi
	done < <(sort -k 2 -V "$LOGS/icount.rows")
	return "$status"
}

# leg_lines NAME COMMAND...: run a command that prints a line `ok ...` or `FAIL
# ...` for each check, and count these lines.
leg_lines()
{
	local leg=$1 log=$LOGS/$1-run.log status=0 nr

	shift
	watched "$leg" "$log" "$@" || status=1
	grep '^FAIL' "$log" || true
	nr=$(grep -c '^ok ' "$log") || return 1
	passed=$((passed + nr))
	nr=$(grep -c '^FAIL' "$log") || true
	failed=$((failed + nr))
	return "$status"
}

leg_tools()
{
	"$SCRIPTS/setup.sh" tools || return
	leg_lines tools /usr/bin/python3 "$SCRIPTS/tools/check.py"
}

# leg_tools_guest KERNEL: the tools on the files in debugfs, and on a dump of the
# memory, of a guest that is made now.
leg_tools_guest()
{
	local leg=tools-$1 kernel=$1 kdir work status=0
	local CLIENT_DIRS=(scripts/torture)

	"$SCRIPTS/setup.sh" build qemu tools || return
	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel") || return
	work=$(work_dir "stock-$kernel")
	build_for "$leg" "$kdir" "$work" || return
	say "$leg: booting the kernel"
	watched "$leg" "$LOGS/$leg-guest.log" \
		"$SCRIPTS/kernels/qemu.sh" --kernel "$kernel" --smp 2 --mem 256M \
		--timeout 400 --dump "$LOGS/$leg.vmcore" --log "$LOGS/$leg.log" \
		--expect-reports \
		"$SCRIPTS/guest/tools.sh" "$work/kspan.ko" \
		"$work/scripts/torture/kspan_leak.ko" || status=1
	count_reports "$LOGS/$leg.out"
	leg_lines "$leg" /usr/bin/python3 "$SCRIPTS/tools/check.py" \
		--saved "$LOGS/$leg.out" --core "$LOGS/$leg.vmcore" \
		--module "$work/kspan.ko" || status=1
	rm -f "$LOGS/$leg.vmcore"
	return "$status"
}

# leg_model LEG OPTION...: the models, which need spin.
leg_model()
{
	local leg=$1

	shift
	"$SCRIPTS/setup.sh" --package spin gcc libc6-dev || return
	leg_lines "$leg" "$SCRIPTS/model/search.py" "$@"
}

leg_docs()
{
	watched docs "$LOGS/docs-run.log" "$SCRIPTS/docs.sh"
}

# run_leg LEG: run it here.
run_leg()
{
	local leg=$1 begun before run

	begun=$(date +%s)
	rm -f "$LOGS/$leg".{log,out,cases,rows} "$LOGS/$leg"-{build,run}.log
	case $leg in
	kunit-*) run=(leg_kunit "${leg#*-}") ;;
	intree-*) run=(leg_intree "${leg#*-}") ;;
	range) run=(leg_lines "$leg" "$SCRIPTS/range.sh") ;;
	release) run=(leg_lines "$leg" "$SCRIPTS/release-check.sh") ;;
	packages) run=(leg_lines "$leg" "$SCRIPTS/deb-test.sh") ;;
	torture-* | faults-* | short-* | trace-* | probe-* | oops-*)
		run=(leg_stock "${leg%%-*}" "${leg#*-}") ;;
	tools-*) run=(leg_tools_guest "${leg#*-}") ;;
	port-*)
		run=(leg_lines "$leg" "$SCRIPTS/port-test.sh"
			--kernel "${leg#*-}" --logs "$LOGS/port")
		;;
	profile-*) run=(leg_profile "${leg#*-}") ;;
	fuzz) run=(leg_lines "$leg" "$SCRIPTS/fuzz.sh" --seconds 60) ;;
	fuzz-mutants) run=(leg_lines "$leg" "$SCRIPTS/fuzz.sh" --mutants) ;;
	explore) run=(leg_lines "$leg" "$SCRIPTS/explore.sh") ;;
	explore-mutants) run=(leg_lines "$leg" "$SCRIPTS/explore.sh" --mutants) ;;
	model) run=(leg_model "$leg") ;;
	model-mutants) run=(leg_model "$leg" --mutants) ;;
	*) run=("leg_$leg") ;;
	esac
	before=$failed
	# `if` disables `set -e`, so the functions of a leg return their
	# failures.
	if "${run[@]}"; then
		pass "$leg, $(($(date +%s) - begun)) s"
	elif [ "$failed" -eq "$before" ]; then
		fail "$leg, see $LOGS/$leg*"
	else
		echo "FAIL $leg, see $LOGS/$leg*"
	fi
}

mkdir -p "$LOGS"
if [ "$jobs" -gt 1 ] && [ ${#legs[@]} -gt 1 ]; then
	run_together "$jobs" --seconds "$seconds" --params "$params" \
		--torture "$torture_params" -- "${legs[@]}"
else
	nr_leg=0
	for leg in "${legs[@]}"; do
		nr_leg=$((nr_leg + 1))
		say "leg $nr_leg of ${#legs[@]}: $leg; $passed passed, $failed failed so far"
		run_leg "$leg"
	done
fi
[ $((passed + failed)) -gt 0 ] || fail "there were no tests"
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line+=", $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
