#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# backports.sh - packages of kernels newer than this Debian's own.
#
#   backports.sh series              the newest series there is, as 7.3
#   backports.sh version PACKAGE     the version there is of PACKAGE
#   backports.sh find PATTERN        the newest package whose name matches
#   backports.sh unpack PACKAGE DIR  fetch it and unpack it below DIR
#
# They come from the backports of the Debian release after this one, from the
# mirror that apt is set up to use.  apt keeps the lists and packages of that
# release in the cache, so nothing of this machine's set-up changes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=trixie-backports
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
DIR=$CACHE/backports
LISTS_MAX_DAYS=7

# The mirror that the main suite comes from.
mirror()
{
	local site

	# The updates and the security fixes may come from elsewhere.
	# shellcheck disable=SC2016 # apt expands these
	site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' \
		'Created-By: Packages' 'Component: main' |
		awk '$2 !~ /-/ && !site { site = $1 } END { print site }')
	[ -n "$site" ] || die "apt knows no Debian mirror"
	printf '%s\n' "$site"
}

set_up()
{
	mkdir -p "$DIR"/{lists/partial,cache/archives/partial}
	echo "deb [signed-by=$KEYS] $(mirror) $SUITE main" >"$DIR/sources.list"
	cat >"$DIR/apt.conf" <<-END
	Dir::Etc::SourceList "$DIR/sources.list";
	Dir::Etc::SourceParts "/dev/null";
	Dir::State::Lists "$DIR/lists";
	Dir::Cache "$DIR/cache";
	APT::Sandbox::User "root";
	END
	export APT_CONFIG=$DIR/apt.conf
	if [ -z "$(find "$DIR/lists" -maxdepth 1 -name '*_Packages*' \
		-mtime "-$LISTS_MAX_DAYS" -print -quit)" ]; then
		say "fetching the package lists of $SUITE"
		watched "apt-get update" "$CACHE/log/backports-update.log" \
			apt-get -q update ||
			say "could not fetch the package lists; trying with the old ones"
	fi
}

find_package()
{
	apt-cache search --names-only "$1" | sed 's/ .*//' | sort -V | tail -n 1
}

fetch()
{
	# Packages of other releases are installed here; this is none of them.
	cd "$DIR/cache/archives" && rm -f ./*.deb &&
		apt-get -q download "$1" && dpkg-deb -x ./*.deb "$2" &&
		rm -f ./*.deb
}

case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
series | version | find | unpack) ;;
*) usage "$0" >&2; exit 2 ;;
esac

lock_file "$CACHE/backports.lock" "packages of $SUITE"
set_up
case $1 in
series)
	name=$(find_package '^linux-source-[0-9]+\.[0-9]+$')
	[ -n "$name" ] || die "$SUITE has no kernel source"
	printf '%s\n' "${name#linux-source-}"
	;;
version)
	apt-cache show --no-all-versions "${2:?which package?}" |
		sed -n 's/^Version: //p'
	;;
find)
	find_package "${2:?which pattern?}"
	;;
unpack)
	mkdir -p "${3:?where to?}"
	say "fetching $2"
	watched "fetching $2" "$CACHE/log/backports-$2.log" \
		fetch "$2" "$(cd "$3" && pwd)" || die "could not fetch $2"
	;;
esac
