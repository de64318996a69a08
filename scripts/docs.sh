#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# docs.sh [--screenshots] - build the documentation as a web site with Sphinx.
#
#   --screenshots   also take wide and narrow pictures of the pages with chromium
#
# The result is build/docs/html/index.html.  A warning of Sphinx or of the
# kernel's kernel-doc is an error.  Missing packages are installed.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

screenshots=
case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
--screenshots) screenshots=1 ;;
"") ;;
*) die "no such option: $1 (see --help)" ;;
esac


"$SCRIPTS/setup.sh" docs ${screenshots:+screenshots}
KSPAN_KERNEL=$("$SCRIPTS/kernels/kernel-scripts.sh")
KSPAN_ROOT=$ROOT
KSPAN_VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
export KSPAN_KERNEL KSPAN_ROOT KSPAN_VERSION
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8

dir=$BUILD/docs
source=$dir/source
rm -rf "$source" "$dir/html"
mkdir -p "$source/_static"
(cd "$ROOT/Documentation" && find . \( -name '*.rst' -o -name '*.svg' \) \
	-exec cp --parents -t "$source" {} +)
cp "$SCRIPTS/docs/conf.py" "$source"
cp "$SCRIPTS/docs/kspan.css" "$source/_static"
/usr/bin/python3 "$SCRIPTS/docs/reference.py" >"$source/reference.rst"

# The order of the menu: as the index names the pages, then the others.
mapfile -t pages < <({
	grep -oE '<[a-z-]+\.rst>' "$source/index.rst" | tr -d '<>' | sed 's/\.rst$//'
	echo reference
	find "$source" -maxdepth 1 -name '*.rst' -printf '%f\n' | sort |
		sed 's/\.rst$//'
} | grep -vx index | awk '!seen[$0]++')
{
	printf '\n.. toctree::\n   :hidden:\n\n'
	printf '   %s\n' "${pages[@]}"
} >>"$source/index.rst"

watched "building the pages" "$dir/sphinx.log" \
	/usr/bin/python3 -m sphinx -W --keep-going -q -b html \
	-d "$dir/doctrees" "$source" "$dir/html"
say "$(find "$dir/html" -name '*.html' | wc -l) pages, see $dir/html/index.html"
[ -n "$screenshots" ] || exit 0

mkdir -p "$dir/pictures"
for page in "$dir"/html/*.html; do
	name=$(basename "$page" .html)
	case $name in
	genindex | search) continue ;;
	esac
	for size in 1280,1600 400,1200; do
		chromium --headless --no-sandbox --disable-gpu \
			--hide-scrollbars --window-size="$size" \
			--screenshot="$dir/pictures/$name-${size%,*}.png" \
			"file://$page" >"$dir/chromium.log" 2>&1 ||
			die "no picture of $name, see $dir/chromium.log"
	done
done
say "pictures in $dir/pictures"
