#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch-debian-kernel.sh 6.1|6.12
#
# Fetches the newest cloud kernel that Debian 12 packages for that series, for
# guests that run a kernel as it is released. Prints the path of its image;
# what is there already is not fetched again. Nothing is installed: the package
# is unpacked under ${XDG_CACHE_HOME:-~/.cache}/epbench/stock/VERSION, without
# its modules, which no guest loads.
set -eu

fail() {
	echo "fetch-debian-kernel.sh: $*" >&2
	exit 1
}

[ $# -eq 1 ] || fail "usage: fetch-debian-kernel.sh 6.1|6.12"
series=$1
case $series in
6.1) meta=linux-image-cloud-amd64 ;;
6.12) meta=linux-image-6.12-cloud-amd64 ;;
*) fail "no kernel series $series: give 6.1 or 6.12" ;;
esac
for tool in apt-get apt-cache dpkg-deb flock; do
	command -v "$tool" >/dev/null || fail "no $tool here: needs Debian's apt, dpkg and util-linux"
done

stock=${XDG_CACHE_HOME:-${HOME:?}/.cache}/epbench/stock
mkdir -p "$stock"

# One fetch at a time. Whatever still writes holds the lock: the commands
# below inherit it, and keep it should this script be killed.
exec 9>"$stock/.lock"
flock 9

# The meta package depends on the newest kernel, whose name holds its version.
newest() {
	apt-cache depends --important "$meta" 2>/dev/null |
		sed -n "s/^ *Depends: linux-image-\($series[.].*-cloud-amd64\)$/\1/p" | head -n 1
}

# Unpacked aside and renamed when complete, so that a directory that bears a
# version is a whole kernel. What a killed run left aside is cleared away.
fetch() {
	aside=$stock/.unpack
	rm -rf "$aside" && mkdir -p "$aside/tree" || return 1
	(cd "$aside" && apt-get -q download "linux-image-$version" >&2) || return 1
	dpkg-deb -x "$aside"/*.deb "$aside/tree" || fail "cannot unpack linux-image-$version"
	[ -s "$aside/tree/boot/vmlinuz-$version" ] || fail "linux-image-$version holds no boot/vmlinuz-$version"
	rm -rf "$aside/tree/lib"
	mv "$aside/tree" "$stock/$version" && rm -rf "$aside"
}

have() {
	version=$(newest)
	[ -n "$version" ] || return 1
	[ -d "$stock/$version" ] || fetch
}

# The package lists may be absent, or older than what the archive still holds.
have || { apt-get -q update >&2 && have; } ||
	fail "cannot get $meta for Linux $series: are the package sources those of Debian 12?"
echo "$stock/$version/boot/vmlinuz-$version"
