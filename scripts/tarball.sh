#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tarball.sh [--worktree] [FILE] - write kspan-VERSION.tar.xz, the source of a
# release.
#
#   --worktree   pack the current files instead of the last commit
#
# Two runs for the same commit give the same bytes.  The default for FILE is
# build/kspan-VERSION.tar.xz.  Prints its name.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

worktree=
case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
--worktree) worktree=1; shift ;;
esac
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
out=${1:-$BUILD/kspan-$version.tar.xz}
mkdir -p "$(dirname "$out")"
out=$(realpath "$out")
cd "$ROOT"
tmp=
temp_dir tmp
# The source of a release has no history.
[ -e .git ] || worktree=1
if [ -e .git ]; then
	if [ -n "$worktree" ]; then
		git ls-files --cached --others --exclude-standard
	else
		git ls-tree -r --name-only HEAD
	fi
else
	find . -type f -printf '%P\n' | grep -vE '^build/|(^|/)__pycache__/' |
		grep -vE '\.(o|ko|mod|mod\.c|cmd|order|symvers)$'
fi | LC_ALL=C sort >"$tmp/files"
if [ -n "$worktree" ]; then
	while read -r file; do
		[ ! -f "$file" ] || printf '%s\n' "$file"
	done <"$tmp/files" >"$tmp/present"
	date=$(git log -1 --format=%cI 2>/dev/null) || date=2026-01-01T00:00:00Z
	tar --create --files-from="$tmp/present" --transform="s,^,kspan-$version/," \
		--sort=name --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime="$date" --format=gnu
else
	git archive --format=tar --prefix="kspan-$version/" HEAD
fi | xz -6 -T1 >"$out.part"
mv "$out.part" "$out"
printf '%s\n' "$out"
