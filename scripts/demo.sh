#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [OPTIONS] - a demonstration of kspan.  Builds it for Debian's stock
# kernel, boots that kernel in QEMU, loads kspan and a client that keeps 100 000
# records, and shows the statistics before, during and after.
#
#   --kernel 6.1|6.12   which kernel (6.12)
#   --nr N              records of the client (100000)
#
# Missing packages are installed.  Nothing is loaded into the running kernel.
# The guest's kernel log is build/demo/kernel.log.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

kernel=6.12
nr=100000
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--nr) nr=$2; shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	*) die "no such option: $1 (see --help)" ;;
	esac
	shift
done

# stats_table REPORTS: print the three readings side by side.
stats_table()
{
	awk '
	$1 == "stat" {
		if (!($3 in before) && !($3 in during))
			names[++n] = $3
		if ($2 == "before") before[$3] = $4
		if ($2 == "during") during[$3] = $4
		if ($2 == "after") after[$3] = $4
	}
	BEGIN { printf "  %-14s %14s %14s %14s\n",
		"stats", "before", "during", "after" }
	END {
		for (i = 1; i <= n; i++) {
			name = names[i]
			same = before[name] == during[name] &&
			       during[name] == after[name]
			printf "%s %-14s %14s %14s %14s\n", same ? " " : "*",
				name, before[name], during[name], after[name]
		}
	}' "$1"
	echo "(*: changed; after: client unloaded, idle memory released)"
}

dir=$BUILD/demo
mkdir -p "$dir"
"$SCRIPTS/setup.sh" demo
kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel")
image=$("$SCRIPTS/kernels/kernels.sh" image "$kernel")
work=$(work_dir "stock-$kernel")
say "building kspan.ko and its client for Linux $(basename "$image")"
CLIENT_DIRS=(Documentation/example)
watched build "$dir/build.log" build_modules "$kdir" "$work"

say "booting that kernel in QEMU, 2 CPUs"
out=$dir/reports
: >"$out"
"$SCRIPTS/kernels/qemu.sh" --kernel "$kernel" --smp 2 --mem 1G \
	--cmdline "guest.nr=$nr" --log "$dir/kernel.log" --out "$out" \
	"$SCRIPTS/guest/demo.sh" "$work/kspan.ko" \
	"$work/Documentation/example/kspan_client.ko" 2>"$dir/qemu.log" &
guest=$!
kill_later "$guest"
tail -n +1 -F --pid="$guest" "$out" 2>/dev/null | sed -un 's/^step /    /p'
if ! wait "$guest"; then
	cat "$dir/qemu.log" >&2
	die "the demonstration failed, see $dir/kernel.log"
fi
forget "$guest"
say "the guest has switched itself off in order"
stats_table "$out"
