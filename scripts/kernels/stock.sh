#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stock.sh - Debian's own kernels for guests.
#
#   stock.sh headers NAME   print a directory to build modules against
#   stock.sh image NAME     print a directory that contains vmlinuz
#   stock.sh modules NAME   print a directory that contains lib/modules/RELEASE,
#                           for 6.1 and 6.12
#   stock.sh busybox NAME   print a static busybox for that machine
#   stock.sh names          print the names
#
# NAME is 6.1 or 6.12, the cloud kernels of this Debian release, whose headers
# are installed; 6.1-rt or 6.12-rt, with PREEMPT_RT; newest, the cloud kernel
# from the backports of the next release; or 6.1-arm64 or 6.1-i386, for other
# machines.  The number of its series also names newest.
#
# Other kernels are unpacked in the cache.  Their headers are adapted so that
# they work there with the compilers of this machine, without any variable for
# make.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

# How long the result of a search for the newest release is valid.
LOOK_DAYS=7
NAMES=(6.1 6.12 6.1-rt 6.12-rt newest 6.1-arm64 6.1-i386)

# --- the installed ones -----------------------------------------------------

# installed_release SERIES: the newest stock cloud kernel of that series whose
# headers are installed and whose image is available, or nothing.
installed_release()
{
	local kdir release

	for kdir in $(printf '%s\n' /lib/modules/"$1".*-cloud-amd64/build |
		sort -rV); do
		release=$(basename "$(dirname "$kdir")")
		if [ -e "$kdir/Makefile" ] && { [ -e "$CACHE/image/$release" ] ||
			[ -n "$(image_package "$release")" ]; }; then
			printf '%s\n' "$release"
			return
		fi
	done
}

# image_package RELEASE: the package with its image, or nothing if apt has none.
image_package()
{
	local name

	for name in "linux-image-$1" "linux-image-$1-unsigned"; do
		if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
			printf '%s\n' "$name"
			return
		fi
	done
}

available_release()
{
	apt-cache search --names-only "$(headers_pattern "$1" cloud-amd64)" |
		sed 's/^linux-headers-//; s/ .*//' | sort -V | tail -n 1
}

# stock_release SERIES: its release; its headers are installed if necessary.
stock_release()
{
	local series=$1 release

	release=$(installed_release "$series")
	if [ -z "$release" ]; then
		release=$(available_release "$series")
		if [ -z "$release" ]; then
			say "fetching the package lists to find Linux $series"
			"$SCRIPTS/setup.sh" --update
			release=$(available_release "$series")
		fi
		[ -n "$release" ] ||
			die "apt has no cloud kernel headers of Linux $series"
		"$SCRIPTS/setup.sh" --package "linux-headers-$release"
	fi
	printf '%s\n' "$release"
}

installed_headers()
{
	local release

	release=$(stock_release "$1")
	[ -e "/lib/modules/$release/build/Makefile" ] ||
		die "no headers in /lib/modules/$release/build"
	printf '/lib/modules/%s/build\n' "$release"
}

