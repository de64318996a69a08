#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Use modules that were moved to kspan.  guest.sets=SET,... are the sets in
# tree.tar, which scripts/port-test.sh has built.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# Not that of busybox, which its shell would run by this name.
IP=/usr/bin/ip

# names SET: its modules, in the order of insmod.
names()
{
	sed 's/\.ko$//; s/-/_/g' "/sets/$1/order"
}

# stock FILE...: load stock modules of a list that are not loaded yet.
stock()
{
	for stock_list; do
		[ -e "$stock_list" ] || continue
		while read -r stock_file; do
			insmod "/stock/$stock_file" 2>/dev/null
		done <"$stock_list"
	done
	true
}

load_set()
{
	stock "/sets/$1/needs"
	while read -r load_file; do
		# Another set may have loaded the stock one.
		rmmod "${load_file%.ko}" 2>/dev/null
		insmod "/sets/$1/$load_file" || return
	done <"/sets/$1/order"
}

# unload NAME: a module may be in use for a moment after the last user.
unload()
{
	unload_try=0
	while [ $unload_try -lt 10 ]; do
		rmmod "$1" 2>/dev/null && return
		sleep 1
		unload_try=$((unload_try + 1))
	done
	rmmod "$1"
}

unload_set()
{
	for unload_name in $(names "$1" | sed '1!G;h;$!d'); do
		unload "$unload_name" || return
	done
}

# heap NAME COLUMN: a number of a heap in debugfs.
heap()
{
	awk -v name="$1" -v column="$2" '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$1 == name { print $at[column] }' "$DIR/heaps"
}

has_heaps()
{
	for has_name in $(names "$1"); do
		[ -n "$(heap "$has_name" asked)" ] && continue
		echo "no heap $has_name"
		return 1
	done
}

# asked SET: bytes that the set has ever allocated from its heaps.
asked()
{
	for asked_name in $(names "$1"); do
		info "$1: heap $asked_name: $(heap "$asked_name" asked) bytes" \
			"allocated, $(heap "$asked_name" peak) at most at once"
	done
}

# log_has TEXT, log_lacks TEXT: what the kernel has said since the set began.
log_has()
{
	dmesg | grep -qF "$1" && return
	echo "the kernel has not said '$1'"
	return 1
}

log_lacks()
{
	! dmesg | grep -F "$1"
}

# --- what the sets do -----------------------------------------------------------

use_sample()
{
	check "$when: two caches of the module, by name" has_caches record
	check "$when: the accounted cache stays the kernel's" \
		fails has_caches sample_inode
	check "$when: objects live in the heap" not_above 300 "$(heap sample objects)"
}

has_caches()
{
	for has_name; do
		grep -q "^$has_name " "$DIR/caches" && continue
		echo "no cache $has_name"
		return 1
	done
}

# fault NAME STAT: load the sample with a mistake; the number grows by one.
fault()
{
	fault_before=$(kstat "$2")
	insmod /sets/sample/sample.ko "fault=$1" && unload sample || return
	is $((fault_before + 1)) kstat "$2"
}

# The mistakes of the sample, each found and counted.
faults_of_sample()
{
	expect_reports
	check "$when: a second free is found" fault double_free double_free
	check "$when: a free of another address is found" fault wild_free bad_free
	check "$when: a free into the wrong cache is found" \
		fault wrong_cache bad_free
	if [ "$level" = 2 ]; then
		check "$when: a write behind an object is found" \
			fault overrun overrun
		check "$when: a write to a freed object is found" \
			freed_object_was_written
	fi
	expect_no_reports
	dmesg -c >/dev/null
	check "$when: a leak" leak
	check "$when: a leak is reported with the module's name" \
		log_has "heap sample destroyed with 1 live objects"
}

# The write is found when the object is handed out again, or by verify.
freed_object_was_written()
{
	written_before=$(kstat use_after_free)
	insmod /sets/sample/sample.ko fault=after_free || return
	cat "$DIR/verify" >/dev/null
	unload sample
	release
	cat "$DIR/verify" >/dev/null
	not_above $((written_before + 1)) "$(kstat use_after_free)"
}

leak()
{
	insmod /sets/sample/sample.ko fault=leak && unload sample
}

