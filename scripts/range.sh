#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# range.sh [NAME...] - build the module for every kernel, machine and compiler
# that it is meant for, or the named ones.
#
# For stock kernels of Debian (stock.sh --help), gcc builds kspan.ko and the
# example.  For the following kernels, from Debian's source of Linux 6.12, kspan is
# compiled and linked, but not into a module, which would need a built kernel:
#
#   clang        x86-64 by clang
#   riscv64      RISC-V
#   s390x        big-endian
#   arm64-16k    arm64 with pages of 16 KiB
#   arm64-64k    and of 64 KiB, larger than kspan's own
#
# Every warning is an error.  Prints a line `ok` or `FAIL` for each.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

OTHERS=(clang riscv64 s390x arm64-16k arm64-64k)
mapfile -t STOCK < <("$SCRIPTS/kernels/stock.sh" names)
case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
esac
[ $# -gt 0 ] || set -- "${STOCK[@]}" "${OTHERS[@]}"
LOGS=$BUILD/range
mkdir -p "$LOGS"

# arguments NAME: set args to those for make, and options to the configuration.
arguments()
{
	options=()
	case $1 in
	clang) args=(ARCH=x86_64 LLVM=1) ;;
	riscv64) args=(ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu-) ;;
	s390x) args=(ARCH=s390 CROSS_COMPILE=s390x-linux-gnu-) ;;
	arm64-16k)
		args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
		options=(-d ARM64_4K_PAGES -e ARM64_16K_PAGES)
		;;
	arm64-64k)
		args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
		options=(-d ARM64_4K_PAGES -e ARM64_64K_PAGES)
		;;
	esac
}

# prepare NAME SOURCE DIR: a build directory for modules.
prepare()
{
	make -C "$2" O="$3" "${args[@]}" defconfig &&
		"$2/scripts/config" --file "$3/.config" -d DEBUG_INFO_BTF -d WERROR \
			"${options[@]}" &&
		make -C "$2" O="$3" "${args[@]}" olddefconfig &&
		make -j"$(nproc)" -C "$2" O="$3" "${args[@]}" modules_prepare
}

build_other()
{
	local name=$1 source dir work

	arguments "$name"
	source=$("$SCRIPTS/kernels/kernels.sh" source 6.12) || return
	dir=$CACHE/prepared/$(basename "$source")-$name
	if [ ! -e "$dir" ]; then
		lock_file "$CACHE/prepared-$name.lock" "a kernel for $name"
	fi
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		prepare "$name" "$source" "$dir.part" || return
		sed -i "s|$dir.part|$dir|g" "$dir.part/Makefile"
		mv "$dir.part" "$dir"
	fi
	work=$(work_dir "range-$name")
	mkdir -p "$work"
	rsync -rlp --checksum --delete --exclude='.*.cmd' --exclude='*.o' \
		"$ROOT/"{Kbuild,dkms.conf,module} "$work/" || return
	make -j"$(nproc)" -C "$dir" "${args[@]}" M="$work" W=1 KCFLAGS=-Werror \
		kspan.o && [ -e "$work/kspan.o" ]
}

build_stock()
{
	local kdir work

	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$1") || return
	work=$(work_dir "range-$1")
	CLIENT_DIRS=(Documentation/example)
	build_modules "$kdir" "$work" W=1 KCFLAGS=-Werror && [ -e "$work/kspan.ko" ]
}

"$SCRIPTS/setup.sh" build uml range
nr_failed=0
for name; do
	if is_one_of "$name" "${STOCK[@]}"; then
		run=(build_stock "$name")
	elif is_one_of "$name" "${OTHERS[@]}"; then
		run=(build_other "$name")
	else
		die "no such kernel: $name (see --help)"
	fi
	if watched "$name" "$LOGS/$name.log" "${run[@]}"; then
		echo "ok $name"
	else
		echo "FAIL $name, see $LOGS/$name.log"
		grep -E 'error|warning' "$LOGS/$name.log" | head -n 5 | sed 's/^/    /'
		nr_failed=$((nr_failed + 1))
	fi
done
[ "$nr_failed" -eq 0 ]
