#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# client-demo.sh [OPTIONS] DIR - try your own module with kspan, without
# touching this machine.  Builds kspan and the modules in DIR for one of
# Debian's stock kernels and boots that kernel in QEMU.  The guest loads kspan
# and then the modules in the order of DIR's Kbuild, waits, and unloads them.
# The script shows the kernel log and kspan's statistics.
#
#   --kernel NAME     which kernel (6.12); see kernels/stock.sh --help
#   --params "P=V .." parameters for the last module
#   --kspan "P=V .."  parameters for kspan.ko, such as check=2
#   --seconds N       how long the modules stay loaded (2)
#   --mem SIZE        memory of the guest (1G)
#   --smp N           CPUs of the guest (2)
#
# DIR is copied, and nothing is written to it.  Its Kbuild needs no path to
# kspan, because make gets the include path and KBUILD_EXTRA_SYMBOLS.  Missing
# packages are installed.  The logs are in build/client-demo/.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

kernel=6.12
params=
kspan=
seconds=2
mem=1G
smp=2
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--params) params=$2; shift ;;
	--kspan) kspan=$2; shift ;;
	--seconds) seconds=$2; shift ;;
	--mem) mem=$2; shift ;;
	--smp) smp=$2; shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) die "no such option: $1 (see --help)" ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || die "which folder? (see --help)"
[ -d "$1" ] || die "there is no folder $1"
[ -e "$1/Kbuild" ] || [ -e "$1/Makefile" ] ||
	die "there is neither a Kbuild nor a Makefile in $1"
client=$(cd "$1" && pwd)

dir=$BUILD/client-demo
mkdir -p "$dir"
"$SCRIPTS/setup.sh" demo
kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel")
"$SCRIPTS/kernels/kernels.sh" image "$kernel" >/dev/null
work=$(work_dir "stock-$kernel")
say "building kspan.ko for Linux $kernel"
CLIENT_DIRS=()
watched build "$dir/kspan-build.log" build_modules "$kdir" "$work"

say "building the modules of $client"
copy=
temp_dir copy
cp -r "$client/." "$copy"
watched "client build" "$dir/build.log" \
	make -C "$kdir" M="$copy" KSPAN="$work" KCFLAGS="-I$work/module/include" \
	KBUILD_EXTRA_SYMBOLS="$work/Module.symvers" modules
mapfile -t modules < <(sed 's/\.o$/.ko/; s,^.*/,,' "$copy/modules.order")
[ ${#modules[@]} -gt 0 ] || die "$client builds no module"

say "booting that kernel in QEMU, $smp CPUs, $mem; loading ${modules[*]}"
status=0
watched guest "$dir/qemu.log" \
	"$SCRIPTS/kernels/qemu.sh" --kernel "$kernel" --smp "$smp" --mem "$mem" \
	--timeout $((seconds + 180)) --expect-reports \
	--cmdline "guest.seconds=$seconds guest.modules=$(IFS=,; echo "${modules[*]}") guest.params=${params// /,} guest.kspan=${kspan// /,}" \
	--log "$dir/kernel.log" --out "$dir/reports" \
	"$SCRIPTS/guest/client-demo.sh" "$work/kspan.ko" "${modules[@]/#/$copy/}" ||
	status=1
sed -n 's/^show //p' "$dir/reports"
sed -n 's/^not ok /FAIL: /p' "$dir/reports"
say "the whole log of the guest's kernel is $dir/kernel.log"
exit "$status"