fetch_image()
{
	local package=$1 dir=$2

	# apt's own download user cannot write there, but root can.
	cd "$dir" &&
		apt-get -q -o APT::Sandbox::User=root download "$package" &&
		dpkg-deb -x ./*.deb root &&
		mv root/boot/vmlinuz-* vmlinuz &&
		rm -rf root ./*.deb
}


fetch_modules()
{
	local package=$1 dir=$2 release=$3

	cd "$dir" &&
		apt-get -q -o APT::Sandbox::User=root download "$package" &&
		dpkg-deb --fsys-tarfile ./*.deb | tar -x "./lib/modules" &&
		rm ./*.deb && depmod -b "$dir" "$release"
}

# fetched WHAT SERIES COMMAND: a directory in the cache with the image or the
# modules of a stock kernel.  If it is not there, COMMAND PACKAGE DIR RELEASE
# fetches it.
fetched()
{
	local what=$1 series=$2 command=$3 release dir

	release=$(stock_release "$series")
	dir=$CACHE/$what/$release
	if [ ! -e "$dir" ]; then
		lock_file "$CACHE/$what.lock" "kernel $what download"
	fi
	if [ ! -e "$dir" ]; then
		say "fetching the $what of Linux $release"
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		watched "fetching the $what" "$CACHE/log/$what-$series.log" \
			"$command" "$(image_package "$release")" "$dir.part" \
			"$release" || die "no $what of Linux $release"
		mv "$dir.part" "$dir"
	fi
	printf '%s\n' "$dir"
}

installed_image()
{
	fetched image "$1" fetch_image
}

installed_modules()
{
	fetched modules "$1" fetch_modules
}

# --- the unpacked ones ------------------------------------------------------

# headers_pattern SERIES FLAVOUR: a pattern for the names of their packages.
headers_pattern()
{
	printf '^linux-headers-%s\.[0-9.-]+(\+deb[0-9]+)?-%s$\n' \
		"${1/./\\.}" "$2"
}

# describe NAME: set series, flavour, arch, and for a kernel of this Debian
# release own.
describe()
{
	arch=$(kernel_arch "$1")
	own=1
	series=${1%%-*}
	flavour=cloud-$arch
	case $1 in
	newest)
		own=
		series=$("$SCRIPTS/kernels/backports.sh" series)
		;;
	*-rt) flavour=rt-$arch ;;
	# Their cloud kernels lack a console or do not exist.
	*-arm64) flavour=arm64 ;;
	*-i386) flavour=686-pae ;;
	esac
}

# packages COMMAND...: run backports.sh for the described kernel.
packages()
{
	"$SCRIPTS/kernels/backports.sh" ${own:+--own} --arch "$arch" "$@"
}

# vmlinuz_package RELEASE: the package with its image, or nothing.
vmlinuz_package()
{
	local kind pattern name

	# Where both exist, `image` only depends on `binary`.
	for kind in binary image; do
		pattern=linux-$kind-$1
		pattern=${pattern//+/\\+}
		name=$(packages find "^${pattern//./\\.}(-unsigned)?\$" | tail -n 1)
		if [ -n "$name" ]; then
			printf '%s\n' "$name"
			return
		fi
	done
}

# newest_release: the newest described kernel with headers and image.
newest_release()
{
	local name

	packages find "$(headers_pattern "$series" "$flavour")" |
		while read -r name; do
			name=${name#linux-headers-}
			if [ -n "$(vmlinuz_package "$name")" ]; then
				printf '%s\n' "$name"
				break
			fi
		done
}

# own_tools DIR: replace tools that only run on a newer Debian by those of the
# same kernel's source, and remove from the configuration what this machine's
# compiler does not support.
own_tools()
{
	local dir=$1 source kdir=$1/build out=$1/tools kbuild option

	kbuild=$(realpath "$kdir/scripts/..")
	source=$("$SCRIPTS/kernels/kernels.sh" source newest) || return
	mkdir -p "$out"
	cp "$kdir/.config" "$out/.config"
	make -C "$source" O="$out" ARCH=x86 olddefconfig || return
	make -j"$(nproc)" -C "$source" O="$out" ARCH=x86 modules_prepare || return
	rm "$kbuild"/scripts/mod/modpost* "$kbuild"/tools/objtool/objtool*
	cp "$out/scripts/mod/modpost" "$kbuild/scripts/mod/" || return
	cp "$out/tools/objtool/objtool" "$kbuild/tools/objtool/" || return
	sed -i 's/gcc-[0-9]*$/gcc/' "$kdir/.kernelvariables"
	# Take over only the abilities of the compiler; the rest describes the
	# kernel.
	grep -oE '^CONFIG_(CC|AS|LD)_[A-Z0-9_]*=y' "$kdir/.config" |
		grep -vxF -f "$out/.config" | sed 's/=y//' >"$out/refused" || true
	while read -r option; do
		sed -i "/^$option=/d" "$kdir/include/config/auto.conf"
		sed -i "/^#define $option /d" \
			"$kdir/include/generated/autoconf.h"
	done <"$out/refused"
	# The types of modules would need a tool of the newer Debian as well.
	# Without them nothing is missing; struct module keeps its fields.
	option=$(grep '^CONFIG_PAHOLE_VERSION=' "$out/.config")
	sed -i "/^CONFIG_DEBUG_INFO_BTF/d; s/^CONFIG_PAHOLE_VERSION=.*/$option/" \
		"$kdir/include/config/auto.conf"
	rm -f "$kdir/vmlinux"
}

# localize DIR RELEASE: make unpacked headers work in their directory.
localize()
{
	local dir=$1 kdir=$1/tree/usr/src/linux-headers-$2

	ln -sfn "$kdir" "$dir/build"
	case $arch in
	amd64) set -- ;;
	arm64) set -- ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- ;;
	i386) set -- ARCH=i386 ;;
	esac
	{
		[ $# -eq 0 ] || printf 'export %s\n' "$@"
		sed "s|/usr/src/|$dir/tree/usr/src/|g" "$kdir/Makefile"
	} >"$kdir/Makefile.new" && mv "$kdir/Makefile.new" "$kdir/Makefile"
}

