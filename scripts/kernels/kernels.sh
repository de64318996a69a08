#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh - find or build the kernels that the tests run on.
#
#   kernels.sh uml VERSION [test|kasan|bench]
#                                         build a User Mode Linux kernel, 6.1,
#                                         6.12 or the newest (with SMP), and
#                                         print its build directory
#   kernels.sh source VERSION             print the directory of its source
#   kernels.sh headers|image|modules|busybox NAME
#                                         a stock kernel, see stock.sh --help,
#                                         or one of debug-kernel.sh
#   kernels.sh all                        all of these
#
# The newest kernel is `newest` or its number.
#
# A UML kernel of flavour test has KUnit, lockdep, and the cheap debug options.
# Flavour kasan also has KASAN, and flavour bench has only KUnit.  Everything is
# kept in the cache, ${KSPAN_CACHE:-~/.cache/kspan}.  Only headers are
# installed.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

# --- User Mode Linux --------------------------------------------------------

# uml_config FLAVOUR VERSION: the required options, on or off.
uml_config()
{
	cat <<-'END'
	CONFIG_64BIT=y
	CONFIG_MODULES=y
	CONFIG_MODULE_UNLOAD=y
	CONFIG_KUNIT=y
	CONFIG_DEBUG_KERNEL=y
	CONFIG_DEBUG_FS=y
	CONFIG_DEBUG_INFO_NONE=y
	CONFIG_KALLSYMS=y
	CONFIG_PRINTK_TIME=y
	CONFIG_BLK_DEV_INITRD=y
	CONFIG_BINFMT_ELF=y
	CONFIG_BINFMT_SCRIPT=y
	CONFIG_PROC_FS=y
	CONFIG_SYSFS=y
	CONFIG_TMPFS=y
	CONFIG_DEVTMPFS=y
	CONFIG_HOSTFS=y
	CONFIG_UNIX98_PTYS=y
	CONFIG_NULL_CHAN=y
	CONFIG_STDERR_CONSOLE=y
	CONFIG_VM_EVENT_COUNTERS=y
	# A signal frame holds all registers, 11 KiB with AMX, and two frames
	# may be on a stack.
	CONFIG_KERNEL_STACK_ORDER=3
	# Not needed, and a quarter of the build time:
	CONFIG_EXPERT=y
	CONFIG_BLOCK=n
	CONFIG_INPUT=n
	CONFIG_HW_RANDOM=n
	CONFIG_IO_URING=n
	CONFIG_AIO=n
	CONFIG_RD_GZIP=n
	CONFIG_RD_BZIP2=n
	CONFIG_RD_LZMA=n
	CONFIG_RD_XZ=n
	CONFIG_RD_LZO=n
	CONFIG_RD_LZ4=n
	CONFIG_RD_ZSTD=n
	END
	# Older kernels support only one CPU.
	[ "$2" != newest ] || printf '%s\n' CONFIG_SMP=y CONFIG_NR_CPUS=4
	[ "$1" != bench ] || return 0
	cat <<-'END'
	CONFIG_PROVE_LOCKING=y
	CONFIG_PROVE_RCU=y
	CONFIG_DEBUG_LIST=y
	CONFIG_DEBUG_SPINLOCK=y
	END
	# The UML of 6.1 does not count preemption, so it cannot check.
	[ "$2" = 6.1 ] || echo CONFIG_DEBUG_ATOMIC_SLEEP=y
	[ "$1" = kasan ] || return 0
	# The suites learn from tracepoints that KASAN has reported an access.
	cat <<-'END'
	CONFIG_KASAN=y
	CONFIG_KASAN_GENERIC=y
	CONFIG_KASAN_VMALLOC=y
	CONFIG_FTRACE=y
	CONFIG_ENABLE_DEFAULT_TRACERS=y
	END
}

# source_tar VERSION DIR: print series, package version and archive of the
# kernel's source.  Downloads go to DIR.
source_tar()
{
	local series=$1 package tar

	if [ "$1" != newest ]; then
		package=$(dpkg-query -W -f '${Version}' "linux-source-$1")
		tar=/usr/src/linux-source-$1.tar.xz
	else
		series=$("$SCRIPTS/kernels/backports.sh" series)
		package=$("$SCRIPTS/kernels/backports.sh" version "linux-source-$series")
		tar=$2/usr/src/linux-source-$series.tar.xz
	fi
	printf '%s %s %s\n' "$series" "$package" "$tar"
}

# uml_source VERSION: extract and patch the source once, and print its
# directory.
uml_source()
{
	local version=$1 tmp series tar dir package patch list

	temp_dir tmp
	read -r series package tar < <(source_tar "$version" "$tmp")
	[ -n "${tar:-}" ] || die "no source of Linux $version"
	mapfile -t list < <(patches "$version")
	patch=$(declare -f "${list[@]}" | sha256sum | cut -c 1-6)
	dir=$CACHE/source/linux-$series-${package//[^0-9a-zA-Z.+-]/_}-$patch
	if [ ! -e "$dir" ]; then
		[ -e "$tar" ] ||
			"$SCRIPTS/kernels/backports.sh" unpack "linux-source-$series" "$tmp"
		say "extracting linux-source-$series $package"
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		watched "extracting linux-source-$series" \
			"$CACHE/log/extract-$version.log" \
			tar -xJf "$tar" -C "$dir.part" --strip-components=1 \
			--exclude='*/arch/*/boot/dts/*' \
			--exclude='*/drivers/gpu/drm/amd/include/asic_reg/*'
		for patch in "${list[@]}"; do
			"$patch" "$dir.part" || die "$patch does not apply"
		done
		mv "$dir.part" "$dir"
	fi
	printf '%s\n' "$dir"
}

# Fixes for faults of UML, each applied in the source directory $1.

# On CPUs with AMX ptrace returns more registers than UML has room for, so that
# every process of the guest dies at exec.
patch_register_size()
{
	sed -i '/HOST_FP_SIZE/s/2696/11008/' "$1/arch/x86/um/user-offsets.c"
}

# UML walks a new process's areas without their lock, which lockdep reports.
patch_areas_lock()
{
	sed -i '/^void force_flush_all/,/^}/{
		s/^\tfor_each_vma/\tmmap_read_lock(mm);\n&/
		s/^}/\tmmap_read_unlock(mm);\n}/
	}' "$1/arch/um/kernel/tlb.c"
}

