#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The demonstration: load kspan.ko and a client, and unload the client again.
# The host receives each step as it happens, and the statistics as lines `stat
# WHEN NAME VALUE`. guest.nr=N is the number of records in the client.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# step COMMAND...: show the command and run it; a failure ends the
# demonstration.
step()
{
	echo "step # $*" >&3
	if ! said=$("$@" 2>&1); then
		not_ok "$*" "$said"
		exit 1
	fi
}

# show COMMAND...: show the command and its output.
show()
{
	step "$@"
	echo "$said" | sed 's/^/step /' >&3
}

stats()
{
	echo "step # cat $DIR/stats" >&3
	sed "s/^/stat $1 /" "$DIR/stats" >&3
}

show uname -sr
step insmod kspan.ko
stats before
step insmod kspan_client.ko "nr=$(arg nr 100000)"
stats during
show head -n 12 "$DIR/by_size"
show cat "$DIR/verify"
check "verify with the client" is ok cat "$DIR/verify"
step rmmod kspan_client
echo "step # echo 1 > $DIR/release" >&3
echo 1 >"$DIR/release"
stats after
show cat "$DIR/verify"
check "verify without it" is ok cat "$DIR/verify"
check "every object was freed" is 0 kstat heap_objects
step rmmod kspan
echo "step # poweroff" >&3
