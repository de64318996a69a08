#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deb-test.sh [--no-boot] - build the Debian packages and use them like a user,
# in a fresh Debian in a folder.
#
#   --no-boot   do not run the built modules in QEMU
#
# The folder gets DKMS, the headers of the stock 6.1 and 6.12 and those of the
# newest kernel.  The packages are installed, upgraded to another version, and
# removed; DKMS builds the module for each kernel.  autopkgtest runs the packages'
# own tests: a client builds from the packages alone, and the module and the
# client run in QEMU.  Prints a line `ok` or `FAIL` for each check.
#
# The running system stays as it is, except that missing packages are installed.
# Needs root, for chroot.
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=scripts/lib/checks.sh
. "$SCRIPTS/lib/checks.sh"

boot=1
case ${1:-} in
-h | --help) usage "$0"; exit 0 ;;
--no-boot) boot= ;;
"") ;;
*) die "no such option: $1 (see --help)" ;;
esac
[ "$(id -u)" -eq 0 ] || die "this needs root, for chroot"

SERIES="6.1 6.12"
MAX_DAYS=30
dir=$BUILD/deb-test
checks_log=$dir/log
mkdir -p "$dir"

# mounted COMMAND...: run it with mounts of its own in the fresh Debian.
mounted()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork bash -c '
		mount -t proc proc "$1/proc" &&
		mount --bind /dev "$1/dev" || exit
		if [ -n "$2" ]; then
			mkdir -p "$1$2"
			mount --bind -o ro "$2" "$1$2" || exit
		fi
		shift 2
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			"$@"' _ "$root" "$newest" "$@"
}

# in_root COMMAND...: run it in the fresh Debian.
in_root()
{
	mounted chroot "$root" "$@"
}