# When vmalloc() frees addresses, UML unmaps and remaps live pages between them.
# An interrupt that needs such a page meanwhile, if only for its stack, faults
# for ever.
patch_kernel_flush()
{
	sed -i '/^static int flush_tlb_kernel_range_common/,/^}/{
		s/^\t*err = add_munmap(addr, PAGE_SIZE/\t\t\tif (!pte_present(*pte))\n\t&/
	}' "$1/arch/um/kernel/tlb.c"
	grep -q -A1 'if (!pte_present(\*pte))$' "$1/arch/um/kernel/tlb.c"
}

# patches VERSION: the fixes that its source needs.
patches()
{
	echo patch_register_size
	[ "$1" != 6.1 ] || printf '%s\n' patch_areas_lock patch_kernel_flush
}

make_uml()
{
	local source=$1 out=$2 flavour=$3 version=$4

	uml_config "$flavour" "$version" >"$out/.config"
	make -C "$source" O="$out" ARCH=um olddefconfig || return
	uml_config "$flavour" "$version" | grep -E '^CONFIG_.*=[^n]' |
		grep -vxF -f "$out/.config" >"$out/refused" || true
	if [ -s "$out/refused" ]; then
		echo "options this kernel does not take:"
		cat "$out/refused"
		return 1
	fi
	make -j"$(nproc)" -C "$source" O="$out" ARCH=um all || return
	[ -x "$out/linux" ] && [ -e "$out/Module.symvers" ]
}

uml()
{
	local version=$1 flavour=${2:-test} source recipe dir

	case $flavour in
	test | kasan | bench) ;;
	*) die "no such flavour: $flavour (test kasan bench)" ;;
	esac
	"$SCRIPTS/setup.sh" uml
	lock_file "$CACHE/uml-$version.lock" "UML kernel $version"
	source=$(uml_source "$version")
	recipe=$(uml_config "$flavour" "$version" | sha256sum | cut -c 1-10)
	dir=$CACHE/uml/$(basename "$source")-$flavour-$recipe
	if [ ! -e "$dir" ]; then
		say "building a UML kernel $version ($flavour), some 3 minutes"
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		# shellcheck disable=SC2317 # watched calls it
		watched_detail()
		{
			echo "$(find "$dir.part" -name '*.o' | wc -l) objects"
		}
		watched "UML $version $flavour" \
			"$CACHE/log/uml-$version-$flavour.log" \
			make_uml "$source" "$dir.part" "$flavour" "$version" ||
			die "no UML kernel $version"
		unset -f watched_detail
		# Newer kernels record the build directory.
		sed -i "s|$dir.part|$dir|g" "$dir.part/Makefile"
		mv "$dir.part" "$dir"
		say "built UML $version ($flavour)"
	fi
	printf '%s\n' "$dir"
}

# --- which ------------------------------------------------------------------

check_version()
{
	case ${1:-} in
	6.1 | 6.12 | newest) ;;
	*) die "which kernel: 6.1, 6.12 or newest? (see --help)" ;;
	esac
}

case ${1:-} in
uml | source)
	version=$(kernel_name "${2:-}")
	check_version "$version"
	if [ "$1" = source ]; then
		"$SCRIPTS/setup.sh" uml
		lock_file "$CACHE/uml-$version.lock" "UML kernel $version"
		uml_source "$version"
	else
		uml "$version" "${@:3}"
	fi
	;;
headers | image | modules | busybox)
	if "$SCRIPTS/kernels/debug-kernel.sh" knows "${2:-}"; then
		exec "$SCRIPTS/kernels/debug-kernel.sh" "$@"
	fi
	exec "$SCRIPTS/kernels/stock.sh" "$@"
	;;
all)
	# In scripts of their own, which release their locks.
	for version in 6.1 6.12 newest; do
		"$SCRIPTS/kernels/kernels.sh" uml "$version" test
		"$SCRIPTS/kernels/kernels.sh" uml "$version" bench
	done
	for name in $("$SCRIPTS/kernels/stock.sh" names); do
		"$SCRIPTS/kernels/stock.sh" headers "$name"
		"$SCRIPTS/kernels/stock.sh" image "$name"
	done
	"$SCRIPTS/kernels/kernels.sh" uml 6.12 kasan
	for name in $("$SCRIPTS/kernels/debug-kernel.sh" names); do
		"$SCRIPTS/kernels/debug-kernel.sh" image "$name"
	done
	;;
-h | --help)
	usage "$0"
	;;
*)
	usage "$0" >&2
	exit 2
	;;
esac
