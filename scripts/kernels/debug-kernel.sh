#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug-kernel.sh - debug kernels for QEMU, built from Debian's sources.
#
#   debug-kernel.sh names             print their names
#   debug-kernel.sh knows NAME        succeed if NAME is one of them
#   debug-kernel.sh headers|image NAME  build it and print its build directory,
#                                     which contains the kernel as vmlinuz
#   debug-kernel.sh busybox NAME      print a static busybox for it
#
# VERSION-kasan has KASAN with shadow for vmalloc(), lockdep, RCU checks, checks
# for sleeping in atomic context, kmemleak, debug objects, KUnit, and NUMA
# nodes.  VERSION-kcsan finds data races.  The kernels are small: their only
# driver is for a serial port, and they have no network and no disks.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

NAMES=(6.12-kasan 6.12-kcsan)

# config_common: the options that each of them needs to boot the guests of these
# scripts.  Everything else is off.
config_common()
{
	cat <<-'END'
	CONFIG_64BIT=y
	CONFIG_SMP=y
	CONFIG_NR_CPUS=8
	CONFIG_HOTPLUG_CPU=y
	CONFIG_PCI=y
	CONFIG_ACPI=y
	CONFIG_PREEMPT=y
	CONFIG_HIGH_RES_TIMERS=y
	CONFIG_NO_HZ_IDLE=y
	CONFIG_JUMP_LABEL=y
	CONFIG_MODULES=y
	CONFIG_MODULE_UNLOAD=y
	CONFIG_PRINTK=y
	CONFIG_PRINTK_TIME=y
	CONFIG_BUG=y
	CONFIG_TTY=y
	CONFIG_SERIAL_8250=y
	CONFIG_SERIAL_8250_CONSOLE=y
	CONFIG_BLK_DEV_INITRD=y
	CONFIG_BINFMT_ELF=y
	CONFIG_BINFMT_SCRIPT=y
	CONFIG_MULTIUSER=y
	CONFIG_FUTEX=y
	CONFIG_POSIX_TIMERS=y
	CONFIG_SHMEM=y
	CONFIG_PROC_FS=y
	CONFIG_PROC_SYSCTL=y
	CONFIG_SYSFS=y
	CONFIG_TMPFS=y
	CONFIG_DEVTMPFS=y
	CONFIG_DEBUG_FS=y
	CONFIG_VM_EVENT_COUNTERS=y
	CONFIG_KALLSYMS=y
	CONFIG_KALLSYMS_ALL=y
	CONFIG_DEBUG_KERNEL=y
	CONFIG_DEBUG_BUGVERBOSE=y
	CONFIG_DEBUG_LIST=y
	CONFIG_UNWINDER_FRAME_POINTER=y
	CONFIG_SOFTLOCKUP_DETECTOR=y
	CONFIG_DETECT_HUNG_TASK=y
	CONFIG_KUNIT=y
	END
}

config_kasan()
{
	cat <<-'END'
	CONFIG_NUMA=y
	CONFIG_X86_64_ACPI_NUMA=y
	CONFIG_KASAN=y
	CONFIG_KASAN_GENERIC=y
	CONFIG_KASAN_INLINE=y
	CONFIG_KASAN_VMALLOC=y
	CONFIG_PROVE_LOCKING=y
	CONFIG_PROVE_RCU=y
	CONFIG_PROVE_RAW_LOCK_NESTING=y
	CONFIG_DEBUG_ATOMIC_SLEEP=y
	CONFIG_DEBUG_OBJECTS=y
	CONFIG_DEBUG_OBJECTS_FREE=y
	CONFIG_DEBUG_OBJECTS_TIMERS=y
	CONFIG_DEBUG_OBJECTS_WORK=y
	CONFIG_DEBUG_OBJECTS_RCU_HEAD=y
	CONFIG_DEBUG_OBJECTS_PERCPU_COUNTER=y
	CONFIG_DEBUG_KMEMLEAK=y
	CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE=16000
	CONFIG_DEBUG_VM=y
	CONFIG_DEBUG_PREEMPT=y
	CONFIG_FTRACE=y
	CONFIG_ENABLE_DEFAULT_TRACERS=y
	END
}

# Report every unmarked access, also plain writes of words or of the same value.
# Sample more often and wait longer than by default, since emulated CPUs rarely
# run at the same time.
config_kcsan()
{
	cat <<-'END'
	CONFIG_KCSAN=y
	CONFIG_KCSAN_EARLY_ENABLE=y
	CONFIG_KCSAN_STRICT=y
	CONFIG_KCSAN_WEAK_MEMORY=y
	CONFIG_KCSAN_SELFTEST=y
	CONFIG_KCSAN_SKIP_WATCH=500
	CONFIG_KCSAN_SKIP_WATCH_RANDOMIZE=y
	CONFIG_KCSAN_UDELAY_TASK=800
	CONFIG_KCSAN_UDELAY_INTERRUPT=200
	CONFIG_KCSAN_DELAY_RANDOMIZE=y
	CONFIG_DEBUG_ATOMIC_SLEEP=y
	END
}

# config FLAVOUR: the required options.
config()
{
	config_common
	"config_$1"
}

make_kernel()
{
	local source=$1 out=$2 flavour=$3

	config "$flavour" >"$out/wanted"
	make -C "$source" O="$out" KCONFIG_ALLCONFIG="$out/wanted" \
		allnoconfig || return
	if grep -vxF -f "$out/.config" "$out/wanted"; then
		echo "are options this kernel does not take"
		return 1
	fi
	make -j"$(nproc)" -C "$source" O="$out" bzImage modules || return
	cp "$out/arch/x86/boot/bzImage" "$out/vmlinuz"
	[ -e "$out/Module.symvers" ]
}

kernel()
{
	local name=$1 version=${1%-*} flavour=${1##*-} source recipe dir

	"$SCRIPTS/setup.sh" uml
	source=$("$SCRIPTS/kernels/kernels.sh" source "$version")
	lock_file "$CACHE/debug-$name.lock" "kernel $name"
	recipe=$(config "$flavour" | sha256sum | cut -c 1-10)
	dir=$CACHE/debug/$(basename "$source")-$flavour-$recipe
	if [ ! -e "$dir" ]; then
		say "building the kernel $name, some 8 minutes"
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		# shellcheck disable=SC2317 # watched calls it
		watched_detail()
		{
			echo "$(find "$dir.part" -name '*.o' | wc -l) objects"
		}
		watched "kernel $name" "$CACHE/log/debug-$name.log" \
			make_kernel "$source" "$dir.part" "$flavour" ||
			die "no kernel $name"
		unset -f watched_detail
		# Newer kernels record the build directory.
		sed -i "s|$dir.part|$dir|g" "$dir.part/Makefile"
		mv "$dir.part" "$dir"
		say "built the kernel $name"
	fi
	printf '%s\n' "$dir"
}

case ${1:-} in
names)
	printf '%s\n' "${NAMES[@]}"
	;;
knows)
	is_one_of "${2:-}" "${NAMES[@]}"
	;;
headers | image | busybox)
	is_one_of "${2:-}" "${NAMES[@]}" ||
		die "no such kernel: ${2:-} (${NAMES[*]})"
	if [ "$1" = busybox ]; then
		"$SCRIPTS/setup.sh" qemu
		echo /bin/busybox
	else
		kernel "$2"
	fi
	;;
-h | --help)
	usage "$0"
	;;
*)
	usage "$0" >&2
	exit 2
	;;
esac
