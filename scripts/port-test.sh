#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# port-test.sh [OPTIONS] [SET...] - move modules of the kernel itself to kspan and
# use them in a guest with a stock kernel, first with check=1, then with check=2.
#
#   --kernel NAME   6.12 (the default) or 6.1; others of kernels/stock.sh for the
#                   set sample alone
#   --mem SIZE      memory of the guest (1G)
#   --timeout N     seconds until the guest is given up (900)
#   --build         only build the sets
#   --logs DIR      where logs and builds go (build/port-test)
#
# The sources are those of Debian's linux-source.  Nothing of them is changed or
# kept in this tree.  Sets:
#
#   sample      scripts/porting/sample: heap, caches, reports at the end, mistakes
#   wireguard   its self-tests; a tunnel between two namespaces, bytes compared
#   squashfs    all files of an image summed
#   zram        with zsmalloc: a file system on it, files written and compared
#   loop        the block device, with a file system in a file
#   overlay     two layers merged: copy up, rename, whiteouts
#   bridge      with veth: two namespaces on a bridge, bytes compared
#
# Prints a line `ok ...` or `FAIL ...` for each check.
# shellcheck disable=SC2317 # functions are called by their set's name
set -euo pipefail
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"

ALL=(sample wireguard squashfs zram loop overlay bridge)
kernel=6.12
mem=1G
timeout=900
only_build=
logs=$BUILD/port-test
sets=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--mem) mem=$2; shift ;;
	--timeout) timeout=$2; shift ;;
	--logs) logs=$2; shift ;;
	--build) only_build=1 ;;
	-h | --help) usage "$0"; exit 0 ;;
	*)
		is_one_of "$1" "${ALL[@]}" || die "no such set: $1 (${ALL[*]})"
		sets+=("$1")
		;;
	esac
	shift
