#!/bin/sh
# Long series of real runs into one results store; stopped at any time, it goes on where it was.
# Usage: soak.sh OOMPH STORE ROUNDS
# In each round every series that wants so many runs gets one more, so that all are equally far when it is stopped; ROUNDS
# bounds the rounds. Counts are printed after each.
set -eu
oomph=$1 store=$2 rounds=$3

# Runs wanted, scenario, kernel: the pairs first, which are one patch or one word apart.
series() {
	cat <<-END
		20 scenarios/xfs-inode-mutex.yaml debian-6.1-source
		20 scenarios/xfs-inode-mutex.yaml debian-6.1-no-oom-reaper
		20 scenarios/isolation-storm.yaml debian-6.1-source
		20 scenarios/isolation-storm.yaml debian-6.1-unbounded-isolation
		20 scenarios/swap-over-loop.yaml debian-6.1-source
		20 scenarios/swap-over-loop.yaml debian-6.1-nofs-may-oom
		20 scenarios/kswapd-block.yaml debian-6.1-source
	END
	for kernel in debian-5.10 debian-6.1 debian-6.12 debian-sid; do
		for scenario in xfs-inode-mutex kswapd-block swap-over-loop; do
			echo "5 scenarios/$scenario.yaml $kernel"
		done
	done
	# Debian's kernels have no memory cgroups of version 1 any more from 6.12 on; those built here have them.
	for kernel in debian-5.10 debian-6.1 debian-6.12-source debian-sid-source debian-sid-unbounded-isolation; do
		echo "5 scenarios/isolation-storm.yaml $kernel"
	done
	cat <<-END
		5 scenarios/xfs-inode-mutex.yaml debian-sid-source
		5 scenarios/xfs-inode-mutex.yaml debian-sid-no-oom-reaper
		5 scenarios/swap-over-loop.yaml debian-sid-nofs-may-oom
	END
}

round=1
while [ "$round" -le "$rounds" ]; do
	echo "soak: round $round of $rounds" >&2
	series | while read -r wanted scenario kernel; do
		[ "$round" -le "$wanted" ] || continue
		status=0
		"$oomph" run "$scenario" --kernel "$kernel" --results "$store" --repeat "$round" --resume </dev/null || status=$?
		# An unexpected or an inconclusive run is a result like any other; a mistake or ^C ends the soak.
		case $status in 0 | 1 | 3) ;; *) exit "$status" ;; esac
	done
	"$oomph" results summary --results "$store"
	round=$((round + 1))
done

# A bisection that is known to end well: in a tree of 20 commits, one of which takes the OOM reaper away.
tree=$store/.bisect-tree
[ -e "$tree/.git/refs/tags/bad" ] || { rm -rf "$tree" && scripts/bisect-tree.sh "$tree"; }
"$oomph" bisect scenarios/xfs-inode-mutex.yaml --tree "$tree" --good good --bad bad --kernel debian-6.1-source \
	--results "$store/.bisect" --resume
