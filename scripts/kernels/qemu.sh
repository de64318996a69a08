#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu.sh [OPTIONS] SCRIPT [FILE...] - run SCRIPT as the only program of a
# guest that runs a stock Debian kernel in QEMU, without KVM, and has the
# FILEs in its root directory.
#
#   --kernel NAME       which kernel (6.12); stock.sh --help names them
#   --smp N             CPUs (4)
#   --mem SIZE          memory (512M)
#   --nodes N           NUMA nodes, with the CPUs and the memory in equal parts
#                       (1); numa=fake= does nothing on cloud kernels
#   --icount            one CPU whose clock counts instructions exactly
#   --timeout SECONDS   when to give up (180)
#   --cmdline "..."     more words for the kernel's command line
#   --log FILE          where the kernel log goes (build/qemu-VERSION.log)
#   --out FILE          where the guest's reports go (LOG with .out)
#   --expect-reports    reports of bad frees in the log are no failure
#
# Succeeds if the guest's verdict is PASS, it switched itself off and its
# kernel complained about nothing.  Any warning of the kernel ends the guest.
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
# numa_options: QEMU's options for $nodes nodes, a line each.
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
# The kernel's log and the guest's reports have a serial port each.
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
# The watchdogs are slow, for a busy host starves virtual CPUs for seconds.
# init_on_alloc=0 is not Debian's default, but the kernel's.
append="console=$log_port guest.out=/dev/$out_port loglevel=7 panic=-1 oops=panic
panic_on_warn=1 softlockup_panic=1 watchdog_thresh=60
rcupdate.rcu_cpu_stall_timeout=120 init_on_alloc=0 $cmdline"

# boot: run the guest until it ends, and leave its status in $status.
boot()
{
	local pid

	status=0
	: >"$log"
	: >"$out"
	timeout -k 5 "$timeout" "qemu-system-$qemu" "${accel[@]}" -m "$mem" \
		"${numa[@]}" -display none -monitor none -no-reboot -nic none \
		-chardev "file,id=out,path=$out" -serial "file:$log" \
		"${machine[@]}" -kernel "$dir/vmlinuz" -initrd "$tmp/initrd" \
		-append "${append//$'\n'/ }" >"$tmp/qemu" 2>&1 </dev/null &
	pid=$!
	kill_later "$pid"
	wait "$pid" || status=$?
	forget "$pid"
}

boot
# With several CPUs the emulator now and then lets one of them run into the
# breakpoint that another has just replaced by a patched instruction, which
# kills the kernel.  Before the job began that has nothing to do with it.
if ! grep -qx begun "$out" && grep -q 'Oops: int3' "$log"; then
	say "the emulator broke the kernel before the job began; once more"
	boot
fi

[ ! -s "$tmp/qemu" ] || sed 's/^/qemu: /' "$tmp/qemu" >&2
judge_guest "$log" "$out" "$status"
