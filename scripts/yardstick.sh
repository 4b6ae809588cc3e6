#!/bin/sh
# drgn as the yardstick: cores of guests that hung, read by drgn and by `oomph diagnose --core`; what both say is held against each other,
# and how long they take is printed as a ratio. The guests' kernel is built with debug information.
# Usage: yardstick.sh OOMPH [CORES]
set -eu
oomph=$(realpath "$1") cores=${2:-3}
here=$(cd "$(dirname "$0")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/oomph/yardstick/venv
# Some thousand tasks, nearly all of them in the hogs.
tasks="--set guest.memory=1GiB --set workload.args.threads=240"

# pahole makes the BTF that the fragment debug-info asks for.
"$here/host-packages.sh" pahole:pahole zstd:zstd
"$here/venv.sh" "$venv" drgn==0.3.0

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
	"$venv/bin/python" "$here/yardstick.py" walk "$work/core" "$vmlinux" >"$work/drgn.json"
	end=$(milliseconds)
	"$venv/bin/python" "$here/yardstick.py" compare "$work/drgn.json" "$work/oomph.json" || wrong=1
	ours=$((between - start)) drgn=$((end - between))
	echo "core $core: from the files to the picture drgn takes $((drgn / ours)) times as long ($drgn and $ours ms)"
	rm -rf "$work/core" "$result"
done
exit "$wrong"
