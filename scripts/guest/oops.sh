#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Real oopses of a client: check the lines that kspan adds to the kernel's reports.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

FAULT=/sys/kernel/debug/kspan_oops/fault

# oops NAME: make that fault; the log of it is in /tmp/log.
oops()
{
	dmesg -c >/dev/null
	sh -c "echo $1 >$FAULT" 2>/dev/null
	dmesg >/tmp/log
	grep -q "Oops\|Internal error\|general protection" /tmp/log && return
	echo "there was no oops"
	return 1
}

# says TEXT: the oops has one line of kspan's with that text.
says()
{
	grep -qE "kspan: .*$1" /tmp/log && return
	grep kspan: /tmp/log
	echo "nobody said: $1"
	return 1
}

# Read in the guard page, or the slack, behind a large object.
behind()
{
	oops behind && says "the faulting address is behind kspan's memory: byte 2097151 of a live object of 2097152 bytes, large, of 256 pages"
}

# A register points to the freed object that a pointer was read out of.
freed()
{
	oops freed && says "points to kspan's memory: byte [0-9]* of an object of [0-9]* bytes, freed[a-z ]*, class"
}

# A register points to a live object of a cache, and its place is known.
live()
{
	oops live && says "points to kspan's memory: byte [0-9]* of a live object of 64 bytes, cache things \(64 bytes\), allocated from fault_(live|write)\+0x[0-9a-f]* \[kspan_oops\]"
}

# both_stacks ALLOCATED FREED: the oops has the functions that allocated and freed
# the object; FREED is - for a live one.
both_stacks()
{
	sed -n '/kspan:   allocated by/,/kspan:   freed by/p' /tmp/log |
		grep -q "kspan:     $1+0x" || { echo "not allocated by $1"; return 1; }
	[ "$2" != - ] || return 0
	sed -n '/kspan:   freed by/,$p' /tmp/log |
		grep -q "kspan:     $2+0x" || { echo "not freed by $2"; return 1; }
}

overrun()
{
	oops overrun && says "the faulting address is in kspan's memory: byte 64, behind a live guard object of 64 bytes" &&
		both_stacks "\(read_at\|fault_overrun\)" -
}

underrun()
{
	oops underrun && says "the faulting address is in kspan's memory: byte -1, before a live guard object of 64 bytes" &&
		both_stacks "\(read_at\|fault_underrun\)" -
}

used()
{
	oops used && says "the faulting address is in kspan's memory: byte 8, in a freed guard object of 64 bytes" &&
		both_stacks fault_used fault_used
}

# moved WORD TEXT FREED: the same of a module that knows nothing of kspan.
moved()
{
	dmesg -c >/dev/null
	sh -c "echo $1 >/sys/kernel/debug/kspan_faulty/do" 2>/dev/null
	dmesg >/tmp/log
	# The kernel loses the address of a fault at the start of a module's code.
	says "(the faulting address is in|points to) kspan's memory: byte $2" &&
		both_stacks "make_$1" "$3"
}

# Where kspan has nothing to say it is silent.
other()
{
	oops other || return
	! grep "kspan: .*memory" /tmp/log
}

# With trap_kfree=1 the report comes before the damage is done.
trapped()
{
	dmesg -c >/dev/null
	sh -c "echo kfree >$FAULT" 2>/dev/null
	dmesg >/tmp/log
	says "kfree\(\) of kspan's memory, which takes kspan_free\(\): byte 0 of a live object of 64 bytes, class .*, allocated from fault_(kfree|write)\+0x[0-9a-f]* \[kspan_oops\]"
}

echo 0 >/proc/sys/kernel/panic_on_oops
echo 0 >/proc/sys/kernel/panic_on_warn
expect_oopses
check "load" insmod /kspan.ko trap_kfree=1
check "load the client" insmod /kspan_oops.ko
echo 1 >$DIR/callsites
check "a read behind a large object" behind
check "a freed object" freed
check "a live object of a cache" live
check "a fault of others" other
echo 1 >/sys/module/kspan/parameters/guard_ms
check "a read behind a guard object" overrun
check "a read in front of a guard object" underrun
check "a read of a freed guard object" used
check "load a module that corrupts memory" insmod /kspan_faulty.ko
check "a moved module writes behind an object" moved orders \
	"(256, behind|0, in) a live guard object of 256 bytes, heap kspan_faulty" -
check "a moved module writes to a freed object" moved late \
	"0, in a freed guard object of 256 bytes, heap kspan_faulty" make_late
echo 0 >/sys/module/kspan/parameters/guard_ms
check "verify" is ok cat $DIR/verify
# Last: it may damage the kernel.
check "an object given to kfree()" trapped
all_ok
