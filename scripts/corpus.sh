#!/bin/sh
# The corpus of recorded runs (harness/tests/corpus), made anew from real guests: each scenario below is run, and what its verdict
# rests on is kept. Look at the first lines before you commit them: a run may have ended in another way than the name says
# (hung-io-stall-writeback and hung-after-a-stall-that-ended mostly do).
# Usage: corpus.sh OOMPH [NAME...]
set -eu
oomph=$1
shift
wanted=" $* "
store=$(mktemp -d)
trap 'rm -rf "$store"' EXIT

# Name, scenario, kernel, options.
corpus() {
	cat <<-END
		oom-killed scenarios/xfs-inode-mutex.yaml debian-6.1-source
		hung-oom-deadlock scenarios/xfs-inode-mutex.yaml debian-6.1-no-oom-reaper --set phases.proof=told
		hung-oom-deadlock-proven scenarios/xfs-inode-mutex.yaml debian-sid-no-oom-reaper
		hung-no-fs-livelock scenarios/swap-over-loop.yaml debian-6.1
		hung-after-a-stall-that-ended scenarios/swap-over-loop.yaml debian-6.1
		hung-isolation-throttle scenarios/isolation-storm.yaml debian-6.1-unbounded-isolation
		hung-io-stall scenarios/tests/freeze-forever.yaml debian-6.1
		hung-io-stall-writeback scenarios/swap-over-loop.yaml debian-6.1-nofs-may-oom --set guest.sysctl={}
		hung-unknown scenarios/tests/spin-rt.yaml debian-6.1
		recovered-after-30s scenarios/kswapd-block.yaml debian-6.1
		panicked scenarios/panic-on-oom.yaml debian-6.1
		oom-killed-after-stalls scenarios/swap-over-loop.yaml debian-6.1-nofs-may-oom
		oom-killed-after-a-minute-still scenarios/isolation-storm.yaml debian-5.10
		inconclusive-workload-failed scenarios/tests/fill-disk.yaml debian-6.1
	END
}

corpus | while read -r name scenario kernel options; do
	case $wanted in "  " | *" $name "*) ;; *) continue ;; esac
	status=0
	# shellcheck disable=SC2086 # options are words
	"$oomph" run "$scenario" --kernel "$kernel" $options --results "$store/$name" </dev/null || status=$?
	case $status in 0 | 1 | 3) ;; *) exit "$status" ;; esac
	cargo run --quiet --locked -p oomph --example corpus -- "$store/$name"/*/* >"$store/$name.jsonl"
	mv "$store/$name.jsonl" "harness/tests/corpus/$name.jsonl"
done
