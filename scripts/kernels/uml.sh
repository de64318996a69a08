#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# uml.sh [OPTIONS] SCRIPT [FILE...] - run SCRIPT as the only program of a User
# Mode Linux guest, with the FILEs in its root directory.
#
#   --kernel VERSION    which kernel: 6.1, 6.12 or newest (6.12)
#   --flavour test|bench  with debug options or without (test)
#   --timeout SECONDS   when to give up (120)
#   --mem SIZE          the guest's memory (256M)
#   --cpus N            CPUs; more than one only with the newest kernel (1)
#   --cmdline "..."     more words for the kernel's command line
#   --log FILE          file for the kernel log (build/uml-VERSION.log)
#   --out FILE          file for the guest's reports (LOG with .out)
#   --expect-reports    allow reports of bad frees in the log
#
# Succeeds if the guest's verdict is PASS, the guest has powered itself off, and
# its kernel has complained about nothing.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

kernel=6.12
flavour="test"
timeout=120
mem=256M
cpus=1
cmdline=
log=
out=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--flavour) flavour=$2; shift ;;
	--timeout) timeout=$2; shift ;;
	--mem) mem=$2; shift ;;
	--cpus) cpus=$2; shift ;;
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
log=${log:-$BUILD/uml-$kernel.log}
out=${out:-${log%.log}.out}

dir=$("$SCRIPTS/kernels/kernels.sh" uml "$kernel" "$flavour")
mkdir -p "$(dirname "$log")" "$(dirname "$out")"
tmp=
temp_dir tmp
make_initramfs "$tmp/initrd" "$@"
: >"$tmp/out"

# The dynamic linker saves all registers when it resolves a name at the first
# call: 11 KiB with AMX, on a kernel stack.
export LD_BIND_NOW=1
# Several CPUs need the newer way to run user space.
smp=
[ "$cpus" -eq 1 ] || smp="seccomp=on ncpus=$cpus"
status=0
# shellcheck disable=SC2086 # the command line is a list of words
timeout -k 5 "$timeout" "$dir/linux" mem="$mem" initrd="$tmp/initrd" \
	con=null con0=null,fd:1 ssl=null rdinit=/init loglevel=7 \
	panic=-1 guest.host="$tmp" $smp $cmdline >"$log" 2>&1 </dev/null &
pid=$!
kill_later "$pid"
wait "$pid" || status=$?
forget "$pid"

cp "$tmp/out" "$out"
judge_guest "$log" "$out" "$status"
