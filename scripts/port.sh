#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# port.sh [OPTIONS] DIR [VAR=VALUE...] - build the modules in DIR so that they
# allocate from kspan, without a change of their sources.  Prints first what
# cannot be kspan's memory in them, builds them in a copy with
# <linux/kspan_slab.h>, and checks that no call of slab is left.
#
#   --kdir DIR       build directory of the kernel (that of the running kernel);
#                    KDIR in the environment does the same
#   --kernel NAME    one of Debian's stock kernels instead; see
#                    kernels/stock.sh --help
#   --kspan DIR      kspan's tree, built for that kernel (a copy is built)
#   --out DIR        where to build (build/port/NAME)
#   --in-place       build in DIR itself, for modules that include files beside
#                    it; no source changes, but what make writes ends up there
#   --report         only the report
#   --strict         exit with 3 if the report names a place to look at
#   --rewrite FILE   write a patch to FILE that calls kspan.h by name instead,
#                    and build nothing; - is the standard output
#
# The variables are passed to make, such as CONFIG_FOO=m for a module that this
# kernel's configuration leaves out.  Documentation/porting.rst explains the
# report.
#
# Exit codes: 0 built and checked, or reported; 1 failed; 2 wrong usage; 3 with
# --strict; 4 built, but calls of slab are left.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

HEADER=$ROOT/module/include/linux/kspan_slab.h
RULES=$SCRIPTS/port

bad_usage()
{
	say "error: $* (see --help)"
	exit 2
}

kdir=${KDIR:-}
kernel=
kspan=
out=
in_place=
report=
strict=
rewrite=
while [ $# -gt 0 ]; do
	case $1 in
	--kdir | --kernel | --kspan | --out | --rewrite)
		[ $# -ge 2 ] || bad_usage "$1 needs an argument"
		;;&
	--kdir) kdir=$2; shift ;;
	--kernel) kernel=$2; shift ;;
	--kspan) kspan=$2; shift ;;
	--out) out=$2; shift ;;
	--rewrite) rewrite=$2; shift ;;
	--in-place) in_place=1 ;;
	--report) report=1 ;;
	--strict) strict=1 ;;
	-h | --help) usage "$0"; exit 0 ;;
	-*) bad_usage "no such option: $1" ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 1 ] || bad_usage "which folder?"
[ -d "$1" ] || bad_usage "there is no folder $1"
[ -e "$1/Kbuild" ] || [ -e "$1/Makefile" ] ||
	bad_usage "there is neither a Kbuild nor a Makefile in $1"
dir=$(cd "$1" && pwd)
shift
for word; do
	[[ $word = *=* ]] || bad_usage "not a variable for make: $word"
done
name=$(basename "$dir")
out=$(realpath -m "${out:-$BUILD/port/$name}")

# moved_names: the names of slab that the header gives to kspan.
moved_names()
{
	sed -n 's/^#pragma redefine_extname \([^ ]*\) .*/\1/p' "$HEADER"
	printf '%s\n' kmemdup kmemdup_noprof
}

# --- the report ---------------------------------------------------------------

# findings RULE: what a rule of Coccinelle finds in the sources, each as `FILE:LINE:
# TEXT`.
findings()
{
	(cd "$dir" && find . -name '*.c' -o -name '*.h' | sed 's,^\./,,' | sort |
		grep -v '\.mod\.c$' |
		xargs -r -d '\n' timeout 600 spatch --very-quiet -D report \
			--no-includes --cocci-file "$1" 2>"$out/spatch.log") |
		grep -E '^[^ :]+\.[ch]:[0-9]+: ' | sort -u -t : -k 1,1 -k 2,2n || true
}

# section TITLE FILE: print the findings, if there are any.
section()
{
	[ -s "$2" ] || return 0
	echo
	echo "$1"
	sed 's/^/  /' "$2"
}

print_report()
{
	local places

	findings "$RULES/page.cocci" >"$out/page"
	findings "$RULES/handed.cocci" >"$out/handed"
	findings "$RULES/kernel.cocci" >"$out/kernel"
	places=$(cat "$out/page" "$out/handed" | wc -l)
	echo "Report on $dir"
	section "Takes the page of an address.  If that is an object of kmalloc(), it has to
stay the kernel's: kspan_kernel_kmalloc().  Memory that others allocated, such
as the data of an skb, is as before:" "$out/page"
	section "May hand memory to code that frees it by the kernel's kfree(), or a cache to
code that allocates from it.  Such memory has to stay the kernel's, too:" \
		"$out/handed"
	section "Stays with the kernel by itself, and needs nothing:" "$out/kernel"
	echo
	echo "$places places to look at"
	[ -z "$strict" ] || [ "$places" -eq 0 ] || return 3
}

