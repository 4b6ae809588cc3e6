#!/bin/sh
# drgn as the yardstick: cores of guests that hung, read by drgn and by `oomph diagnose --core`; what both say is held against each other,
# and how long they take is printed as a ratio. The guests' kernel is built with debug information.
# Usage: yardstick.sh OOMPH [CORES]
set -eu
oomph=$(realpath "$1") cores=${2:-3}
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oomph/yardstick
packages=drgn==0.3.0
# Some thousand tasks, nearly all of them in the hogs.
tasks="--set guest.memory=1GiB --set workload.args.threads=240"

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
	echo "installing python3-venv"
	if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends python3 python3-venv >/dev/null; }; then
		echo "as root: apt-get update && apt-get install --no-install-recommends python3 python3-venv" >&2
		exit 1
	fi
fi
# pahole makes the BTF that the fragment debug-info asks for.
"$here/host-packages.sh" pahole:pahole zstd:zstd
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/venv/complete" 2>/dev/null)" != "$packages" ]; then
	echo "installing $packages"
	rm -rf "$cache/venv"
	python3 -m venv "$cache/venv"
	"$cache/venv/bin/pip" --quiet --disable-pip-version-check install "$packages"
	echo "$packages" >"$cache/venv/complete"
fi
exec 9>&-

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
patch=$(dirname "$here")/kernel-configs/patches/6.1/no-oom-reaper.patch
kernel="{source: {debian: linux-source-6.1}, config: [base, fast, debug-info], patches: [$patch]}"
sed "s|^kernel: .*|kernel: $kernel|" "$(dirname "$here")/scenarios/xfs-inode-mutex.yaml" >"$work/scenario.yaml"

milliseconds() { date +%s%3N; }
wrong=0 core=0
while [ "$core" -lt "$cores" ]; do
	core=$((core + 1))
	# shellcheck disable=SC2086 # one word an option
	"$oomph" --results "$work/results" --json run "$work/scenario.yaml" $tasks --core --quiet >"$work/said" || true
	result=$(tail -n 1 "$work/said" | sed 's/.*"result": *"\([^"]*\)".*/\1/')
	if [ ! -e "$result/core/core.zst" ]; then
		echo "core $core: none was taken: $(tail -n 1 "$work/said" | cut -c 1-300)" >&2
		wrong=1
		continue
	fi
	zstd --quiet -d "$result/core/core.zst" -o "$work/core"
	vmlinux=$result/core/vmlinux
	# Once each before the clock runs: both then find the files in memory.
	"$oomph" --json diagnose --core "$work/core" --vmlinux "$vmlinux" >"$work/oomph.json"
	start=$(milliseconds)
	"$oomph" --json diagnose --core "$work/core" --vmlinux "$vmlinux" >"$work/oomph.json"
	between=$(milliseconds)
	"$cache/venv/bin/python" "$here/yardstick.py" walk "$work/core" "$vmlinux" >"$work/drgn.json"
	end=$(milliseconds)
	"$cache/venv/bin/python" "$here/yardstick.py" compare "$work/drgn.json" "$work/oomph.json" || wrong=1
	echo "core $core: oomph $((between - start)) ms, drgn $((end - between)) ms, from the files to the picture"
	rm -rf "$work/core" "$result"
done
exit "$wrong"
