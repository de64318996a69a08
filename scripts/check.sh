#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [STEP...] - run all static checks, or the named ones.
# check.sh --list - print their names.
#
# A step prints one line, `ok` or `FAIL`, and on failure its findings.  The
# other steps go on, and the last line counts the results.  A missing tool is a
# failure; scripts/setup.sh check installs all tools.
#
# Nothing is written to the source tree; the modules are built in copies.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

STEPS=(codespell shellcheck python includes versions words locked spdx
	sizeclass checkpatch kernel-doc api docs build-6.1 build-6.12 kunit
	headers example circles fastpath noprobe clang-tidy cocci model fuzz explore)

# The kernel whose scripts are used and whose build the later steps check.
NEWEST=6.12

# Debian's own Python, for which its packages of modules are.
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
export LC_ALL=C.UTF-8

# --- files ------------------------------------------------------------------

# source_files: every file of the project, one on each line.
source_files()
{
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard
	else
		find . -type f -printf '%P\n'
	fi | grep -vE '^(\.git|build)/|(^|/)__pycache__/' |
		grep -vE '\.(o|ko|mod|mod\.c|cmd|order|symvers)$' |
		while read -r file; do
			[ ! -f "$file" ] || printf '%s\n' "$file"
		done | sort
}

c_files()
{
	grep -E '\.[ch]$' "$TEMP/files"
}

# language FILE: bash, sh or python, by its name and #! line.
language()
{
	local first=

	IFS= read -r first <"$1" || true
	case $1:$first in
	*.py:* | *:'#!'*python*) echo python ;;
	*:'#!'*bash* | *:'# shellcheck shell=bash'*) echo bash ;;
	*.sh:* | *:'#!'*sh | *:'#!'*'sh -'*) echo sh ;;
	esac
}

# files_in LANGUAGE: the files in that language.
files_in()
{
	local file

	while read -r file; do
		[ "$(language "$file")" != "$1" ] || printf '%s\n' "$file"
	done <"$TEMP/files"
}

need()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null ||
			die "$tool is missing; scripts/setup.sh check installs it"
	done
}

# need_module NAME: fail unless this Python module is installed.
need_module()
{
	"$PYTHON" -c "import $1" 2>/dev/null ||
		die "python3-$1 is missing; scripts/setup.sh check installs it"
}

# source_check RULE: apply a rule of checks/source.py to every file.
source_check()
{
	xargs -d '\n' "$PYTHON" scripts/checks/source.py "$1" <"$TEMP/files"
}

# --- the kernel's own tools -------------------------------------------------

# kernel_scripts: print their directory; extracted once for each version.
kernel_scripts()
{
	local tar=/usr/src/linux-source-$NEWEST.tar.xz top=linux-source-$NEWEST
	local dir

	[ -e "$tar" ] ||
		die "$tar is missing; scripts/setup.sh check installs it"
	dir=$CACHE/kernel-scripts/$NEWEST-$(stat -c %Y "$tar")
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.part"
		mkdir -p "$dir.part"
		tar -xJf "$tar" -C "$dir.part" --strip-components=2 \
			"$top"/scripts/{checkpatch.pl,spelling.txt} \
			"$top"/scripts/{const_structs.checkpatch,kernel-doc} \
			"$top/scripts/coccinelle"
		mv -T "$dir.part" "$dir"
	fi
	printf '%s\n' "$dir"
}

# --- builds -----------------------------------------------------------------

# fails_on_warnings LOG: print the warnings of a build and fail if there are
# any.
#
# A note that the kernel was built by another compiler does not count.
fails_on_warnings()
{
	! grep -iE 'warning|undefined!' "$1" |
		grep -vE 'warning: the compiler differs from the one used'
}

# strict_build VERSION DIR: kspan.ko and its clients, with -Werror.
strict_build()
{
	local kdir log=$2.log

	need sparse make gcc
	kdir=$(scripts/kernels/kernels.sh headers "$1")
	if ! build_modules "$kdir" "$2" --keep-going W=1 C=2 \
		CF=-Wsparse-error KCFLAGS=-Werror >"$log" 2>&1; then
		grep -vE '^ +(CC|CHECK|LD|AR|MODPOST|BTF) |^make.*: (Enter|Leav)ing' \
			"$log" || cat "$log"
		return 1
	fi
	fails_on_warnings "$log"
	[ -e "$2/kspan.ko" ] || die "there is no kspan.ko"
	printf '%s\n' "$kdir" >"$2.kdir"
}

# newest_build: provide $TEMP/$NEWEST for the steps that inspect a build.
newest_build()
{
	[ -e "$TEMP/$NEWEST.kdir" ] || strict_build "$NEWEST" "$TEMP/$NEWEST"
}

# --- steps ------------------------------------------------------------------

step_codespell()
{
	need codespell
	xargs -d '\n' codespell <"$TEMP/files"
}

