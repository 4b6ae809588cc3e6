#!/bin/sh
# Long series of real runs into one results store (scenarios/matrix/soak.yaml); stopped at any time, it goes on where it was.
# Usage: soak.sh OOMPH STORE [OPTION OF oomph matrix]...
set -eu
oomph=$1 store=$2
shift 2

status=0
"$oomph" matrix scenarios/matrix/soak.yaml --results "$store" --resume "$@" || status=$?
"$oomph" results summary --results "$store"
# An unexpected or an inconclusive run is a result like any other; a mistake or ^C ends the soak.
case $status in 0 | 1 | 3) ;; *) exit "$status" ;; esac

# A bisection that is known to end well: in a tree of 20 commits, one of which takes the OOM reaper away.
tree=$store/.bisect-tree
[ -e "$tree/.git/refs/tags/bad" ] || { rm -rf "$tree" && scripts/bisect-tree.sh "$tree"; }
"$oomph" bisect scenarios/xfs-inode-mutex.yaml --tree "$tree" --good good --bad bad --kernel debian-6.1-source \
	--results "$store/.bisect" --resume