# base_root TAR: a Debian with DKMS, headers, and what the packages' tests need,
# packed.
base_root()
{
	local root=$1.root release newest=

	rm -rf "$root"
	# shellcheck disable=SC2016 # apt expands it
	debootstrap --variant=minbase --include=ca-certificates bookworm "$root" \
		"$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
			'Origin: Debian' 'Component: main' | head -n 1)" || return
	cp /etc/apt/sources.list.d/debian*.sources "$root/etc/apt/sources.list.d/" \
		2>/dev/null || cp /etc/apt/sources.list "$root/etc/apt/"
	# With its own keyring the list of the bootstrap would be the same again.
	[ -z "$(ls "$root/etc/apt/sources.list.d")" ] ||
		rm -f "$root/etc/apt/sources.list"
	in_root apt-get -q update || return
	# shellcheck disable=SC2086 # a list of packages
	in_root apt-get -q -y install --no-install-recommends dkms python3 \
		busybox-static cpio qemu-system-x86 \
		linux-headers-cloud-amd64 linux-image-cloud-amd64 \
		$headers || return
	in_root apt-get clean
	tar -C "$root" -cf "$1.part" --exclude=./proc/* --exclude=./dev/* . &&
		mv "$1.part" "$1"
	rm -rf "$root"
}

"$SCRIPTS/setup.sh" deb
headers=
for series in $SERIES; do
	kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$series")
	headers+=" linux-headers-$(basename "$(dirname "$kdir")")"
done
newest=$(dirname "$("$SCRIPTS/kernels/kernels.sh" headers newest)")
newest=$(realpath "$newest")

say "packages for the test"
"$SCRIPTS/deb.sh"
packages=$dir/packages
rm -rf "$packages" "$checks_log"
mkdir -p "$packages/old" "$packages/new"
cp "$BUILD"/deb/*.deb "$packages/old/"

# The same sources as another version.
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
copy=
temp_dir copy
cp -r "$BUILD/deb/kspan-$version" "$copy/kspan-$version.1"
sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$version.1\"/" \
	"$copy/kspan-$version.1/dkms.conf"
sed -i "1s/(.*)/($version.1-1)/" "$copy/kspan-$version.1/debian/changelog"
(cd "$copy/kspan-$version.1" && watched "packages of another version" \
	"$dir/rebuild.log" dpkg-buildpackage -us -uc -b --no-check-builddeps)
cp "$copy"/*.deb "$packages/new/"

mkdir -p "$CACHE/chroot"
# shellcheck disable=SC2086 # words of a name
base=$CACHE/chroot/bookworm-tests$(printf '%s' $headers | sed 's/linux-headers//g').tar
lock_file "$CACHE/chroot.lock" "the test of the packages"
find "$CACHE/chroot" -name '*.tar' -mtime "+$MAX_DAYS" -delete
[ -e "$base" ] || watched "getting a fresh Debian" \
	"$CACHE/log/chroot.log" base_root "$base"
root=
temp_dir root
chmod 755 "$root"
tar -C "$root" -xf "$base"
release=$(basename "$newest")
mkdir -p "$root/lib/modules/$release"
ln -s "$newest/build" "$root/lib/modules/$release/build"

releases=$(ls "$root/lib/modules")

# builds VERSION: DKMS builds it for every kernel, as it does when a kernel is
# installed.
builds()
{
	local release

	for release in $releases; do
		in_root dkms autoinstall -k "$release" || return
		in_root dkms status -m kspan -v "$1" -k "$release" |
			grep -q ': installed' || return
		[ "$(in_root modinfo -k "$release" -F version kspan)" = "$1" ] ||
			return
	done
}

# only VERSION: DKMS knows no other version.
only()
{
	[ "$(in_root dkms status -m kspan | grep -oE '^kspan/[^,]+' | sort -u)" = "kspan/$1" ]
}

# run_tests NAME...: autopkgtest runs these tests of the packages that are
# installed in the fresh Debian.
run_tests()
{
	local tree=$BUILD/deb/kspan-$version name names=()

	for name; do
		names+=("--test-name=$name")
	done
	rm -rf "$dir/autopkgtest"
	mounted autopkgtest "${names[@]}" --output-dir="$dir/autopkgtest" \
		--no-built-binaries "$tree" -- chroot "$root"
}

installs()
{
	mkdir -p "$root/tmp/deb" && cp "$packages/$1"/*.deb "$root/tmp/deb/" &&
		in_root sh -c 'apt-get -q -y install --no-install-recommends /tmp/deb/*.deb' &&
		rm -r "$root/tmp/deb"
}

# A client by its own DKMS package, as BUILD_DEPENDS describes.
client_by_dkms()
{
	local src=$root/usr/src/kspan-client-0.1 release

	mkdir -p "$src"
	cp "$ROOT/Documentation/example/kspan_client.c" "$src/"
	cp "$SCRIPTS/debian/example.Kbuild" "$src/Kbuild"
	cat >"$src/dkms.conf" <<-'END'
	PACKAGE_NAME="kspan-client"
	PACKAGE_VERSION="0.1"
	BUILT_MODULE_NAME[0]="kspan_client"
	DEST_MODULE_LOCATION[0]="/updates/dkms"
	MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/kspan-client/0.1/build modules"
	CLEAN="true"
	BUILD_DEPENDS[0]="kspan"
	AUTOINSTALL="yes"
	END
	in_root dkms add kspan-client/0.1 || return
	for release in $releases; do
		in_root dkms autoinstall -k "$release" &&
			[ "$(in_root modinfo -k "$release" -F depends kspan_client)" = kspan ] ||
			return
	done
}

# boots: the module and the client of the packages, on the kernel that they are
# for.
boots()
{
	local release modules

	release=$(echo "$releases" | grep '^6\.1\.')
	modules=$root/lib/modules/$release/updates/dkms
	# Debian's kernels do not load compressed modules without kmod.
	! ls "$modules"/*.xz >/dev/null 2>&1 || xz -d "$modules"/*.xz
	"$SCRIPTS/kernels/kernels.sh" image 6.1 >/dev/null &&
		"$SCRIPTS/kernels/qemu.sh" --kernel 6.1 --smp 2 --mem 512M \
			--timeout 300 --cmdline "guest.modules=kspan_client.ko" \
			--log "$dir/kernel.log" --out "$dir/reports" \
			"$SCRIPTS/guest/client-demo.sh" "$modules/kspan.ko" \
			"$modules/kspan_client.ko"
}

# gone: nothing of the packages is left.
gone()
{
	! find "$root/usr/src" "$root/usr/include" "$root/lib/modules" \
		"$root/usr/share/kspan" "$root/var/lib/dkms" -name 'kspan*' \
		! -name 'kspan_client*' ! -name 'kspan-client*' 2>/dev/null | grep .
}

check "install $version" installs old
check "DKMS builds it for $(echo "$releases" | xargs)" builds "$version"
check "autopkgtest: client, tools" run_tests client tools
[ -z "$boot" ] || check "autopkgtest: load it in QEMU" run_tests load
check "a client by DKMS" client_by_dkms
[ -z "$boot" ] || check "module and client run on 6.1" boots
check "upgrade to $version.1" installs new
check "DKMS builds that" builds "$version.1"
check "and knows no other version" only "$version.1"
check "autopkgtest again: client, tools" run_tests client tools
in_root dkms remove kspan-client/0.1 --all >>"$checks_log" 2>&1 || true
check "remove" in_root apt-get -q -y purge kspan-dkms kspan-dev kspan-tools
check "nothing is left" gone
[ "$nr_failed" -eq 0 ]
