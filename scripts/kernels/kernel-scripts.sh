#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel-scripts.sh - print a directory with scripts/kernel-doc and
# Documentation/sphinx of the kernel's source; extracted once for each version.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
esac
version=6.12
tar=/usr/src/linux-source-$version.tar.xz
top=linux-source-$version
[ -e "$tar" ] || die "$tar is missing; scripts/setup.sh docs installs it"
dir=$CACHE/kernel-docs/$version-$(stat -c %Y "$tar")
if [ ! -e "$dir" ]; then
	lock_file "$CACHE/kernel-docs.lock" "the kernel's kernel-doc"
fi
if [ ! -e "$dir" ]; then
	rm -rf "$dir.part"
	mkdir -p "$dir.part"
	tar -xJf "$tar" -C "$dir.part" --strip-components=1 \
		"$top/scripts/kernel-doc" "$top/Documentation/sphinx"
	mv -T "$dir.part" "$dir"
fi
printf '%s\n' "$dir"
