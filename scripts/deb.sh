#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh - build the Debian packages kspan-dkms, kspan-dev and kspan-tools.
#
# They are written to build/deb/.  Findings of lintian are errors.  Missing
# packages are installed.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
esac
"$SCRIPTS/setup.sh" deb
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
dir=$BUILD/deb
rm -rf "$dir"
mkdir -p "$dir"

# As in a release: the tarball, and beside its content the folder debian.
"$SCRIPTS/tarball.sh" --worktree "$dir/kspan_$version.orig.tar.xz" >/dev/null
tar -xJf "$dir/kspan_$version.orig.tar.xz" -C "$dir"
cp -r "$SCRIPTS/debian" "$dir/kspan-$version/debian"
cd "$dir/kspan-$version"
watched "building the packages" "$dir/build.log" \
	dpkg-buildpackage -us -uc --no-check-builddeps
cd "$dir"
watched lintian "$dir/lintian.log" \
	lintian --allow-root --fail-on error,warning --tag-display-limit 0 \
	kspan_*.changes
say "$(find . -maxdepth 1 -name '*.deb' -printf '%f ') in $dir"
