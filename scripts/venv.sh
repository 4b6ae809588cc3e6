#!/bin/sh
# Makes a Python environment with some packages, where it does not have them already.
# Usage: venv.sh DIR PACKAGE==VERSION...
# Whoever comes second waits for the first.
set -eu
dir=$1
shift

"$(dirname "$0")/host-packages.sh" import-ensurepip,venv:python3-venv
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
[ "$(cat "$dir/complete" 2>/dev/null)" != "$*" ] || exit 0
echo "installing $*"
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/pip" --quiet --disable-pip-version-check install "$@"
echo "$*" >"$dir/complete"
