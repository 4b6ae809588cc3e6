"""What `oomph report` wrote, read by the tools that others read it with. Each check ends with what it found, or raises.

Usage: check_reports.py CHECK FILE [ARGUMENT]... (scripts/check-reports.sh calls it, in an environment that has the packages)
"""

import csv
import json
import re
import sys


def junit(path, runs):
    """junitparser reads it, and finds the suites' own counts true."""
    from junitparser import Error, Failure, JUnitXml, Skipped

    found = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    kinds = {"failures": Failure, "errors": Error, "skipped": Skipped}
    for suite in JUnitXml.fromfile(path):
        cases = list(suite)
        counts = {"tests": len(cases)}
        for name, kind in kinds.items():
            counts[name] = sum(any(isinstance(result, kind) for result in case.result) for case in cases)
            assert counts[name] == getattr(suite, name), f"{suite.name}: {name} is {getattr(suite, name)}, found {counts[name]}"
        assert len(cases) == suite.tests, f"{suite.name}: tests is {suite.tests}, found {len(cases)}"
        for name, count in counts.items():
            found[name] += count
    assert found["tests"] == int(runs), f"{runs} runs, {found['tests']} cases"
    return str(found)


def ktap(path, parser, runs):
    """The kernel's own parser finds every run, and no error."""
    import contextlib
    import io

    sys.path.insert(0, parser)
    with open(path, encoding="utf-8") as file, contextlib.redirect_stdout(io.StringIO()) as said:
        # It takes stdout when it is imported.
        import kunit_parser

        result = kunit_parser.parse_run_tests(file.read().split("\n"))
    test = getattr(result, "test", result)
    counts = test.counts
    assert counts.errors == 0, said.getvalue()
    assert counts.crashed == 0, said.getvalue()
    assert counts.total() == int(runs), f"{runs} runs, {counts}"
    return str(counts)


def kcidb(path, runs):
    """The latest schema of kcidb-io takes it, and every object that is named is there."""
    from kcidb_io.schema import LATEST

    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    LATEST.validate(data)
    assert data["version"] == {"major": LATEST.major, "minor": LATEST.minor}, data["version"]
    ids = {}
    for name in ("checkouts", "builds", "tests", "issues", "incidents"):
        ids[name] = {one["id"] for one in data[name]}
        assert len(ids[name]) == len(data[name]), f"{name}: an id comes twice"
    for name, key, of in (("builds", "checkout_id", "checkouts"), ("tests", "build_id", "builds"),
                          ("incidents", "test_id", "tests"), ("incidents", "issue_id", "issues")):
        for one in data[name]:
            assert one[key] in ids[of], f"{name}: {key} {one[key]} is nowhere"
    assert len(data["tests"]) == int(runs), f"{runs} runs, {len(data['tests'])} tests"
    return f"schema {LATEST.major}.{LATEST.minor}, {len(data['tests'])} tests of {len(data['builds'])} builds"


def gitlab(path):
    """What GitLab's documentation of Code Quality reports asks for; there is no schema of it to be had."""
    with open(path, "rb") as file:
        raw = file.read()
    assert not raw.startswith(b"\xef\xbb\xbf"), "begins with a byte order mark"
    found = json.loads(raw)
    assert isinstance(found, list)
    for one in found:
        for key in ("description", "check_name", "fingerprint"):
            assert isinstance(one[key], str) and one[key], one
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker"), one
        assert isinstance(one["location"]["lines"]["begin"], int), one
        assert not one["location"]["path"].startswith("./"), one
    assert len({one["fingerprint"] for one in found}) == len(found), "a fingerprint comes twice"
    return f"{len(found)} findings"


def table(path, runs):
    """Python's reader finds a row a run, all of one length, and nothing that a spreadsheet would compute."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}, "rows differ in length"
    assert len(rows) - 1 == int(runs), f"{runs} runs, {len(rows) - 1} rows"
    for cell in (cell for row in rows for cell in row):
        assert not re.match(r"\s*[=+\-@]", cell), cell
    return f"{len(rows) - 1} rows of {len(rows[0])} cells"


def github(path, summary):
    """Every line that the runner would read is a command that is known, and the summary has no element but ours."""
    from html.parser import HTMLParser

    with open(path, encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")[:-1]
    for line in lines:
        assert re.fullmatch(r"::(error|warning) title=[^:,\r\n]*::[^\r\n]+", line), line
    with open(summary, encoding="utf-8", newline="") as file:
        text = file.read()
    assert not re.search(r"^\s*::|##\[", text, re.M), "a line of the summary is a command"
    tags = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            assert not attrs, (tag, attrs)

    Tags().feed(text)
    assert tags <= {"details", "summary", "pre"}, tags
    return f"{len(lines)} annotations, {len(text)} bytes of summary"


def hostile(path, out):
    """A run like that of `path` whose guest says all that a reader could take for more than text."""
    evil = ("\x1b[31m</pre><script>alert(1)</script>]]>\n::error::x\r\n##[error]x\x00# SKIP # SKIP x\nok 1 run_1\nKTAP version 1\n1..9\n"
            "# Subtest: x\nKernel panic - not syncing: VFS: x\nreboot: System halted\n=1+1\u202e|&#0;\ufffe\"',;")
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    for kill in run["kills"]:
        kill["victim"] = "=cmd|" + evil
    for piece in run["evidence"]:
        piece["text"] = evil
    run["detail"] = evil
    run["differences"] = [evil, evil]
    run["kernel_identity"]["origin"] = "@" + evil
    for wait in run["waits"]:
        wait["function"] = evil
    with open(out, "w", encoding="utf-8") as file:
        json.dump(run, file)
    return out


if __name__ == "__main__":
    checks = {"junit": junit, "ktap": ktap, "kcidb": kcidb, "gitlab": gitlab, "csv": table, "github": github, "hostile": hostile}
    try:
        print(f"{sys.argv[1]}: {checks[sys.argv[1]](*sys.argv[2:])}")
    except Exception as error:  # pylint: disable=broad-except # whatever a reader says against it
        sys.exit(f"{sys.argv[1]}: {type(error).__name__}: {error}")
