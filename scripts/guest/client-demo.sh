#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run a user's own client: load guest.modules=A.ko,B.ko after kspan.ko,
# and unload them after guest.seconds=N.  The host receives each step, the
# kernel's messages, and the statistics. guest.params=... are the parameters of
# the last module, guest.kspan=... those of kspan.ko.
# shellcheck source=scripts/guest/lib.sh
. /lib.sh

say()
{
	echo "show $*" >&3
}

# step COMMAND...: show the command, run it, and show its output.
step()
{
	say "# $*"
	said=$("$@" 2>&1)
	step_status=$?
	[ -z "$said" ] || echo "$said" | sed 's/^/show /' >&3
	return $step_status
}

# messages: the kernel's messages since the last call.
messages()
{
	dmesg -c | grep -v 'module verification failed\|loading out-of-tree' |
		sed 's/^/show   /' >&3
}

# numbers: the statistics other than 0.
numbers()
{
	say "# cat $DIR/stats    (what is not 0)"
	awk '$2 != 0 { printf "show   %-16s %14s\n", $1, $2 }' "$DIR/stats" >&3
}

modules=$(arg modules "" | tr , ' ')
last=${modules##* }
dmesg -c >/dev/null
say "# uname -r: $(uname -r)"
# shellcheck disable=SC2046 # a list of parameters
step insmod /kspan.ko $(arg kspan "" | tr , ' ') ||
	{ messages; not_ok "load kspan" "$said"; exit 1; }
loaded=
for module in $modules; do
	set --
	# shellcheck disable=SC2046 # a list of parameters
	[ "$module" != "$last" ] || set -- $(arg params "" | tr , ' ')
	if step insmod "/$module" "$@"; then
		loaded="${module%.ko} $loaded"
	else
		not_ok "load $module" "$said"
	fi
done
sleep "$(arg seconds 2)"
messages
numbers
say "# head -n 8 $DIR/by_size    (classes in use)"
awk 'NR == 1 || $7 > 0' "$DIR/by_size" | head -n 12 | sed 's/^/show   /' >&3
for module in $loaded; do
	step rmmod "$module" || not_ok "unload $module" "$said"
done
messages
say "# echo 1 > $DIR/release"
echo 1 >"$DIR/release"
say "# cat $DIR/verify: $(cat "$DIR/verify")"
left=$(kstat heap_objects)
say "# live objects after the modules have gone: $left"
[ "$left" -eq 0 ] || say "the modules leak; see by_size above"
step rmmod kspan || not_ok "unload kspan" "$said"
messages
all_ok
