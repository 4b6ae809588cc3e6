#!/bin/sh
# Makes a Python environment with some packages, where it does not have them already.
# Usage: venv.sh DIR PACKAGE==VERSION...
# Whoever comes second waits for the first. Debian's python3-venv is installed where it is missing; who may not is told what to run.
set -eu
dir=$1
shift

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
	echo "installing python3-venv"
	if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends python3 python3-venv >/dev/null; }; then
		echo "as root: apt-get update && apt-get install --no-install-recommends python3 python3-venv" >&2
		exit 1
	fi
fi
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
[ "$(cat "$dir/complete" 2>/dev/null)" != "$*" ] || exit 0
echo "installing $*"
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/pip" --quiet --disable-pip-version-check install "$@"
echo "$*" >"$dir/complete"