# namespace: start a network namespace; prints the process that holds it.
namespace()
{
	unshare -n sleep 100000 >/dev/null 2>&1 &
	echo $!
}

# inside PID COMMAND...: run it in that namespace.
inside()
{
	inside_pid=$1
	shift
	nsenter -t "$inside_pid" -n "$@"
}

# copy FROM TO ADDRESS: send bytes from one namespace to another and compare.
copy()
{
	rm -f /tmp/received
	# An input that ends would make the listener close the connection.
	[ -e /tmp/never ] || mkfifo /tmp/never
	exec 8<>/tmp/never
	inside "$2" timeout 60 nc -l -p 4000 <&8 >/tmp/received &
	copy_listener=$!
	sleep 1
	inside "$1" nc -w 20 "$3" 4000 </images/squash
	wait $copy_listener
	cmp /images/squash /tmp/received
}

use_wireguard()
{
	check "$when: self-tests of allowed addresses" \
		log_has "allowedips self-tests: pass"
	check "$when: self-tests of the counter" \
		log_has "nonce counter self-tests: pass"
	check "$when: self-tests of the rate limiter" \
		log_has "ratelimiter self-tests: pass"
	ns1=$(namespace)
	ns2=$(namespace)
	sleep 1
	$IP link set lo up
	check "$when: two interfaces" tunnel
	check "$when: ping through the tunnel" \
		inside "$ns1" ping -c 5 -i 0.2 -W 10 192.168.241.2
	check "$when: bytes through the tunnel" copy "$ns1" "$ns2" 192.168.241.2
	check "$when: bytes back, by IPv6" copy "$ns2" "$ns1" fd00::1
	check "$when: a peer is removed and added again" change_peers
	inside "$ns1" $IP link del wg1
	kill "$ns1" "$ns2"
	sleep 1
}

tunnel()
{
	umask 077
	wg genkey >/tmp/key1
	wg genkey >/tmp/key2
	$IP link add wg1 type wireguard && $IP link add wg2 type wireguard || return
	wg set wg1 private-key /tmp/key1 listen-port 1 \
		peer "$(wg pubkey </tmp/key2)" endpoint 127.0.0.1:2 \
		allowed-ips 192.168.241.2/32,fd00::2/128 || return
	wg set wg2 private-key /tmp/key2 listen-port 2 \
		peer "$(wg pubkey </tmp/key1)" endpoint 127.0.0.1:1 \
		allowed-ips 192.168.241.1/32,fd00::1/128 || return
	$IP link set wg1 netns "$ns1" && $IP link set wg2 netns "$ns2" || return
	inside "$ns1" $IP addr add 192.168.241.1/24 dev wg1 &&
		inside "$ns1" $IP addr add fd00::1/24 dev wg1 nodad &&
		inside "$ns1" $IP link set wg1 up &&
		inside "$ns2" $IP addr add 192.168.241.2/24 dev wg2 &&
		inside "$ns2" $IP addr add fd00::2/24 dev wg2 nodad &&
		inside "$ns2" $IP link set wg2 up
}

change_peers()
{
	change_key=$(wg pubkey </tmp/key2)
	for change_try in 1 2 3 4 5 6 7 8 9 10; do
		inside "$ns1" wg set wg1 peer "$change_key" remove || return
		inside "$ns1" wg set wg1 peer "$change_key" \
			endpoint 127.0.0.1:2 allowed-ips "192.168.241.2/32,10.$change_try.0.0/16" ||
			return
	done
	inside "$ns1" ping -c 2 -W 10 192.168.241.2
}

# sums DIR: all files have the content they should have.
sums()
{
	(cd "$1" && sha256sum -c -s /images/sums)
}

use_squashfs()
{
	stock /stock/compress
	mkdir -p /mnt
	check "$when: mount" mount -t squashfs -o loop,ro /images/squash /mnt
	check "$when: all files are right" sums /mnt
	echo 3 >/proc/sys/vm/drop_caches
	check "$when: all files are right once more" sums /mnt
	check "$when: umount" umount /mnt
}