step_shellcheck()
{
	local rc=0

	need shellcheck
	files_in bash >"$TEMP/bash"
	files_in sh >"$TEMP/sh"
	[ -s "$TEMP/bash" ] || die "found no shell scripts"
	# Guests run busybox.  The closest shell in shellcheck is dash.
	xargs -d '\n' shellcheck -x -s bash <"$TEMP/bash" || rc=1
	xargs -r -d '\n' shellcheck -x -s dash <"$TEMP/sh" || rc=1
	return "$rc"
}

step_python()
{
	need "$PYTHON"
	need_module pyflakes
	files_in python >"$TEMP/python"
	xargs -d '\n' "$PYTHON" -W error -c 'if True:
		import sys
		for name in sys.argv[1:]:
			with open(name, encoding="utf-8") as file:
				compile(file.read(), name, "exec")' <"$TEMP/python"
	xargs -d '\n' "$PYTHON" -m pyflakes <"$TEMP/python"
}

step_includes()
{
	"$PYTHON" scripts/checks/includes.py
}

step_versions()
{
	source_check versions
}

step_words()
{
	source_check words
}

step_locked()
{
	source_check locked
}

step_spdx()
{
	source_check spdx
}

step_api()
{
	source_check api
}

step_docs()
{
	need_module docutils
	"$PYTHON" scripts/checks/docs.py
	"$PYTHON" scripts/checks/legs.py --check
	"$PYTHON" scripts/docs/life.py --check
}

step_sizeclass()
{
	"$PYTHON" scripts/checks/gen-sizeclasses.py -o "$TEMP/sizeclass_table.h"
	diff -u module/base/sizeclass_table.h "$TEMP/sizeclass_table.h"
}

step_checkpatch()
{
	local scripts

	need perl
	scripts=$(kernel_scripts)
	# The options are in .checkpatch.conf.  The simulated kernel's headers
	# cannot follow the rules about the use of the real ones.  The macros that
	# define tracepoints cannot follow the rules about parentheses.
	c_files | grep -vE '^scripts/fuzz/include/|/kspan_trace.h$' |
		"$PYTHON" scripts/checks/passed.py checkpatch \
			--with .checkpatch.conf --with "$scripts/checkpatch.pl" \
			--with "$scripts/spelling.txt" \
			-- "$scripts/checkpatch.pl" --terse --no-summary -q -f
}

step_kernel_doc()
{
	local scripts

	need perl
	scripts=$(kernel_scripts)
	c_files | xargs -d '\n' "$scripts/kernel-doc" -none -Werror \
		-Wreturn -Wshort-desc -Wcontents-before-sections
}

step_build_6_1()
{
	strict_build 6.1 "$TEMP/6.1"
}

step_build_6_12()
{
	strict_build 6.12 "$TEMP/6.12"
}

# Linking the suites needs a kernel with KUnit.  Compiling them and running
# sparse on them only needs its headers.
step_kunit()
{
	local dir=$TEMP/kunit kdir log=$TEMP/kunit.log

	need sparse make gcc rsync
	kdir=$(scripts/kernels/kernels.sh headers "$NEWEST")
	mkdir -p "$dir"
	rsync -a --files-from="$TEMP/files" . "$dir"
	if ! make -j"$(nproc)" -k -C "$kdir" M="$dir" KSPAN_KUNIT=1 W=1 C=2 \
		CF=-Wsparse-error KCFLAGS='-Werror -DCONFIG_KUNIT=1' \
		kspan.o >"$log" 2>&1; then
		grep -vE '^ +(CC|CHECK|LD) ' "$log"
		return 1
	fi
	fails_on_warnings "$log"
	[ -n "$(find "$dir/kunit" -name '*.o')" ] || die "no suite was built"
}

