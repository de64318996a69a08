#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [OPTIONS] - compare kspan with the kernel's own allocators, in one
# boot.
#
#   --rig RIG       where to run; may be repeated (icount-6.12 uml-6.12
#                   uml-newest, about 5 minutes):
#                   icount-6.1 icount-6.12 icount-newest
#                                            stock kernels in QEMU whose clock
#                                            counts instructions, one CPU: the
#                                            same on every run and machine
#                   uml-6.1 uml-6.12         User Mode Linux at native speed
#                   uml-newest               the same with two CPUs
#                   The newest kernel can also be named by its number.
#   --all           all rigs
#   --kernel NAME   the same as --rig icount-NAME
#   --only PREFIXES only rows whose names begin with one of these,
#                   comma-separated
#   --rounds N      measurements of each side (11)
#   --loops N       operations in a measurement (8192)
#   --no-pictures   draw no pictures
#
# A row is the cost of an operation in instructions or ns.  An operation mostly
# allocates an object, writes to it, and frees it.  Memory rows are thousandths
# of the requested bytes.  The ratio is kspan's cost divided by the kernel's.
# The spread is the range of the middle half of the rounds, in percent.  On a
# busy machine times vary from run to run, ratios vary less, and instruction
# counts hardly.
#
# The rows are written to build/bench/RIG.rows, with pictures next to them.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

ALL_RIGS=(icount-6.1 icount-6.12 icount-newest uml-6.1 uml-6.12 uml-newest)
OUT=$BUILD/bench
rigs=()
only=
rounds=11
loops=8192
pictures=1

# add_rig RIG: add it to the list; fail if there is no such rig.
add_rig()
{
	local rig

	rig=${1%%-*}-$(kernel_name "${1#*-}")
	is_one_of "$rig" "${ALL_RIGS[@]}" ||
		die "no such rig: $1 (see --help)"
	rigs+=("$rig")
}

while [ $# -gt 0 ]; do
	case $1 in
	--rig) add_rig "$2"; shift ;;
	--kernel) add_rig "icount-$2"; shift ;;
	--all) rigs=("${ALL_RIGS[@]}") ;;
	--only) only=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	--loops) loops=$2; shift ;;
	--no-pictures) pictures= ;;
	-h | --help) usage "$0"; exit 0 ;;
	*) die "no such option: $1 (see --help)" ;;
	esac
	shift
done
[ ${#rigs[@]} -gt 0 ] || rigs=(icount-6.12 uml-6.12 uml-newest)
# Lists on a guest's command line use other separators.
params="only=${only//,/+},rounds=$rounds,loops=$loops"

table()
{
	awk '
	BEGIN { printf "%-20s %12s %12s %7s %8s %8s  %s\n", "workload",
		"kspan", "kernel", "ratio", "spread", "spread", "kernel side" }
	/^kspan_bench: [^ ]+ [0-9.]+ [0-9.]+ [0-9]+ [0-9]+ [0-9]+ / {
		printf "%-20s %12.1f %12.1f %7.3f %7.1f%% %7.1f%%  %s%s\n", $2,
			$3, $4, $5 / 1000, $6 / 10, $7 / 10, $9,
			$8 == "permille" ? ", memory" : ""
		rows++
	}
	END { exit rows == 0 }' "$1"
}

# shellcheck disable=SC2317 # watched calls it
watched_detail()
{
	[ ! -e "$OUT/$rig.log" ] ||
		echo "$(grep -c 'kspan_bench: .* .* .* ' "$OUT/$rig.log") rows"
}

# run_icount RIG VERSION
run_icount()
{
	local kdir work CLIENT_DIRS=(scripts/bench)

	"$SCRIPTS/setup.sh" build qemu
	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$2") || return
	work=$(work_dir "stock-$2")
	say "$1: building for the stock $2 kernel"
	watched "$1: build" "$OUT/$1-build.log" \
		build_modules "$kdir" "$work" || return
	say "$1: counting instructions, some 90 seconds for all rows"
	watched "$1" "$OUT/$1-run.log" \
		"$SCRIPTS/kernels/qemu.sh" --kernel "$2" --icount --mem 2G --timeout 900 \
		--log "$OUT/$1.log" --out "$OUT/$1.rows" \
		--cmdline "guest.bench=$params" "$SCRIPTS/guest/bench.sh" \
		"$work/kspan.ko" "$work/scripts/bench/kspan_bench.ko"
}

# run_uml RIG VERSION
run_uml()
{
	local kdir work cpus=() CLIENT_DIRS=(scripts/bench)

	"$SCRIPTS/setup.sh" uml
	kdir=$("$SCRIPTS/kernels/kernels.sh" uml "$2" bench) || return
	work=$(work_dir "uml-bench-$2")
	[ "$2" != newest ] || cpus=(--cpus 2)
	say "$1: building for User Mode Linux"
	watched "$1: build" "$OUT/$1-build.log" \
		build_modules "$kdir" "$work" ARCH=um || return
	say "$1: running, about a minute for all rows"
	watched "$1" "$OUT/$1-run.log" \
		"$SCRIPTS/kernels/uml.sh" --kernel "$2" --flavour bench --mem 2G \
		"${cpus[@]}" --timeout 600 --log "$OUT/$1.log" \
		--out "$OUT/$1.rows" --cmdline "guest.bench=$params" \
		"$SCRIPTS/guest/bench.sh" "$work/kspan.ko" \
		"$work/scripts/bench/kspan_bench.ko"
}

mkdir -p "$OUT"
for rig in "${rigs[@]}"; do
	rm -f "$OUT/$rig".*
	"run_${rig%%-*}" "$rig" "${rig#*-}" ||
		die "the benchmark did not end well, see $OUT/$rig-run.log"
	echo "$rig"
	table "$OUT/$rig.rows" || die "no rows in $OUT/$rig.rows"
done
if [ -n "$pictures" ]; then
	"$SCRIPTS/setup.sh" bench
	"$SCRIPTS/bench/plot.py" --out "$OUT" "$OUT"/*.rows
	say "pictures are in $OUT"
fi