# unpack_kernel RELEASE DIR: unpack everything that is needed of it.
unpack_kernel()
{
	local release=$1 dir=$2 tree=$2/tree common kbuild

	packages unpack "linux-headers-$release" "$tree" || return
	common=$(sed -n 's|^include .*/src/\(.*\)/Makefile|\1|p' \
		"$tree/usr/src/linux-headers-$release/Makefile")
	packages unpack "$common" "$tree" || return
	# The tools run on this machine, not on the guest's.
	kbuild=$(readlink "$tree/usr/src/linux-headers-$release/scripts")
	kbuild=$(basename "$(dirname "$kbuild")")
	"$SCRIPTS/kernels/backports.sh" ${own:+--own} unpack "$kbuild" "$tree" || return
	packages unpack "$(vmlinuz_package "$release")" "$dir/image" || return
	# Newer packages keep it among the modules.
	find "$dir/image" \( -name vmlinuz -o -name 'vmlinuz-*' \) -type f \
		-exec mv {} "$dir/vmlinuz" \; -quit
	[ -e "$dir/vmlinuz" ] || return
	rm -rf "$dir/image"
}

# unpacked NAME: print the directory of that kernel, unpacked if missing.
unpacked()
{
	local name=$1 release dir link=$CACHE/stock/$1

	# apt needs seconds to find the newest release; once a week is enough.
	if [ -n "$(find "$link" -mtime "-$LOOK_DAYS" 2>/dev/null)" ] &&
		[ -e "$link/done" ]; then
		realpath "$link"
		return
	fi
	describe "$name"
	release=$(newest_release)
	[ -n "$release" ] || die "there is no stock kernel $name"
	dir=$CACHE/stock/$release
	if [ ! -e "$dir/done" ]; then
		lock_file "$CACHE/stock-$name.lock" "stock kernel $name"
	fi
	if [ ! -e "$dir/done" ]; then
		say "getting Linux $release"
		rm -rf "$dir"
		mkdir -p "$dir"
		unpack_kernel "$release" "$dir" || die "no Linux $release"
		localize "$dir" "$release"
		if [ "$name" = newest ]; then
			"$SCRIPTS/setup.sh" uml
			watched "building the tools of $release" \
				"$CACHE/log/stock-tools.log" own_tools "$dir" ||
				die "no tools of Linux $release"
		fi
		touch "$dir/done"
	fi
	ln -sfn "$release" "$link"
	printf '%s\n' "$dir"
}

# --- commands ---------------------------------------------------------------

headers()
{
	local dir

	"$SCRIPTS/setup.sh" build
	case $1 in
	6.1 | 6.12)
		installed_headers "$1"
		;;
	*)
		[ "$1" != 6.1-arm64 ] || "$SCRIPTS/setup.sh" arm64
		dir=$(unpacked "$1")
		printf '%s/build\n' "$dir"
		;;
	esac
}

image()
{
	"$SCRIPTS/setup.sh" build
	case $1 in
	6.1 | 6.12) installed_image "$1" ;;
	*) unpacked "$1" ;;
	esac
}

modules()
{
	"$SCRIPTS/setup.sh" build
	case $1 in
	6.1 | 6.12) installed_modules "$1" ;;
	*) die "no modules of $1 (6.1 6.12)" ;;
	esac
}

busybox()
{
	local dir

	describe "$1"
	if [ "$arch" = amd64 ]; then
		"$SCRIPTS/setup.sh" qemu
		echo /bin/busybox
		return
	fi
	dir=$CACHE/busybox/$arch
	if [ ! -e "$dir" ]; then
		lock_file "$CACHE/busybox.lock" "busybox for $arch"
	fi
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.part"
		packages unpack busybox-static "$dir.part"
		mv "$dir.part" "$dir"
	fi
	# Its place differs between releases.
	find "$dir" -path '*bin/busybox' -type f -print -quit
}

case ${1:-} in
headers | image | modules | busybox)
	name=$(kernel_name "${2:-}")
	is_one_of "$name" "${NAMES[@]}" ||
		die "which kernel: ${NAMES[*]}? (see --help)"
	"$1" "$name"
	;;
names)
	printf '%s\n' "${NAMES[@]}"
	;;
-h | --help)
	usage "$0"
	;;
*)
	usage "$0" >&2
	exit 2
	;;
esac