mkdir -p "$out"
command -v spatch >/dev/null || "$SCRIPTS/setup.sh" --package coccinelle

# --- by name --------------------------------------------------------------------

if [ -n "$rewrite" ]; then
	(cd "$dir" && find . -name '*.c' -o -name '*.h' | sort |
		grep -v '\.mod\.c$' |
		xargs -r -d '\n' timeout 600 spatch --very-quiet --no-includes \
			--cocci-file "$RULES/rewrite.cocci" 2>"$out/spatch.log") \
		>"$out/rewrite.raw" || die "spatch failed, see $out/spatch.log"
	# spatch names the changed file by a temporary one.
	awk '/^--- / { file = $2; sub(/^\.\//, "", file); print "--- a/" file; next }
	/^\+\+\+ / { print "+++ b/" file; next }
	{ print }' "$out/rewrite.raw" >"$out/rewrite.patch"
	[ -s "$out/rewrite.patch" ] || die "nothing in $dir calls slab"
	if [ "$rewrite" = - ]; then
		cat "$out/rewrite.patch"
	else
		cp "$out/rewrite.patch" "$rewrite"
		say "wrote $rewrite; apply it in $dir by patch -p1"
	fi
	exit 0
fi

status=0
print_report || status=$?
[ -z "$report" ] || exit "$status"
[ "$status" -eq 0 ] || exit "$status"
echo

# --- the build ------------------------------------------------------------------

if [ -n "$kernel" ]; then
	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel")
fi
kdir=${kdir:-/lib/modules/$(uname -r)/build}
[ -e "$kdir/Makefile" ] ||
	die "there are no kernel headers in $kdir; --kdir or --kernel names others"
if [ -z "$kspan" ]; then
	kspan=$(work_dir "port-$(realpath "$kdir" | sha256sum | cut -c 1-12)")
	say "building kspan.ko for $kdir"
	CLIENT_DIRS=()
	watched "kspan build" "$out/kspan.log" build_modules "$kdir" "$kspan"
fi
[ -e "$kspan/Module.symvers" ] ||
	die "kspan is not built in $kspan: there is no Module.symvers"

src=$dir
if [ -z "$in_place" ]; then
	src=$out/src
	mkdir -p "$src"
	rsync -a --delete --exclude='*.o' --exclude='.*.cmd' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude=/.git "$dir/" "$src/"
fi
say "building $name with kspan_slab.h"
symvers=$kspan/Module.symvers
vars=()
for word; do
	case $word in
	KBUILD_EXTRA_SYMBOLS=*) symvers+=" ${word#*=}" ;;
	KCFLAGS=*) extra=${word#*=} ;;
	*) vars+=("$word") ;;
	esac
done
watched "build" "$out/build.log" \
	make -j"$(nproc)" -C "$kdir" M="$src" \
	KCFLAGS="-include $HEADER ${extra:-}" KBUILD_EXTRA_SYMBOLS="$symvers" \
	"${vars[@]}" modules || exit 1
mapfile -t modules < <(sed 's/\.o$/.ko/' "$src/modules.order" |
	awk -v src="$src" '{ print /^\// ? $0 : src "/" $0 }' |
	awk '!seen[$0]++')
[ ${#modules[@]} -gt 0 ] ||
	die "$name builds no module; is its CONFIG_ option off in this kernel?"

# --- the check ------------------------------------------------------------------

# left_in FILE: the names of slab that the object still calls.
left_in()
{
	nm -u "$1" | awk '{ print $NF }' | grep -xF -f "$out/names" || true
}

# without_header DIR: objects made of C that the header has not reached.
without_header()
{
	local object

	find "$1" -name '*.o' ! -name '*.mod.o' | while read -r object; do
		[ -e "${object%.o}.c" ] || continue
		nm "$object" | grep -q ' kspan_moved_module$' || echo "$object"
	done
}

moved_names >"$out/names"
left=0
for module in "${modules[@]}"; do
	[ -e "$module" ] || die "make has not written $module"
	mapfile -t calls < <(left_in "$module")
	if [ ${#calls[@]} -gt 0 ]; then
		left=1
		echo "$(basename "$module") still calls: ${calls[*]}"
		without_header "$src" |
			sed 's/^/  the header has not been read for /; s,'"$src/,,"
		continue
	fi
	echo "$module: moved"
done
if [ "$left" -ne 0 ]; then
	say "a Makefile that sets KCFLAGS or KBUILD_CFLAGS anew throws the header away"
	exit 4
fi
