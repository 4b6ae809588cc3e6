#!/bin/sh
# Installs what oomph needs on a Debian host, and nothing that is there already.
# `host-packages.sh WHAT:PACKAGE…` installs those as well: a tool, a C header (….h) or modules of Python (import-…).
# As root with apt, else through sudo without a password, else it says what to run and fails.
set -eu

# what:package
needed="qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mkfs.xfs:xfsprogs mkfs.ext4:e2fsprogs mkfs.btrfs:btrfs-progs"
# For images: a Debian system from packages.
needed="$needed mmdebstrap:mmdebstrap debugfs:e2fsprogs"
# For kernels from source: our own fragments ask for an LZ4 image; objtool needs a header of libelf.
needed="$needed make:make gcc:gcc ld:binutils flex:flex bison:bison bc:bc perl:perl lz4:lz4 git:git patch:patch curl:curl"
needed="$needed libelf.h:libelf-dev"
# For libssh2, which is built along.
needed="$needed openssl/ssl.h:libssl-dev pkg-config:pkg-config"
needed="$needed $*"
PATH=$PATH:/usr/sbin:/sbin

has() {
	case $1 in
	*.h) gcc -E -x c -include "$1" /dev/null ;;
	import-*) python3 -c "import ${1#import-}" ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

missing() {
	for pair in $needed; do
		has "${pair%%:*}" || printf '%s ' "${pair##*:}"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"
	elif sudo -n true 2>/dev/null; then sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	else return 9
	fi
}

packages=$(missing)
[ -n "$packages" ] || exit 0
if ! as_root true; then
	echo "oomph needs packages that only root can install. Run:" >&2
	echo "  apt-get update && apt-get install --no-install-recommends $packages" >&2
	exit 1
fi
echo "installing $packages"
as_root apt-get -qq update
# Twice: one of them can push out another of another version (qemu-utils from backports, for one).
for _ in 1 2; do
	packages=$(missing)
	[ -n "$packages" ] || exit 0
	# shellcheck disable=SC2086 # one word a package
	as_root apt-get -qq install -y --no-install-recommends $packages >/dev/null
done
packages=$(missing)
[ -z "$packages" ] || { echo "still missing after installation: $packages" >&2; exit 1; }
