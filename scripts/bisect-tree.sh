#!/bin/sh
# A git tree to bisect in: Debian's linux-source-6.1 and 20 commits, one of which takes the OOM reaper away. The others change a comment
# in mm/ or fs/; one does not compile and the next mends it, and two are on a branch of their own that is merged.
# Usage: bisect-tree.sh DIR [TARBALL]     (without TARBALL the package is downloaded)
# It has the tags `good` and `bad`. Which commit it was: its message says so.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$1 tarball=${2-}
[ ! -e "$out" ] || { echo "$out is there already" >&2; exit 2; }
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -z "$tarball" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	(cd "$work" && apt-get download -q linux-source-6.1 && dpkg-deb -x linux-source-6.1_*.deb .)
	tarball=$work/usr/src/linux-source-6.1.tar.xz
fi
tar -C "$out" --strip-components=1 -xf "$tarball"

cd "$out"
git init -q -b main
git config user.name oomph
git config user.email oomph@localhost
git config gc.auto 0
commit() {
	git add -A -f # Debian's tree has a .gitignore that ignores all of it
	GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' git commit -q -m "$1"
}
touch_file() {
	echo "/* bisect-tree: change $1 */" >>"$2"
	commit "$2: change $1"
}
commit "Linux 6.1 as Debian has it"
git tag good
n=0
for file in mm/vmscan.c fs/inode.c mm/page_alloc.c fs/xfs/xfs_file.c mm/memory.c fs/buffer.c; do
	n=$((n + 1))
	touch_file $n $file
done
echo '#error bisect-tree: this does not compile' >>mm/swap.c
commit "mm/swap.c: a mistake"
sed -i '$d' mm/swap.c
commit "mm/swap.c: the mistake mended"
git checkout -q -b side
touch_file 9 fs/xfs/xfs_inode.c
touch_file 10 mm/filemap.c
git checkout -q main
touch_file 11 mm/mmap.c
touch_file 12 fs/namei.c
GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' git merge -q --no-ff -m "Merge branch 'side'" side
git apply "$here/kernel-configs/patches/6.1/no-oom-reaper.patch"
commit "mm/oom_kill.c: the culprit: no OOM reaper"
n=14
for file in mm/rmap.c fs/read_write.c mm/slub.c fs/xfs/xfs_aops.c mm/util.c fs/exec.c; do
	n=$((n + 1))
	touch_file $n $file
done
git tag bad
