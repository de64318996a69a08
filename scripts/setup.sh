#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh [GROUP...] - install the Debian packages that a group of targets
# needs, if they are missing.
# setup.sh --package NAME... - the same for packages by name.
# setup.sh --update - fetch the package lists.
#
# Groups: build demo uml qemu arm64 check fuzz bench tools port docs deb range
# pprof screenshots; without a GROUP, all but the last.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

# Before an installation, package lists older than this are fetched again.
LISTS_MAX_DAYS=1

group_packages()
{
	case $1 in
	build) echo make gcc libc6-dev binutils rsync kmod procps python3 xz-utils ;;
	qemu | demo)
		group_packages build
		echo qemu-system-x86 busybox-static cpio
		;;
	arm64)
		group_packages qemu
		echo qemu-system-arm gcc-aarch64-linux-gnu
		;;
	bench)
		group_packages qemu
		group_packages uml
		echo python3-matplotlib
		;;
	uml)
		group_packages build
		echo linux-source-6.1 linux-source-6.12 busybox-static cpio
		echo bc bison flex libelf-dev libssl-dev
		;;
	check)
		group_packages build
		# Two of the kernel's rules for coccinelle need to be compiled.
		echo sparse coccinelle ocaml-nox clang-tidy codespell shellcheck
		echo git perl
		echo python3-docutils python3-pyflakes linux-source-6.12 spin
		;;
	tools)
		group_packages build
		# promtool.sh unpacks what it needs itself.
		echo gdb python3-drgn python3-matplotlib python3-numpy
		;;
	range)
		echo gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu
		echo gcc-s390x-linux-gnu clang lld llvm
		;;
	docs)
		echo python3-sphinx python3-sphinx-rtd-theme perl
		echo linux-source-6.12 xz-utils
		;;
	deb)
		group_packages build
		echo debhelper dh-dkms dh-python dpkg-dev fakeroot lintian git
		echo debootstrap autopkgtest
		;;
	screenshots) echo chromium fonts-dejavu-core ;;
	fuzz)
		group_packages build
		# The libraries of the sanitizers and of the fuzzer are only
		# recommended by it.
		echo clang libclang-rt-dev
		;;
	pprof) echo google-perftools golang-1.19-go libdevel-nytprof-perl python3 ;;
	port)
		group_packages qemu
		group_packages uml
		echo coccinelle wireguard-tools iproute2 squashfs-tools e2fsprogs
		;;
	*) die "no such group: $1 (see --help)" ;;
	esac
}

missing_packages()
{
	local have

	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
		2>/dev/null | sed -n 's/^installed //p' || true)
	printf '%s\n' "$@" | sort -u | grep -vxF "${have:-none}" || true
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "installing packages needs root, or sudo: $*"
	fi
}

lists_are_fresh()
{
	[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' \
		-mtime "-$LISTS_MAX_DAYS" -print -quit 2>/dev/null)" ]
}

update_lists()
{
	watched "apt-get update" "$CACHE/log/apt-update.log" \
		as_root apt-get -q update ||
		say "could not fetch the package lists; trying with the old ones"
}

install_packages()
{
	watched "installing packages" "$CACHE/log/apt-install.log" \
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

case ${1:-} in
-h | --help)
	usage "$0"
	exit 0
	;;
--update)
	lock_file "$CACHE/setup.lock" "package installation"
	update_lists
	exit 0
	;;
--package)
	shift
	packages=$*
	;;
*)
	packages=
	[ $# -gt 0 ] || set -- build demo uml qemu arm64 check fuzz bench tools port docs deb range pprof
	for group; do
		packages+=" $(group_packages "$group")"
	done
	;;
esac

command -v apt-get >/dev/null || die "this needs Debian: apt-get is missing"
[ "$(dpkg --print-architecture)" = amd64 ] || die "this needs an amd64 machine"

# shellcheck disable=SC2086 # a list of names
missing=$(missing_packages $packages)
[ -n "$missing" ] || exit 0

# Another run may be installing the same packages: check again afterwards.
lock_file "$CACHE/setup.lock" "package installation"
# shellcheck disable=SC2086
missing=$(missing_packages $packages)
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086
set -- $missing
say "installing: $*"
lists_are_fresh || update_lists
if ! install_packages "$@"; then
	say "trying again with fresh package lists"
	update_lists
	install_packages "$@" || die "could not install: $*"
fi
say "installed"
