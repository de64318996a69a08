#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# try-patches.sh TREE - check that the patches of into-tree apply to the kernel
# TREE, which is not changed, and that its checkpatch.pl accepts them.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
"" | -h | --help) usage "$0"; exit 0 ;;
esac
tree=$(realpath "$1")
tmp=
temp_dir tmp
"$SCRIPTS/into-tree" --patches "$tmp/patches" "$tree"

# Only the files of the tree that the patches change have to be there.  A patch
# may also change what an earlier one has added.
mkdir "$tmp/tree"
(cd "$tree" && cat "$tmp"/patches/*.patch |
	sed -n 's,^--- a/,,p' | sort -u |
	while read -r file; do
		[ ! -e "$file" ] || cp --parents -t "$tmp/tree" "$file"
	done)
for patch in "$tmp"/patches/*.patch; do
	[ "$(basename "$patch")" != 0000-cover-letter.patch ] || continue
	(cd "$tmp/tree" && patch -p1 -s --fuzz=0 <"$patch")
done
[ -e "$tmp/tree/include/linux/kspan.h" ] ||
	die "the patches add no header"
! grep -rn LINUX_VERSION_CODE "$tmp/tree" ||
	die "the patches test for kernel versions"

# What .checkpatch.conf explains does not count, but the versions do.  The first
# patch adds the whole folder to MAINTAINERS.
mapfile -t ignore < <(sed -n 's/^--ignore //p' "$ROOT/.checkpatch.conf" |
	grep -vx LINUX_VERSION_CODE)
nr_bad=0
for patch in "$tmp"/patches/*.patch; do
	name=$(basename "$patch")
	extra=FILE_PATH_CHANGES
	case $name in
	0000-*) continue ;;
	0001-*) extra=NONE ;;
	esac
	(cd "$tree" && perl scripts/checkpatch.pl --no-tree --show-types --terse \
		--no-summary --ignore "$(IFS=,; echo "${ignore[*]},$extra")" \
		"$patch") || nr_bad=$((nr_bad + 1))
done
[ "$nr_bad" -eq 0 ] || die "checkpatch.pl complains about $nr_bad patches"
echo "$(find "$tmp/patches" -name '0*.patch' | wc -l) patches apply and are clean"
