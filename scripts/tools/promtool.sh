#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# promtool.sh ARGUMENT... - run promtool, which checks metrics and alert rules.
#
# If it is not installed, it is unpacked from the package of prometheus into the
# cache.  Installing that package would start a server on this machine.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

if ! command -v promtool >/dev/null; then
	if [ ! -e "$CACHE/promtool/promtool" ]; then
		lock_file "$CACHE/promtool.lock" "unpacking promtool"
		tmp=
		temp_dir tmp
		# apt lets its own user write there.
		chmod 777 "$tmp"
		(cd "$tmp" && apt-get -q download prometheus >&2 &&
			dpkg-deb -x prometheus_*.deb tree)
		mkdir -p "$CACHE/promtool"
		mv "$tmp/tree/usr/bin/promtool" "$CACHE/promtool/promtool"
	fi
	PATH=$CACHE/promtool:$PATH
fi
exec promtool "$@"
