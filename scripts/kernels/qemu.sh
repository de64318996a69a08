#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu.sh [OPTIONS] SCRIPT [FILE...] - boot a stock Debian kernel in QEMU,
# without KVM, and run SCRIPT as the guest's only program, with the FILEs in its
# root directory.
#
#   --kernel NAME       which kernel (6.12); see stock.sh --help for the names
#   --smp N             CPUs (4)
#   --mem SIZE          memory (512M)
#   --nodes N           NUMA nodes, each with an equal part of CPUs and memory
#                       (1); numa=fake= does nothing in cloud kernels
#   --icount            one CPU whose clock counts instructions exactly
#   --timeout SECONDS   when to give up (180)
#   --cmdline "..."     more words for the kernel's command line
#   --log FILE          file for the kernel log (build/qemu-VERSION.log)
#   --out FILE          file for the guest's reports (LOG with .out)
#   --expect-reports    allow reports of bad frees in the log
#   --dump FILE         write the guest's memory to FILE, as an ELF vmcore, when
#                       the job writes the line `dump`
#
# Succeeds if the guest's verdict is PASS, the guest has powered itself off, and
# its kernel has complained about nothing.  Any kernel warning ends the guest.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

kernel=6.12
smp=4
mem=512M
nodes=1
icount=
timeout=180
cmdline=
log=
out=
dump=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--smp) smp=$2; shift ;;
	--mem) mem=$2; shift ;;
	--nodes) nodes=$2; shift ;;
	--icount) icount=1 ;;
	--timeout) timeout=$2; shift ;;
	--cmdline) cmdline=$2; shift ;;
	--log) log=$2; shift ;;
	--out) out=$2; shift ;;
	--expect-reports) export REPORTS=1 ;;
	--dump) dump=$(realpath "$2"); shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) die "no such option: $1 (see --help)" ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 1 ] || die "which script? (see --help)"
log=${log:-$BUILD/qemu-$kernel.log}
out=${out:-${log%.log}.out}

kernel=$(kernel_name "$kernel")
arch=$(kernel_arch "$kernel")
"$SCRIPTS/setup.sh" qemu
if [ "$arch" = arm64 ]; then
	"$SCRIPTS/setup.sh" arm64
	STRIP=aarch64-linux-gnu-strip
fi
dir=$("$SCRIPTS/kernels/kernels.sh" image "$kernel")
BUSYBOX=$("$SCRIPTS/kernels/kernels.sh" busybox "$kernel")
mkdir -p "$(dirname "$log")" "$(dirname "$out")"
tmp=
temp_dir tmp
make_initramfs "$tmp/initrd" "$@"

if [ -n "$icount" ]; then
	accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -smp 1)
else
	accel=(-accel "tcg,thread=multi" -smp "$smp,sockets=$nodes")
fi
# numa_options: QEMU's options for $nodes nodes, one on each line.
numa_options()
{
	local node size=$(($(numfmt --from=iec "$mem") / nodes)) each=$((smp / nodes))

	for ((node = 0; node < nodes; node++)); do
		printf '%s\n' -object "memory-backend-ram,id=mem$node,size=$size" \
			-numa "node,nodeid=$node,memdev=mem$node,cpus=$((node * each))-$(((node + 1) * each - 1))"
	done
}

numa=()
if [ "$nodes" -gt 1 ]; then
	if [ -n "$icount" ] || [ $((smp % nodes)) -ne 0 ]; then
		die "$nodes nodes need a multiple of as many CPUs"
	fi
	mapfile -t numa < <(numa_options)
fi
# The kernel log and the guest's reports use one serial port each.
case $arch in
arm64)
	qemu=aarch64
	machine=(-machine virt -cpu cortex-a72 -device "pci-serial,chardev=out")
	log_port=ttyAMA0
	out_port=ttyS0
	;;
*)
	qemu=x86_64
	[ "$arch" != i386 ] || qemu=i386
	machine=(-serial chardev:out)
	log_port=ttyS0
	out_port=ttyS1
	;;
esac
# Slow watchdogs, as a busy host can stop virtual CPUs for seconds.
# init_on_alloc=0 is the default of the kernel, though not of Debian.
append="console=$log_port guest.out=/dev/$out_port loglevel=7 panic=-1 oops=panic
panic_on_warn=1 softlockup_panic=1 watchdog_thresh=60
rcupdate.rcu_cpu_stall_timeout=120 init_on_alloc=0 $cmdline"

# The monitor of a guest whose memory will be dumped.
monitor=(-monitor none)
[ -z "$dump" ] ||
	monitor=(-chardev "socket,id=mon,path=$tmp/mon,server=on,wait=off" -mon mon)

# dump_memory: wait for the job's wish, and write the memory to $dump.
dump_memory()
{
	until grep -qx dump "$out"; do
		sleep 0.2
	done
	/usr/bin/python3 "$SCRIPTS/kernels/monitor.py" "$tmp/mon" \
		"dump-guest-memory $dump"
}

# boot: run the guest until it ends; its status is in $status.
boot()
{
	local pid dumper=

	status=0
	: >"$log"
	: >"$out"
	timeout -k 5 "$timeout" "qemu-system-$qemu" "${accel[@]}" -m "$mem" \
		"${numa[@]}" -display none "${monitor[@]}" -no-reboot -nic none \
		-chardev "file,id=out,path=$out" -serial "file:$log" \
		"${machine[@]}" -kernel "$dir/vmlinuz" -initrd "$tmp/initrd" \
		-append "${append//$'\n'/ }" >"$tmp/qemu" 2>&1 </dev/null &
	pid=$!
	kill_later "$pid"
	if [ -n "$dump" ]; then
		dump_memory &
		dumper=$!
		kill_later "$dumper"
	fi
	wait "$pid" || status=$?
	forget "$pid"
	[ -z "$dumper" ] || kill_tree "$dumper"
}

boot
# With several CPUs the emulator sometimes lets one of them hit the breakpoint
# that another CPU has just replaced by a patched instruction, which crashes the
# kernel.  If that happens before the job starts, the job is not the cause.
if ! grep -qx begun "$out" && grep -q 'Oops: int3' "$log"; then
	say "the emulator broke the kernel before the job began; once more"
	boot
fi

[ ! -s "$tmp/qemu" ] || sed 's/^/qemu: /' "$tmp/qemu" >&2
judge_guest "$log" "$out" "$status"