use_zram()
{
	stock /stock/compress
	check "$when: a device of 64 MiB" eval 'echo 64M >/sys/block/zram0/disksize'
	check "$when: fill it" dd if=/images/ext2 of=/dev/zram0 bs=64k
	mkdir -p /mnt
	check "$when: mount" mount -t ext4 /dev/zram0 /mnt
	check "$when: all files are right" sums /mnt
	check "$when: write and compare" write_files /mnt
	info "zram: $(awk '{ print "original", $1, "compressed", $2, "used", $3 }' /sys/block/zram0/mm_stat)"
	check "$when: compact" eval 'echo 1 >/sys/block/zram0/compact'
	check "$when: umount" umount /mnt
	check "$when: reset" eval 'echo 1 >/sys/block/zram0/reset'
}

# write_files DIR: copies of the files, some of them removed again.
write_files()
{
	for write_try in 1 2 3; do
		cp -r "$1/deep" "$1/copy$write_try" || return
		cp "$1/random" "$1/random$write_try" || return
	done
	rm -r "$1/copy2" "$1/random1"
	sync
	echo 3 >/proc/sys/vm/drop_caches
	cmp "$1/random" "$1/random2" && cmp "$1/random" "$1/random3"
}

use_loop()
{
	cp /images/ext2 /tmp/disk
	mkdir -p /mnt
	check "$when: mount a file" mount -t ext4 -o loop /tmp/disk /mnt
	check "$when: all files are right" sums /mnt
	check "$when: write and compare" write_files /mnt
	check "$when: umount" umount /mnt
	check "$when: mount it again" mount -t ext4 -o loop /tmp/disk /mnt
	check "$when: all files are still right" sums /mnt
	check "$when: umount it again" umount /mnt
	rm /tmp/disk
}

# Overlayfs frees the names of a folder one by one without unlinking them, since
# the list as a whole has an end.  With check=2 kspan tells that as a hint.
use_overlay()
{
	expect_reports
	merge_layers
	expect_no_reports
}

merge_layers()
{
	mkdir -p /mnt /tmp/layers
	mount -t tmpfs layers /tmp/layers
	mkdir -p /tmp/layers/lower /tmp/layers/upper /tmp/layers/work
	(cd /tmp/layers/lower && tar -cf - -C / images sets | tar -xf -)
	check "$when: mount" mount -t overlay overlay -o \
		"lowerdir=/tmp/layers/lower,upperdir=/tmp/layers/upper,workdir=/tmp/layers/work" \
		/mnt
	check "$when: the lower layer is seen" cmp /images/squash /mnt/images/squash
	check "$when: copy up, rename, whiteouts" change_layers /mnt
	check "$when: the lower layer is as it was" \
		cmp /images/squash /tmp/layers/lower/images/squash
	check "$when: umount" umount /mnt
	umount /tmp/layers
}

change_layers()
{
	echo more >>"$1/images/squash" || return
	mv "$1/images/squash" "$1/images/moved" || return
	rm "$1/images/sums" || return
	mkdir "$1/new" || return
	for change_try in 1 2 3 4 5 6 7 8 9; do
		echo "$change_try" >"$1/new/$change_try" || return
		ln -s "$change_try" "$1/new/link$change_try" || return
	done
	rm -r "$1/new"
	find "$1" -exec ls -ld {} + >/dev/null || return
	[ ! -e "$1/images/sums" ] && [ -e "$1/images/moved" ] &&
		[ -e /tmp/layers/lower/images/sums ]
}

use_bridge()
{
	ns1=$(namespace)
	ns2=$(namespace)
	sleep 1
	check "$when: a bridge with two ports" bridge
	check "$when: ping across it" inside "$ns1" ping -c 3 -W 10 10.9.0.2
	check "$when: bytes across it" copy "$ns1" "$ns2" 10.9.0.2
	$IP link del br0
	kill "$ns1" "$ns2"
	sleep 1
}

bridge()
{
	$IP link add br0 type bridge && $IP link set br0 up || return
	bridge_port "$ns1" 1 && bridge_port "$ns2" 2
}

bridge_port()
{
	$IP link add "p$2" type veth peer name "q$2" &&
		$IP link set "q$2" netns "$1" && $IP link set "p$2" master br0 up &&
		inside "$1" $IP addr add "10.9.0.$2/24" dev "q$2" &&
		inside "$1" $IP link set "q$2" up
}

# --- error paths ---------------------------------------------------------------

