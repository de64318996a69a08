#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rpm.sh - build the RPM packages kspan-dkms, kspan-devel and kspan-tools, with
# Debian's rpmbuild.  They are written to build/rpm/.
#
# The script checks that they contain the important files.  They have not been
# installed on a system with RPM.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
esac
"$SCRIPTS/setup.sh" build
command -v rpmbuild >/dev/null || "$SCRIPTS/setup.sh" --package rpm
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
dir=$BUILD/rpm
rm -rf "$dir"
mkdir -p "$dir/SOURCES"
"$SCRIPTS/tarball.sh" --worktree "$dir/SOURCES/kspan-$version.tar.xz" >/dev/null
watched "building the packages" "$dir/build.log" \
	rpmbuild -bb --define "_topdir $dir" --define "kspan_version $version" \
	--define "_rpmdir $dir" --define "_rpmfilename %%{NAME}-%%{VERSION}.rpm" \
	"$SCRIPTS/rpm/kspan.spec"
for package in dkms devel tools; do
	[ -e "$dir/kspan-$package-$version.rpm" ] || die "there is no kspan-$package"
done
rpm -qpl "$dir/kspan-dkms-$version.rpm" | grep -q "/usr/src/kspan-$version/dkms.conf" ||
	die "kspan-dkms has no dkms.conf"
rpm -qpl "$dir/kspan-devel-$version.rpm" | grep -q include/kspan/linux/kspan.h ||
	die "kspan-devel has no header"
say "$(find "$dir" -maxdepth 1 -name '*.rpm' -printf '%f ') in $dir"
