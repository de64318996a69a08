#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [OPTIONS] - kspan beside the kernel's own allocators, in one boot.
#
#   --kernel 6.1|6.12   the stock Debian kernel to run on (6.12)
#   --only PREFIX       rows whose names begin so (all)
#   --rounds N          measurements of each side (11)
#
# The kernel runs in QEMU with -icount: its clock counts instructions, so two
# runs and two machines agree.  A row is the cost of allocating, writing and
# freeing one object, in instructions; the ratio is kspan's to the kernel's.
# The rows also go to build/bench/KERNEL.rows.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kernel=6.12
only=
rounds=11
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--only) only=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	*) die "no such option: $1 (see --help)" ;;
	esac
	shift
done

# What the second side of a row is.
table()
{
	awk '
	function other(name) {
		if (name ~ /-kv$/) return "kvmalloc"
		if (name ~ /^large.*-v$/) return "vmalloc"
		if (name ~ /^bulk/) return "kmem_cache bulk"
		return "kmalloc"
	}
	BEGIN { printf "%-22s %12s %12s %7s  %s\n", "workload", "kspan",
		"kernel", "ratio", "kernel side" }
	/^kspan_bench: [^ ]+ [0-9.]+ [0-9.]+ [0-9]+$/ {
		printf "%-22s %12.1f %12.1f %7.3f  %s\n", $2, $3, $4, $5 / 1000,
			other($2)
		rows++
	}
	END { exit rows == 0 }' "$1"
}

"$SCRIPTS/setup.sh" build qemu
kdir=$("$SCRIPTS/kernels.sh" headers "$kernel")
work=$(work_dir "stock-$kernel")
rows=$BUILD/bench/$kernel.rows
mkdir -p "$BUILD/bench"
say "building for the stock $kernel kernel"
watched "build" "$BUILD/bench/build.log" build_modules "$kdir" "$work"
say "counting instructions on stock $kernel, some 20 seconds for all rows"
watched "bench" "$BUILD/bench/run.log" \
	"$SCRIPTS/qemu.sh" --kernel "$kernel" --icount --timeout 570 \
	--log "$BUILD/bench/$kernel.log" --out "$rows" \
	--cmdline "guest.bench=only=$only,rounds=$rounds" \
	"$SCRIPTS/guest/bench.sh" "$work/kspan.ko" \
	"$work/scripts/bench/kspan_bench.ko" ||
	die "the benchmark did not end well, see $BUILD/bench/run.log"
table "$rows" || die "no rows in $rows"