done
case $kernel in
6.1 | 6.12) [ ${#sets[@]} -gt 0 ] || sets=("${ALL[@]}") ;;
*) [ ${#sets[@]} -gt 0 ] || sets=(sample) ;;
esac

"$SCRIPTS/setup.sh" port
kdir=$("$SCRIPTS/kernels/kernels.sh" headers "$kernel")
source=
stock=/nonexistent
release=none
if [ "${sets[*]}" != sample ]; then
	source=$("$SCRIPTS/kernels/kernels.sh" source "$kernel")
	stock=$("$SCRIPTS/kernels/kernels.sh" modules "$kernel")
	release=$(basename "$(echo "$stock"/lib/modules/*)")
fi
dir=$logs/$kernel
mkdir -p "$dir"

work=$(work_dir "stock-$kernel")
say "building kspan.ko for Linux $kernel"
CLIENT_DIRS=()
watched build "$dir/kspan.log" build_modules "$kdir" "$work"

# --- the modules ----------------------------------------------------------------

# move SET NAME SOURCE [VAR=VALUE...]: build the folder by scripts/port.
move()
{
	local set=$1 name=$2 from=$3

	shift 3
	watched "moving $name" "$dir/$name.port" "$SCRIPTS/port" \
		--kdir "$kdir" --kspan "$work" --out "$dir/$name" "$from" "$@" || {
		echo "FAIL $name cannot be moved"
		return 1
	}
	sed -n 's/^\(.*\.ko\): moved$/\1/p' "$dir/$name.port" >"$dir/$name.modules"
	echo "ok $name has no call of slab left"
	cat "$dir/$name.modules" >>"$dir/$set.ko"
}

# folder NAME FILE...: a folder that builds a module of these files of the source,
# which are no folder of their own there.
folder()
{
	local to=$dir/$1.from name=$1 file

	shift
	rm -rf "$to"
	mkdir -p "$to"
	for file; do
		cp -r "$source/$file" "$to/"
	done
	# The name of the object may differ from that of the module.
	echo "obj-m := $name.o" >"$to/Kbuild"
	echo "$to"
}

# lost: a Makefile that throws the header away is found out.
lost()
{
	local status=0

	rm -rf "$dir/lost.from"
	cp -r "$SCRIPTS/porting/sample" "$dir/lost.from"
	# shellcheck disable=SC2016 # variables of make
	echo 'KBUILD_CFLAGS := $(subst -include $(filter %kspan_slab.h,$(KBUILD_CFLAGS)),,$(KBUILD_CFLAGS))' \
		>>"$dir/lost.from/Kbuild"
	"$SCRIPTS/port" --kdir "$kdir" --kspan "$work" --out "$dir/lost" \
		"$dir/lost.from" >"$dir/lost.port" 2>&1 || status=$?
	if [ "$status" -eq 4 ] && grep -q 'still calls: .*kfree' "$dir/lost.port" &&
		grep -q 'not been read for sample_table.o' "$dir/lost.port"; then
		echo "ok a Makefile that throws the header away is found out"
		return
	fi
	echo "FAIL scripts/port: $status for a Makefile that throws the header away"
	return 1
}

# hazards: the report names every kind of place.
hazards()
{
	local from=$dir/hazards.from text

	rm -rf "$from"
	mkdir -p "$from"
	echo "obj-m := hazards.o" >"$from/Kbuild"
	cat >"$from/hazards.c" <<-'END'
	static const struct file_operations fops = {
		.release = seq_release_private,
	};
	static struct dst_ops ops = { .kmem_cachep = NULL, };
	void hazards(struct urb *urb, void *p)
	{
		sg_init_one(&sg, p, 8);
		sg_set_buf(&sg, p, 8);
		page = virt_to_page(p);
		list_lru_add_obj(&lru, p);
		skb = build_skb(p, 0);
		urb->transfer_flags |= URB_FREE_BUFFER;
		ops.kmem_cachep = cache;
		p = vmalloc(8);
		p = kmalloc(8, GFP_KERNEL_ACCOUNT);
		p = devm_kmalloc(dev, 8, GFP_KERNEL);
	}
	END
	"$SCRIPTS/port" --out "$dir/hazards" --report "$from" >"$dir/hazards.port" ||
		return
	while read -r text; do
		grep -qF "hazards.c:$text" "$dir/hazards.port" && continue
		echo "FAIL the report has no line hazards.c:$text"
		return 1
	done <<-'END'
	2: seq_release_private()
	4: a value for .kmem_cachep
	7: sg_init_one()
	8: sg_set_buf()
	9: virt_to_page()
	10: list_lru_add_obj()
	11: build_skb()
	12: URB_FREE_BUFFER
	13: a value for .kmem_cachep
	14: vmalloc()
	15: GFP_KERNEL_ACCOUNT
	16: devm_kmalloc()
	END
	echo "ok the report names each kind of place"
}

build_sample()
{
	hazards && move sample sample "$SCRIPTS/porting/sample" && lost
}

build_wireguard()
{
	move wireguard wireguard "$source/drivers/net/wireguard" \
		CONFIG_WIREGUARD_DEBUG=y
}

build_squashfs()
{
	move squashfs squashfs "$source/fs/squashfs"
}

build_zram()
{
	move zram zsmalloc "$(folder zsmalloc mm/zsmalloc.c)" || return
	move zram zram "$source/drivers/block/zram" \
		KBUILD_EXTRA_SYMBOLS="$dir/zsmalloc/src/Module.symvers"
}

build_loop()
{
	move loop loop "$(folder loop drivers/block/loop.c)"
}

build_overlay()
{
	local from

	# It includes ../internal.h.
	from=$(folder overlay fs/overlayfs fs/internal.h)
	echo "obj-m := overlayfs/" >"$from/Kbuild"
	move overlay overlay "$from"
}

build_bridge()
{
	local from

	move bridge veth "$(folder veth drivers/net/veth.c)" || return
	# include/trace/events/bridge.h includes ../../../net/bridge/br_private.h.
	# Its netfilter/ makes modules of their own.
	from=$(folder bridge net/bridge)
	mkdir -p "$from/net" "$from/a/b/c"
	mv "$from/bridge" "$from/net/"
	echo "obj-m := net/bridge/" >"$from/Kbuild"
	move bridge bridge "$from" "KCFLAGS=-I$from/a/b/c" CONFIG_NETFILTER=
}

# --- what the guest needs besides -------------------------------------------------

# needs FILE: the stock modules that a module needs, in their order, without those
# in $moved.
needs()
{
	local name

	name=$(basename "$1" .ko)
	modprobe -d "$stock" -S "$release" --show-depends "$name" 2>/dev/null |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r file; do
		grep -qxF "$(basename "$file" | sed 's/\.ko.*//; s/-/_/g')" \
			"$dir/moved" || echo "$file"
	done
}

# stock_module FILE DIR: put a stock module there, unpacked.
stock_module()
{
	local name

	name=$(basename "$1")
	case $1 in
	*.xz) xz -dc "$1" >"$2/${name%.xz}" ;;
	*) cp "$1" "$2/$name" ;;
	esac
}

# program TREE NAME...: put the programs with their libraries into a tree.
program()
{
	local tree=$1 name file

	shift
	for name; do
		file=$(command -v "$name") || die "there is no $name"
		install -D "$file" "$tree/usr/bin/$name"
		ldd "$file" | grep -o '/[^ )]*' | while read -r file; do
			install -D "$file" "$tree$file"
		done
	done
}

# images TREE: file systems to mount.
images()
{
	local files=$dir/files

	rm -rf "$files"
	mkdir -p "$files/deep/er" "$1"
	head -c 3000000 /dev/urandom >"$files/random"
	head -c 3000000 /dev/zero >"$files/zero"
	cp "$SCRIPTS"/*.sh "$files/deep"
	cp -r "$ROOT/module" "$files/deep/er"
	(cd "$files" && find . -type f -exec sha256sum {} + | sort -k 2) \
		>"$1/sums"
	rm -f "$1/squash" "$1/ext2"
	mksquashfs "$files" "$1/squash" -quiet -no-progress -comp gzip >/dev/null
	truncate -s 48M "$1/ext2"
	mke2fs -q -F -t ext2 -b 4096 -d "$files" "$1/ext2"
}

build_tree()
{
	local tree=$dir/tree set file order

	rm -rf "$tree"
	mkdir -p "$tree/sets" "$tree/stock"
	for set in "${built[@]}"; do
		mkdir -p "$tree/sets/$set"
		: >"$tree/sets/$set/order"
		sed 's,.*/,,; s/\.ko$//; s/-/_/g' "$dir/$set.ko" >"$dir/moved"
		while read -r file; do
			for order in $(needs "$file"); do
				stock_module "$order" "$tree/stock"
				basename "${order%.xz}" >>"$tree/sets/$set/needs"
			done
			cp "$file" "$tree/sets/$set/"
			strip -g "$tree/sets/$set/$(basename "$file")"
			basename "$file" >>"$tree/sets/$set/order"
		done <"$dir/$set.ko"
	done
	strip -g "$tree"/stock/*.ko 2>/dev/null || true
	# Others that the sets use, in the order of insmod.
	for file in loop crypto_lzo lzo lzo-rle zstd; do
		modprobe -d "$stock" -S "$release" --show-depends "$file" \
			2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
	done | awk '!seen[$0]++' | while read -r file; do
		stock_module "$file" "$tree/stock"
		basename "${file%.xz}" >>"$tree/stock/compress"
	done
	program "$tree" wg ip
	images "$tree/images"
	tar -C "$tree" -cf "$dir/tree.tar" .
}

status=0
built=()
for set in "${sets[@]}"; do
	rm -f "$dir/$set.ko"
	if "build_$set"; then
		built+=("$set")
	else
		status=1
	fi
done
[ ${#built[@]} -gt 0 ] || exit 1
[ -z "$only_build" ] || exit "$status"
build_tree
say "booting Linux $kernel with ${built[*]}"
watched guest "$dir/guest.log" \
	"$SCRIPTS/kernels/qemu.sh" --kernel "$kernel" --smp 2 --mem "$mem" \
	--timeout "$timeout" --log "$dir/kernel.log" --out "$dir/reports" \
	--cmdline "guest.sets=$(IFS=,; echo "${built[*]}")" \
	"$SCRIPTS/guest/port.sh" "$work/kspan.ko" "$dir/tree.tar" || status=1
sed -n 's/^info /    /p; s/^ok /ok /p; s/^not ok /FAIL /p' "$dir/reports"
grep -qx 'verdict PASS' "$dir/reports" || {
	echo "FAIL the guest, see $dir/kernel.log"
	status=1
}
exit "$status"
