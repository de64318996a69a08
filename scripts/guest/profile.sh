#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The heap profile of a client that keeps 60000 objects.  The host receives the
# file and the names of its functions, with and without the client's objects, for
# kspan-profile.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

RATE=8192

# send NAME: the profile, line by line.
send()
{
	sed "s/^/$1 /" "$DIR/profile" >&3
}

# Enough of the kernel's own functions to tell its frames from the modules'.
send_symbols()
{
	grep -E '\[kspan(_keep)?\]$| (_stext|_etext|do_one_initcall|do_init_module|load_module|init_module_from_file|__do_sys_finit_module|do_syscall_64)$' \
		/proc/kallsyms | sed 's/^/symbol /' >&3
}

# live: live objects in the profile's first line.
live()
{
	sed -n '1s/^heap profile: \([0-9]*\): .*/\1/p' "$DIR/profile"
}

# estimate: the live bytes in the profile are near those in stats.
estimate()
{
	estimate_want=$(kstat alloc)
	# busybox is without exp(): 1 - exp(-x) by the series of exp(x) - 1.
	estimate_got=$(awk -v rate=$RATE 'NR > 1 {
		n = $1 + 0; bytes = $2 + 0
		if (!n)
			next
		x = bytes / n / rate; term = 1; e = 0
		for (i = 1; i < 60; i++) {
			term *= x / i
			e += term
		}
		sum += x > 20 ? bytes : bytes * (1 + e) / e
	} END { printf "%d", sum }' "$DIR/profile")
	info "live bytes: $estimate_want, estimated $estimate_got"
	not_above $((estimate_want * 9 / 10)) "$estimate_got" &&
		not_above "$estimate_got" $((estimate_want * 11 / 10))
}

# outside: a rate out of range is refused, and nothing changes.
outside()
{
	! echo 2000000000 >"$DIR/profile_rate" 2>/dev/null ||
		{ echo accepted; return 1; }
	is "$RATE" cat "$DIR/profile_rate"
}

check "a rate out of range refuses the load" fails insmod /kspan.ko \
	profile_rate=2000000000
check "load" insmod /kspan.ko profile_rate=$RATE
check "the rate is the parameter's" is "$RATE" cat "$DIR/profile_rate"
check "a rate out of range" outside
check "tables are in buckhash_sys" not_above 1 "$(kstat buckhash_sys)"
check "load a client" insmod /kspan_keep.ko nr=60000
check "estimate of live bytes" estimate
send_symbols
send live
check "verify with marked objects" is ok cat "$DIR/verify"
check "the client goes" rmmod kspan_keep
check "no sampled object is live" is 0 live
send gone
echo 0 >"$DIR/profile_rate"
samples=$(kstat samples)
check "load a client without samples" insmod /kspan_keep.ko
check "it goes" rmmod kspan_keep
check "nothing was sampled" is "$samples" kstat samples
invariants "at the end" 1
check "unload" rmmod kspan
all_ok
