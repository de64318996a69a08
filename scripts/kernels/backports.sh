#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# backports.sh [--own] [--arch ARCH] COMMAND - packages of kernels that cannot
# simply be installed on this machine, because they are newer than its Debian
# release or for another architecture.
#
#   series              print the newest series available, such as 7.3
#   version PACKAGE     print the available version of PACKAGE
#   find PATTERN        print the packages whose names match, newest first
#   unpack PACKAGE DIR  download it and unpack it below DIR
#
#   --own               from this Debian release instead of the backports of the
#                       next one
#   --arch ARCH         for that architecture (default: this machine's)
#
# They come from the mirror that apt is configured to use. apt keeps their lists
# and packages in the cache, so the configuration of this machine does not
# change.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"

SUITE=trixie-backports
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
LISTS_MAX_DAYS=7

# suites: site and name of each Debian suite that this machine uses.
suites()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(SITE) $(RELEASE)' \
		'Created-By: Packages' 'Component: main' 'Origin: Debian' |
		sort -u
}

# sources: the content of sources.list.
sources()
{
	local site

	if [ -n "$own" ]; then
		suites | sed "s|.*|deb [signed-by=$KEYS] & main|"
	else
		# The updates and the security fixes may come from other sites.
		site=$(suites | awk '$2 !~ /-/ && !site { site = $1 }
			END { print site }')
		[ -n "$site" ] || die "apt knows no Debian mirror"
		echo "deb [signed-by=$KEYS] $site $SUITE main"
	fi
}

set_up()
{
	mkdir -p "$DIR"/{lists/partial,cache/archives/partial}
	sources >"$DIR/sources.list"
	cat >"$DIR/apt.conf" <<-END
	Dir::Etc::SourceList "$DIR/sources.list";
	Dir::Etc::SourceParts "/dev/null";
	Dir::State::Lists "$DIR/lists";
	Dir::Cache "$DIR/cache";
	APT::Sandbox::User "root";
	APT::Architecture "$arch";
	APT::Architectures { "$arch"; };
	END
	# Packages of other releases and machines are not installed, so apt must
	# not consider the installed ones.
	[ "$arch" = "$native" ] || {
		: >"$DIR/status"
		echo "Dir::State::Status \"$DIR/status\";" >>"$DIR/apt.conf"
	}
	export APT_CONFIG=$DIR/apt.conf
	if [ -z "$(find "$DIR/lists" -maxdepth 1 -name '*_Packages*' \
		-mtime "-$LISTS_MAX_DAYS" -print -quit)" ]; then
		say "fetching the package lists of $what"
		watched "apt-get update" "$CACHE/log/$(basename "$DIR")-update.log" \
			apt-get -q update ||
			say "could not fetch the package lists; trying with the old ones"
	fi
}

find_packages()
{
	apt-cache search --names-only "$1" | sed 's/ .*//' | sort -rV
}

fetch()
{
	cd "$DIR/cache/archives" && rm -f ./*.deb &&
		apt-get -q download "$1" && dpkg-deb -x ./*.deb "$2" &&
		rm -f ./*.deb
}

native=$(dpkg --print-architecture)
arch=$native
own=
while [ $# -gt 0 ]; do
	case $1 in
	--own) own=1 ;;
	--arch) arch=$2; shift ;;
	-h | --help) usage "$0"; exit 0 ;;
	*) break ;;
	esac
	shift
done
case ${1:-} in
series | version | find | unpack) ;;
*) usage "$0" >&2; exit 2 ;;
esac

if [ -n "$own" ]; then
	DIR=$CACHE/packages-$arch
	what="this Debian release for $arch"
else
	DIR=$CACHE/backports
	[ "$arch" = "$native" ] || DIR+=-$arch
	what=$SUITE
fi
lock_file "$DIR.lock" "packages of $what"
set_up
case $1 in
series)
	name=$(find_packages '^linux-source-[0-9]+\.[0-9]+$' | sed -n 1p)
	[ -n "$name" ] || die "$SUITE has no kernel source"
	printf '%s\n' "${name#linux-source-}"
	;;
version)
	apt-cache show --no-all-versions "${2:?which package?}" |
		sed -n 's/^Version: //p'
	;;
find)
	find_packages "${2:?which pattern?}"
	;;
unpack)
	mkdir -p "${3:?where to?}"
	say "fetching $2"
	watched "fetching $2" "$CACHE/log/backports-$2.log" \
		fetch "$2" "$(cd "$3" && pwd)" || die "could not fetch $2"
	;;
esac
