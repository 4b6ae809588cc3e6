#!/bin/sh
# Long series of real runs into one results store; stopped at any time, it goes on where it was.
# Usage: soak.sh OOMPH STORE ROUNDS
# In each round every series gets one run more, so that all are equally far when it is stopped.
set -eu
oomph=$1 store=$2 rounds=$3

# Scenario and kernel.
series() {
	cat <<-END
		scenarios/xfs-inode-mutex.yaml debian-6.1
		scenarios/xfs-inode-mutex.yaml debian-5.10
		scenarios/xfs-inode-mutex.yaml debian-6.12
		scenarios/xfs-inode-mutex.yaml debian-sid
	END
}

round=1
while [ "$round" -le "$rounds" ]; do
	echo "soak: round $round of $rounds" >&2
	series | while read -r scenario kernel; do
		status=0
		"$oomph" run "$scenario" --kernel "$kernel" --results "$store" --repeat "$round" --resume </dev/null || status=$?
		# An unexpected or an inconclusive run is a result like any other; a mistake or ^C ends the soak.
		case $status in 0 | 1 | 3) ;; *) exit "$status" ;; esac
	done
	round=$((round + 1))
done
"$oomph" results summary --results "$store"