# until_it_works COMMAND...: repeat a command whose allocations fail one after the
# other.
until_it_works()
{
	works_try=0
	while [ $works_try -lt 60 ]; do
		"$@" >/dev/null 2>&1 && return
		works_try=$((works_try + 1))
	done
	echo "still fails after $works_try times: $*"
	return 1
}

# stacks_fail NAME: make each call stack of the module's allocations fail once.
stacks_fail()
{
	echo "stack:$1" >/sys/module/kspan/parameters/fail
}

nr_failed_stacks()
{
	sed 's/.*, //; s/ failed//' /sys/module/kspan/parameters/fail
}

# try_wireguard: one run of what use_wireguard() does, which may fail anywhere.
try_wireguard()
{
	try_failed=0
	$IP link add wg9 type wireguard || return
	wg set wg9 private-key /tmp/key1 listen-port 9 || try_failed=1
	wg set wg9 peer "$(wg pubkey </tmp/key2)" endpoint 127.0.0.1:10 \
		allowed-ips 10.77.0.0/16,10.78.1.0/24,fd77::/64 || try_failed=1
	$IP addr add 10.76.0.1/24 dev wg9 || try_failed=1
	$IP link set wg9 up || try_failed=1
	ping -c 1 -W 1 10.77.0.1
	wg show wg9 || try_failed=1
	$IP link del wg9
	return $try_failed
}

# Each allocation of WireGuard fails once, from its load to its unload.
fail_wireguard()
{
	when="$1 failing, check=$level"
	dmesg -c >/dev/null
	stock /sets/wireguard/needs
	wg genkey >/tmp/key1
	wg genkey >/tmp/key2
	stacks_fail wireguard
	check "$when: load in the end" \
		until_it_works insmod /sets/wireguard/wireguard.ko
	# One of the load; later the log may not have it any more.
	fail_one=$(dmesg | sed -n 's/.*fail=\(stack:wireguard:[0-9a-f]*\): .*/\1/p' |
		head -n 1)
	check "$when: use in the end" until_it_works try_wireguard
	fail_nr=$(nr_failed_stacks)
	info "$when: $fail_nr call stacks have failed"
	check "$when: more than 10 have" not_above 10 "$fail_nr"
	echo off >/sys/module/kspan/parameters/fail
	check "$when: unload" unload wireguard
	dmesg -c >/dev/null
	echo "$fail_one" >/sys/module/kspan/parameters/fail
	# The module may or may not go on without what it has asked for.
	insmod /sets/wireguard/wireguard.ko 2>/dev/null
	check "$when: one failure once more" log_has "fail=$fail_one: "
	check "$when: and only that one" is 1 nr_failed_stacks
	echo off >/sys/module/kspan/parameters/fail
	[ ! -e /sys/module/wireguard ] ||
		check "$when: unload again" unload wireguard
}

# --- each of them -----------------------------------------------------------------

# run_set SET: load, use, unload; nothing is left.
run_set()
{
	when="$1, check=$level"
	dmesg -c >/dev/null
	bad_before=$(kstat bad_free)
	double_before=$(kstat double_free)
	live_before=$(kstat heap_objects)
	check "$when: load" load_set "$1"
	check "$when: a heap for each module" has_heaps "$1"
	"use_$1"
	asked "$1"
	check "$when: unload" unload_set "$1"
	[ "$1" != wireguard ] || fail_wireguard "$1"
	check "$when: no heap is left" fails has_heaps "$1"
	check "$when: nothing was left in a heap" log_lacks "destroyed with"
	check "$when: no cache was left" log_lacks "has left its cache"
	check "$when: no bad free" is "$bad_before" kstat bad_free
	check "$when: no double free" is "$double_before" kstat double_free
	release
	check "$when: nothing lives" is "$live_before" kstat heap_objects
	check "$when: verify" is ok cat "$DIR/verify"
	[ "$1" != sample ] || faults_of_sample
}

tar -xf /tree.tar -C / && rm /tree.tar
export PATH=/usr/bin:$PATH
sets=$(arg sets "")
for level in 1 2; do
	check "load kspan with check=$level" insmod /kspan.ko "check=$level"
	for set in $sets; do
		run_set "$set"
	done
	check "unload kspan with check=$level" unload kspan
done
all_ok