# The example builds by itself, in its place and as a copy elsewhere.
step_example()
{
	local dir=$TEMP/example kdir

	newest_build
	kdir=$(cat "$TEMP/$NEWEST.kdir")
	cp -r Documentation/example "$dir"
	rm -f "$TEMP/$NEWEST"/Documentation/example/*.ko
	if ! make -C "$kdir" M="$TEMP/$NEWEST/Documentation/example" W=1 \
		KCFLAGS=-Werror modules >"$dir.log" 2>&1 ||
		! make -C "$kdir" M="$dir" KSPAN="$TEMP/$NEWEST" W=1 \
			KCFLAGS=-Werror modules >>"$dir.log" 2>&1; then
		cat "$dir.log"
		return 1
	fi
	fails_on_warnings "$dir.log"
	[ -e "$TEMP/$NEWEST/Documentation/example/kspan_client.ko" ] &&
		[ -e "$dir/kspan_client.ko" ]
}

# Every header of the module is self-contained and may be included twice.
step_headers()
{
	local dir=$TEMP/headers kdir header name log=$TEMP/headers.log

	need make gcc
	kdir=$(scripts/kernels/kernels.sh headers "$NEWEST")
	mkdir -p "$dir"
	{
		echo "ccflags-y := -I$ROOT/module/include -I$ROOT/module"
		echo "obj-m := all.o"
		for header in module/*/*.h module/include/linux/*.h; do
			name=$(basename "$header" .h)
			echo "all-y += $name.o"
			printf '#include "%s"\n' "$ROOT/$header" "$ROOT/$header" \
				>"$dir/$name.c"
			# The client's headers are checked as clients read them.
			[[ $header = module/include/* ]] ||
				echo "CFLAGS_$name.o := -DKSPAN_BUILDING_KSPAN"
		done
	} >"$dir/Kbuild"
	make -k -j"$(nproc)" -C "$kdir" M="$dir" W=1 KCFLAGS=-Werror all.o \
		>"$log" 2>&1 || {
		grep -vE '^ +(CC|LD) ' "$log"
		return 1
	}
	fails_on_warnings "$log"
}

# No files of the module need each other in a circle.
step_circles()
{
	need nm
	newest_build
	"$PYTHON" scripts/checks/circles.py "$TEMP/$NEWEST"
}

step_fastpath()
{
	need objdump
	newest_build
	"$PYTHON" scripts/checks/fastpath.py "$TEMP/$NEWEST/kspan.ko"
}

# No function that must not be probed calls one that may.
step_noprobe()
{
	need objdump
	newest_build
	"$PYTHON" scripts/checks/noprobe.py "$TEMP/$NEWEST/kspan.ko"
}

step_clang_tidy()
{
	need clang-tidy
	newest_build
	"$PYTHON" scripts/checks/tidy.py "$(cat "$TEMP/$NEWEST.kdir")" \
		"$TEMP/$NEWEST"
}

# cocci_rule RULE: apply it in the current directory and print its findings.
#
# Findings are the lines that name a place.  Some of the kernel's rules also
# print what they have examined.
cocci_rule()
{
	local options dir out

	options=$(sed -n 's,^// Options: ,,p' "$1")
	dir=$(sed -n 's,^// Directory: ,,p' "$1")
	# shellcheck disable=SC2086 # several options
	out=$(timeout 600 spatch -D report --very-quiet --cocci-file "$1" \
		$options --dir "${dir:-.}" 2>&1) ||
		printf '%s: spatch failed: %s\n' "$1" "$out"
	grep -E '^[^ :]+\.[ch]:[0-9]+:' <<<"$out" || true
}

step_cocci()
{
	local scripts dir=$TEMP/sources

	need spatch rsync
	scripts=$(kernel_scripts)
	mkdir -p "$dir"
	# oops.c does on purpose what the rules find.
	c_files | grep -v '^scripts/torture/oops.c$' |
		rsync -a --files-from=- . "$dir"
	export -f cocci_rule
	# stream_open.cocci warns about itself in any case.
	{
		printf '%s\n' "$ROOT"/scripts/checks/cocci/*.cocci
		grep -rlw 'virtual report' "$scripts/coccinelle" |
			grep -v /stream_open.cocci
	} >"$TEMP/rules"
	cd "$dir"
	# shellcheck disable=SC2016 # for the inner shell
	xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'cocci_rule "$1"' _ \
		<"$TEMP/rules" >"$TEMP/cocci"
	sort -u "$TEMP/cocci"
	[ ! -s "$TEMP/cocci" ]
}

# The models of scripts/model/.  Their mutants check the models themselves.
step_model()
{
	need spin gcc
	"$PYTHON" scripts/model/search.py
}

# The module in user space, on the corpus of fuzzing inputs.
step_fuzz()
{
	scripts/fuzz.sh --replay
}

# Orders of accesses by several CPUs, up to a small bound.
step_explore()
{
	scripts/explore.sh --quick
}

# --- running them -----------------------------------------------------------

# run_step NAME: run it and print one line and, on failure, its findings.
run_step()
{
	local function=step_${1//[-.]/_} begun pid rc=0

	begun=$(date +%s)
	[ ! -t 2 ] || printf '... %s\r' "$1" >&2
	# Run in the background, as `set -e` has no effect in a condition.
	("$function") >"$TEMP/log" 2>&1 </dev/null &
	pid=$!
	kill_later "$pid"
	wait "$pid" || rc=$?
	forget "$pid"
	if [ "$rc" -eq 0 ]; then
		echo "ok $1 ($(($(date +%s) - begun)) s)"
		passed=$((passed + 1))
	else
		echo "FAIL $1"
		sed 's/^/    /' "$TEMP/log"
		failed=$((failed + 1))
	fi
}

case ${1:-} in
-h | --help)
	usage "$0"
	exit 0
	;;
--list)
	printf '%s\n' "${STEPS[@]}"
	exit 0
	;;
esac

[ $# -gt 0 ] || set -- "${STEPS[@]}"
for step; do
	is_one_of "$step" "${STEPS[@]}" ||
		die "no such step: $step (see --list)"
done
"$SCRIPTS/setup.sh" check
cd "$ROOT"
temp_dir TEMP
source_files >"$TEMP/files"
passed=0
failed=0
for step; do
	run_step "$step"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
