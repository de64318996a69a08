#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Send the input of the tools to the host: kspan's files in debugfs, at several
# moments, and a dump of memory.  Each file is sent as lines `file MOMENT NAME
# LINE`.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# save MOMENT: send all files of kspan's directory that can be read.
save()
{
	for save_file in "$DIR"/*; do
		save_name=${save_file#"$DIR"/}
		# Reading it takes long and tells nothing that is not checked.
		[ "$save_name" != verify ] || continue
		cat "$save_file" 2>/dev/null >/tmp/copy || continue
		sed "s/^/file $1 $save_name /" /tmp/copy >&3
	done
}

# log MOMENT: send the messages of the kernel that are about kspan.
log()
{
	dmesg | grep 'kspan: ' | sed "s/^\[[^]]*\] /file $1 dmesg /" >&3
}

ACT=/sys/module/kspan_leak/parameters/act

check "load kspan" insmod /kspan.ko
save empty
[ ! -e "$DIR/callsites" ] || echo 1 >"$DIR/callsites"
check "load kspan_leak" insmod /kspan_leak.ko nr=10000 forget=100
save full
echo work >"$ACT"
save busy
check "verify" is ok cat "$DIR/verify"
# Wait, so that the stack and registers of the allocating task hold no pointers.
sleep 1
echo dump >&3
# QEMU stops the guest while it writes; the host may be slow to ask for it.
sleep "$(arg dump 30)"
echo twice >"$ACT"
echo atomic >"$ACT"
check "unload kspan_leak" rmmod kspan_leak
save drained
log drained
all_ok
