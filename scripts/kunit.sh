#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh [OPTIONS] [GLOB] - run the KUnit suites with kunit.py in a kernel tree.
#
#   --kernel VERSION    6.1, 6.12 or newest: Debian's linux-source (6.12)
#   --tree DIR          a tree of yours instead; kspan is linked into it and
#                       stays there
#   --param NAME=VALUE  a parameter of kspan, such as check=2; may be repeated
#   --arch ARCH         an architecture of kunit.py, such as x86_64 in QEMU (um)
#   --place DIR         where in the tree (drivers/misc/kspan)
#   --raw               print the whole kernel log instead of the results
#
# GLOB selects suites, as in kspan_heap* or kspan_tiny.*zero*.  The tree gets
# kspan by scripts/into-tree, and kspan is built in.  The first run of a kernel
# builds it, some 4 minutes on two CPUs.  Ends with kunit.py's own summary.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

kernel=6.12
tree=
place=drivers/misc/kspan
arch=
args=()
kernel_args=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--tree) tree=$2; shift ;;
	--param) kernel_args+=("--kernel_args=kspan.$2"); shift ;;
	--arch) arch=$2; shift ;;
	--place) place=$2; shift ;;
	--raw) args+=(--raw_output) ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) die "no such option: $1 (see --help)" ;;
	*) break ;;
	esac
	shift
done
[ $# -le 1 ] || die "one pattern, please (see --help)"

case $arch in
"" | x86_64 | i386) ;;
arm64) args+=(--cross_compile=aarch64-linux-gnu-) ;;
riscv) args+=(--cross_compile=riscv64-linux-gnu-) ;;
s390) args+=(--cross_compile=s390x-linux-gnu-) ;;
esac
[ -z "$arch" ] || args+=("--arch=$arch")

# A tree of hard links to the source, which costs no space.  One for each
# checkout, so that several do not change it under each other.
if [ -z "$tree" ]; then
	kernel=$(kernel_name "$kernel")
	source=$("$SCRIPTS/kernels/kernels.sh" source "$kernel")
	tree=$(work_dir "in-tree-$(basename "$source")")
	lock_file "$tree.lock" "the kernel tree $tree"
	if [ ! -e "$tree" ]; then
		mkdir -p "$(dirname "$tree")"
		rm -rf "$tree.part"
		cp -rl "$source" "$tree.part"
		mv "$tree.part" "$tree"
	fi
else
	lock_file "$CACHE/kunit.lock" "another run of kunit.sh --tree"
fi
"$SCRIPTS/into-tree" "$tree/$place"

# The defaults of User Mode Linux build twice as much as the suites need.
if [ -z "$arch" ]; then
	for option in EXPERT=y BLOCK=n INPUT=n HW_RANDOM=n NET=n \
		KERNEL_STACK_ORDER=3; do
		args+=("--kconfig_add=CONFIG_$option")
	done
fi

# What the suites print beside their results is the reports that they provoke.
cd "$tree"
# The dynamic linker saves all registers when it resolves a name at the first
# call, which needs more stack than a thread of User Mode Linux has.
export LD_BIND_NOW=1
exec ./tools/testing/kunit/kunit.py run --kunitconfig="$place/kunit" \
	--build_dir="$tree.build${arch:+-$arch}" --jobs="$(nproc)" \
	--timeout=900 --kernel_args=log_buf_len=8M \
	"${kernel_args[@]}" "${args[@]}" "${@:-kspan*}"
