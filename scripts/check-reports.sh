#!/bin/sh
# Every format of `oomph report`, read by the tools that others read it with; then each file spoiled on purpose, to see that they would
# have told; then the CI files by the schemas of their systems.
# Usage: check-reports.sh OOMPH RESULTS
set -eu
oomph=$1 results=$2
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oomph/check-reports
# pytest's source has Jenkins' schema of JUnit XML, junit-10.xsd.
packages="kcidb-io==141 check-jsonschema==0.39.0 junitparser==5.0.3" schema_of=pytest==8.3.4
kernels="linux-source-6.1 linux-source-6.12"

"$here/host-packages.sh" xmllint:libxml2-utils
# shellcheck disable=SC2086 # one word a package
"$here/venv.sh" "$cache/venv" $packages
exec 9>"$cache/lock"
flock 9

venv=$cache/venv xsd=$cache/$schema_of/junit-10.xsd
if [ ! -e "$xsd" ]; then
	"$venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --no-binary :all: --dest "${xsd%/*}" "$schema_of"
	tar -xzf "${xsd%/*}"/*.tar.gz -C "${xsd%/*}" --strip-components=3 --wildcards '*/testing/example_scripts/junit-10.xsd'
fi

# KUnit's parser: of a kernel source that oomph has unpacked, else of the package's tarball.
parser=$cache/kunit
if [ ! -e "$parser/kunit_parser.py" ]; then
	rm -rf "$parser" && mkdir -p "$parser.new"
	tree=$(find "$cache/../source-trees" -maxdepth 6 -path '*/tools/testing/kunit/kunit_parser.py' 2>/dev/null | sort | head -n 1)
	if [ -n "$tree" ]; then
		cp "${tree%/*}"/kunit_p*.py "$parser.new/"
	else
		for kernel in $kernels; do apt-cache show "$kernel" >/dev/null 2>&1 && break; done
		echo "fetching $kernel for its tools/testing/kunit"
		(cd "$parser.new" && apt-get -qq -o APT::Sandbox::User=root download "$kernel" && dpkg-deb --fsys-tarfile ./*.deb >package.tar && rm ./*.deb)
		tar -xOf "$parser.new/package.tar" "./usr/src/$kernel.tar.xz" |
			tar -xJ -C "$parser.new" --strip-components=4 --wildcards '*/tools/testing/kunit/kunit_p*.py'
		rm "$parser.new/package.tar"
	fi
	mv "$parser.new" "$parser"
fi
exec 9>&-

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check() { "$venv/bin/python" "$here/check_reports.py" "$@"; }
schema() {
	if xmllint --noout --nonet --schema "$xsd" "$1" 2>"$work/said"; then echo "junit: valid"; else cat "$work/said" >&2; return 1; fi
}
export PYTHONDONTWRITEBYTECODE=1

# Makes every format of a folder of results into another, and has each read. Arguments: name, results.
read_all() {
	out=$work/$1
	mkdir "$out"
	: >"$out/summary.md"
	GITHUB_STEP_SUMMARY=$out/summary.md "$oomph" report "$2" --title "$1" --junit "$out/junit.xml" --ktap "$out/report.ktap" \
		--kcidb "$out/kcidb.json" --gitlab "$out/gitlab.json" --csv "$out/runs.csv" --jsonl "$out/runs.jsonl" --github >"$out/github.txt"
	runs=$(wc -l <"$out/runs.jsonl")
	[ "$runs" -gt 0 ]
	echo "$1: $runs runs"
	schema "$out/junit.xml"
	check junit "$out/junit.xml" "$runs"
	check ktap "$out/report.ktap" "$parser" "$runs"
	check kcidb "$out/kcidb.json" "$runs"
	check gitlab "$out/gitlab.json"
	check csv "$out/runs.csv" "$runs"
	check github "$out/github.txt" "$out/summary.md"
}
read_all results "$results"

first=$(find "$results" -name run.json | sort | head -n 1)
for run in 1 2; do mkdir -p "$work/store/hostile/$run"; check hostile "$first" "$work/store/hostile/$run/run.json" >/dev/null; done
sed -i 's/"outcome": "[a-z-]*"/"outcome": "hung"/; s/"expected": true/"expected": false/' "$work/store/hostile/2/run.json"
read_all hostile "$work/store"

# Would they have told? Each file is spoiled in one place, in a way that its reader has to see.
told() {
	if "$@" >"$work/told" 2>&1; then
		echo "a spoiled file passed: $*" >&2
		exit 1
	fi
}
out=$work/results
runs=$(wc -l <"$out/runs.jsonl")
spoil() {
	sed "$1" "$out/$2" >"$work/spoiled"
	if cmp -s "$out/$2" "$work/spoiled"; then echo "$2 could not be spoiled by $1" >&2; exit 1; fi
}
spoil 's/<testsuites /<testsuites skipped="0" /' junit.xml && told schema "$work/spoiled"
spoil '0,/tests="/s//tests="1/; s/<testsuite \(.*\)tests="/<testsuite \1tests="1/' junit.xml && told check junit "$work/spoiled" "$runs"
spoil '0,/^    \(not \)\?ok 1 /s//    ok 7 /' report.ktap && told check ktap "$work/spoiled" "$parser" "$runs"
spoil '0,/^  *1\.\.[0-9]*$/s//&9/' report.ktap && told check ktap "$work/spoiled" "$parser" "$runs"
spoil '0,/"origin": "oomph"/s//"origin": "Oomph!"/' kcidb.json && told check kcidb "$work/spoiled" "$runs"
spoil '0,/"status": "PASS"/s//"status": "FINE"/' kcidb.json && told check kcidb "$work/spoiled" "$runs"
spoil 's/"severity": "[a-z]*"/"severity": "dire"/' gitlab.json && told check gitlab "$work/spoiled"
spoil '2s/^/=1+1,/' runs.csv && told check csv "$work/spoiled" "$runs"
printf '::error title=a:b::x\n' >"$work/spoiled" && told check github "$work/spoiled" "$out/summary.md"
printf '<script>\n' >"$work/spoiled" && told check github "$out/github.txt" "$work/spoiled"
echo "spoiled files were told"

jsonschema() { "$venv/bin/check-jsonschema" --quiet --builtin-schema "$@"; }
ci=$here/../docs/ci
jsonschema vendor.github-workflows "$ci/github.yml"
jsonschema vendor.gitlab-ci "$ci/gitlab-ci.yml"
sed 's/runs-on:/runs-in:/' "$ci/github.yml" >"$work/spoiled.yml" && told jsonschema vendor.github-workflows "$work/spoiled.yml"
sed 's/^  parallel: .*/  parallel: many/' "$ci/gitlab-ci.yml" >"$work/spoiled.yml" && told jsonschema vendor.gitlab-ci "$work/spoiled.yml"
echo "docs/ci: as their systems' schemas have it"
