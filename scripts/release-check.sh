#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# release-check.sh [--quick] - check that the last commit is fit to be released.
#
#   --quick   without building the module from the tarball
#
# The version in dkms.conf is the only one that is written by hand in the code.
# The change log and the Debian packages must agree with it.  The tarball must
# be the same twice, must contain what is needed to build the module, the client
# and the checks, and every file in it must name its licence.  Prints a line
# `ok` or `FAIL` for each check.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=scripts/lib/checks.sh
. "$SCRIPTS/lib/checks.sh"

quick=
case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
--quick) quick=1 ;;
"") ;;
*) die "no such option: $1 (see --help)" ;;
esac

cd "$ROOT"
checks_log=$BUILD/release-check.log
mkdir -p "$BUILD"
: >"$checks_log"

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

is_version()
{
	[[ $version =~ ^[0-9]+\.[0-9]+(\.[0-9]+)?$ ]]
}

# Everything is committed.
is_clean()
{
	[ ! -e .git ] || { git status --porcelain | head; [ -z "$(git status --porcelain)" ]; }
}

# The newest section of the change log is that of this version.
in_changelog()
{
	local first

	first=$(grep -m 1 -oE '^[0-9]+\.[0-9]+(\.[0-9]+)?( |$)' Documentation/changelog.rst)
	echo "the change log begins with $first, the version is $version"
	[ "${first% }" = "$version" ]
}

in_packages()
{
	head -n 1 scripts/debian/changelog
	grep -q "^kspan ($version-" scripts/debian/changelog
}

# No other file has a version of its own.
nowhere_else()
{
	! grep -rnE "(MODULE_VERSION|KSPAN_VERSION|PACKAGE_VERSION)\W+\"?[0-9]+\.[0-9]" \
		--include='*.[ch]' --include='*.sh' --include=Makefile --include=Kbuild \
		module kunit scripts Makefile Kbuild |
		grep -vE '^scripts/(fuzz/|deb-test\.sh)'
}

same_twice()
{
	"$SCRIPTS/tarball.sh" "$tmp/a.tar.xz" && sleep 1.1 &&
		TZ=Asia/Tokyo "$SCRIPTS/tarball.sh" "$tmp/b.tar.xz" &&
		cmp "$tmp/a.tar.xz" "$tmp/b.tar.xz"
}

# The tarball, and all its tests and checks, stand on their own.
unpacks()
{
	tar -xJf "$tmp/a.tar.xz" -C "$tmp" && [ -d "$tmp/kspan-$version" ]
}

has_licences()
{
	(cd "$tmp/kspan-$version" && scripts/check.sh spdx)
}

builds()
{
	local kdir

	kdir=$("$SCRIPTS/kernels/kernels.sh" headers 6.12) &&
		make -s -j"$(nproc)" -C "$tmp/kspan-$version" KDIR="$kdir" &&
		make -s -C "$kdir" M="$tmp/kspan-$version/Documentation/example" modules &&
		[ "$(modinfo -F version "$tmp/kspan-$version/kspan.ko")" = "$version" ] &&
		[ -e "$tmp/kspan-$version/Documentation/example/kspan_client.ko" ]
}

quick_checks()
{
	make -s -C "$tmp/kspan-$version" clean &&
		(cd "$tmp/kspan-$version" &&
			scripts/check.sh includes versions words locked api docs sizeclass)
}

# A tarball of the tarball is the same, as nothing depends on git.
again()
{
	(cd "$tmp/kspan-$version" && find . -type f ! -path './build/*' |
		LC_ALL=C sort >"$tmp/first") &&
		"$tmp/kspan-$version/scripts/tarball.sh" "$tmp/c.tar.xz" &&
		mkdir "$tmp/again" && tar -xJf "$tmp/c.tar.xz" -C "$tmp/again" &&
		(cd "$tmp/again/kspan-$version" && find . -type f | LC_ALL=C sort) |
			diff "$tmp/first" -
}

tmp=
temp_dir tmp
check "version $version" is_version
check "everything is committed" is_clean
check "the change log is that of $version" in_changelog
check "the packages are those of $version" in_packages
check "no other file has a version" nowhere_else
check "the tarball is the same twice" same_twice
check "it unpacks to kspan-$version" unpacks
check "its files name their licence" has_licences
check "a tarball can be made of it" again
if [ -z "$quick" ]; then
	check "the module and the client build from it" builds
	check "the static checks work in it" quick_checks
fi
[ "$nr_failed" -eq 0 ]
