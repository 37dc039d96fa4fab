#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Builds the patched kernels that epbench measures and tests on.
#
#   build.sh perf|debug        build that kernel unless it is in the cache
#   build.sh path perf|debug   print where its bzImage is; fails if not built
#
# The source is Debian's linux-source-6.12 or, if set, the tree KERNEL_SRC. It
# is copied and the copy patched. Images are kept in a cache,
# $XDG_CACHE_HOME/epbench/kernel/HASH, under a hash of source, patches and
# config. An entry comes into being by one rename of a finished build, so what
# has a name there is complete, however earlier builds ended.
set -euo pipefail
shopt -s nullglob

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/epbench/kernel
tarball=/usr/src/linux-source-6.12.tar.xz

say() { printf 'kernel: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

usage() {
	sed -n '3,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

patches() {
	printf '%s\n' "$here"/patches/*.patch "$here"/patches/measurement/*.patch
}

fragments() {
	printf '%s\n' "$here/perf.config"
	[ "$1" = perf ] || printf '%s\n' "$here/$1.config"
}

# Something that changes when the source does.
source_id() {
	if [ -n "${KERNEL_SRC:-}" ]; then
		[ -f "$KERNEL_SRC/Kbuild" ] ||
			fail "KERNEL_SRC=$KERNEL_SRC is not a kernel tree"
		echo "tree $(cd "$KERNEL_SRC" &&
			find . -name .git -prune -o -type f -printf '%P %s %T@\n' |
			LC_ALL=C sort | sha256sum)"
	else
		dpkg-query -W -f='linux-source-6.12 ${Version}\n' \
			linux-source-6.12 2>/dev/null && [ -f $tarball ]
	fi
}

# The cache entry of a flavour.
entry() {
	local id hash
	id=$(source_id) || return 1
	hash=$({
		echo "$id"
		mapfile -t files < <(patches)
		cat "${files[@]}"
		mapfile -t files < <(fragments "$1")
		grep -hE '^(# )?CONFIG_' "${files[@]}"
	} | sha256sum)
	echo "$cache/${hash:0:16}"
}

# Debian packages that a build needs and that are not here.
missing_packages() {
	local need=() pair
	for pair in make:make gcc:gcc flex:flex bison:bison bc:bc patch:patch \
		xz:xz-utils pahole:dwarves; do
		type -P "${pair%%:*}" >/dev/null || need+=("${pair#*:}")
	done
	[ -f /usr/include/stdio.h ] || need+=(libc6-dev)
	[ -f /usr/include/libelf.h ] || need+=(libelf-dev)
	[ -f /usr/include/zlib.h ] || need+=(zlib1g-dev)
	[ -n "${KERNEL_SRC:-}" ] || [ -f $tarball ] ||
		need+=(linux-source-6.12)
	echo "${need[*]}"
}

install_packages() {
	local need install
	need=$(missing_packages)
	[ -n "$need" ] || return 0
	install="apt-get install --no-install-recommends -y $need"
	type -P apt-get >/dev/null ||
		fail "missing: $need (names of Debian's packages)"
	[ "$(id -u)" = 0 ] ||
		fail "packages are missing, install them with: sudo $install"
	say "$install"
	{ apt-get update -q && DEBIAN_FRONTEND=noninteractive $install; } \
		>"$cache/apt.log" 2>&1 ||
		fail "cannot install $need: $(tail -n 3 "$cache/apt.log")"
	need=$(missing_packages)
	[ -z "$need" ] || fail "still missing after apt-get install: $need"
}

# Two thirds of the source are of no use to these configurations. Kconfig and
# make want to see their own files in them, but not what those are about.
unused=(
	'*/Documentation/*/*' '*/tools/testing/*/*'
	'*/arch/[!x]*/*.[chS]' '*/arch/[!x]*/*.dts*'
	'*/drivers/gpu/*.[ch]' '*/drivers/infiniband/*.[ch]'
	'*/drivers/media/*.[ch]' '*/drivers/net/*/*.[ch]'
	'*/drivers/scsi/*.[ch]' '*/drivers/staging/*.[ch]' '*/sound/*.[ch]'
)

copy_source() {
	mkdir "$1"
	if [ -n "${KERNEL_SRC:-}" ]; then
		say "copying $KERNEL_SRC"
		tar -C "$KERNEL_SRC" --exclude=./.git -cf - . | tar -C "$1" -xf -
		make -s -C "$1" mrproper
	else
		say "unpacking $tarball"
		tar -C "$1" --strip-components=1 "${unused[@]/#/--exclude=}" \
			-xf $tarball
	fi
}

apply_patches() {
	local p
	for p in $(patches); do
		patch -d "$1" -p1 -F0 -s --no-backup-if-mismatch <"$p" >&2 ||
			fail "${p#"$here"/} does not apply to this source"
	done
}

# allnoconfig drops what it cannot have without a word; this names it.
configure() {
	local want have option
	mapfile -t files < <(fragments "$2")
	cat "${files[@]}" >"$1/wanted.config"
	make -s -C "$1" ARCH=x86_64 KCONFIG_ALLCONFIG=wanted.config \
		allnoconfig >&2
	while read -r want; do
		case $want in
		CONFIG_*=*)
			option=${want%%=*}
			have=$(grep "^$option=" "$1/.config" || true) ;;
		'# CONFIG_'*' is not set')
			option=$(set -- $want; echo "$2")
			have=$(grep "^$option=" "$1/.config" || echo "$want") ;;
		*)
			continue ;;
		esac
		[ "$have" = "$want" ] && continue
		[ "$option" != CONFIG_DEBUG_INFO_BTF ] ||
			say "BTF is made by pahole, Debian package dwarves"
		fail "option $option: asked for '$want', got '${have:-nothing}'" \
			"(its dependencies changed, or its name)"
	done <"$1/wanted.config"
}

# -fno-var-tracking: where a variable lives is of no interest to BTF, and leaving
# it out of DWARF saves an eighth of the compiler's time. The code is the same.
compile() {
	KBUILD_BUILD_USER=epbench KBUILD_BUILD_HOST=epbench \
	KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' \
	make -C "$1" ARCH=x86_64 LOCALVERSION="-epbench-$2" \
		KCFLAGS=-fno-var-tracking -j"$(nproc)" bzImage >"$1.log" 2>&1 &&
		return
	grep -E 'error:|Error [0-9]|\*\*\*|not found' "$1.log" | head -n 20 >&2
	cp "$1.log" "$cache/failed-$2.log"
	fail "$2: build failed, the whole log is $cache/failed-$2.log"
}

# What others use of a build: the image, and what tells what is in it.
collect() {
	local tree=$1 image=$2
	mkdir "$image"
	cp "$tree/arch/x86/boot/bzImage" "$tree/System.map" "$image/"
	cp "$tree/.config" "$image/config"
	objcopy --dump-section .BTF="$image/vmlinux.btf" "$tree/vmlinux" /dev/null
	[ -s "$image/vmlinux.btf" ] || fail "vmlinux has no BTF"
	sync "$image"/*
}

# All of the work on a build, in the order of its steps.
make_image() {
	local work=$1 flavour=$2
	copy_source "$work/linux"
	apply_patches "$work/linux"
	configure "$work/linux" "$flavour"
	compile "$work/linux" "$flavour"
	collect "$work/linux" "$work/image"
}

# Tells how far the build is and, should this script die, ends the build. It
# holds the lock as well, so that nobody takes over before it has done so.
watch_build() {
	local work=$1 flavour=$2 group=$3 total objects parent tick=0
	case $flavour in perf) total=880 ;; debug) total=940 ;; esac
	while kill -0 -- "-$group" 2>/dev/null; do
		read -r _ _ _ parent _ <"/proc/$BASHPID/stat"
		if [ "$parent" != $$ ]; then
			kill -KILL -- "-$group" 2>/dev/null
			break
		fi
		sleep 0.5
		tick=$((tick + 1))
		[ $((tick % 30)) = 0 ] && [ -f "$work/linux.log" ] || continue
		objects=$(grep -cE '^  (CC|AS) ' "$work/linux.log" || true)
		say "$flavour: $objects of about $total objects," \
			"$((SECONDS - started)) s"
	done
}

clean_up() {
	if [ -n "$build" ]; then
		kill -KILL -- "-$build" 2>/dev/null || true
		wait "$build" 2>/dev/null || true
	fi
	[ -z "$work" ] || rm -rf "$work"
}

build_kernel() {
	local flavour=$1 dest
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock -n 9 || { say "waiting for another build"; flock 9; }

	install_packages
	dest=$(entry "$flavour") || fail "cannot tell which source this is"
	if [ -d "$dest" ]; then
		say "$flavour: $dest is up to date"
		return
	fi

	# We have the lock: whatever lies here was left by a build that died.
	rm -rf "$cache"/build.*
	work=$(mktemp -d "$cache/build.XXXXXX")
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	# Job control gives the build a process group, to end it all at once.
	set -m
	make_image "$work" "$flavour" 9>&- &
	build=$!
	set +m
	watch_build "$work" "$flavour" "$build" &
	wait "$build" || exit 1
	build=
	mv -T "$work/image" "$dest"
	say "$flavour: built $dest in $((SECONDS - started)) s"
}

started=$SECONDS
work=
build=
case "$*" in
perf | debug)
	build_kernel "$1"
	;;
'path perf' | 'path debug')
	image=$(entry "$2")/bzImage && [ -f "$image" ] ||
		fail "the $2 kernel is not built, or not for these patches:" \
			"run $here/build.sh $2"
	echo "$image"
	;;
*)
	usage
	;;
esac
