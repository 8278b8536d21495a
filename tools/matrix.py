"""Run the tests that take hours, one network after another, and go on where that was interrupted.

    python tools/matrix.py [FILE] [--names PATTERN ...] [--keep] [--jobs 2]
    python tools/matrix.py [FILE] --summary

The tests of the `matrix` tier are put together by what they test: the first parameter of a test, a
network's name for most. Each of these runs in a pytest of its own, so that none suffers from what
another one left, and its result is a line of FILE (JSON): what was counted, seconds, date, commit,
and the failures in words. What has passed at this commit is not run again; with `--keep`, nor is
what has passed at any other. `--summary` prints what FILE has.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "benchmarks" / "matrix.jsonl"
NO_TESTS = 5
PYTEST = [sys.executable, "-m", "pytest", "-m", "matrix", "-q", "-p", "no:cacheprovider"]

Result = dict[str, Any]


def main() -> int:
    """Read the command line; return 1 where something failed."""
    arguments = _arguments()
    results = read(arguments.file)
    if arguments.summary:
        print(summary(results.values()))
        return 0
    commit = _commit()
    groups = grouped(collected())
    chosen = [name for name in groups if _any_matches(arguments.names, name)]
    wanted = [name for name in chosen if not _done(results.get(name), commit, arguments.keep)]
    print(f"{len(wanted)} of {len(chosen)} are to be run", flush=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(run, name, groups[name], commit) for name in wanted]
        for number, done in enumerate(as_completed(running), start=1):
            result = done.result()
            results[result["name"]] = result
            write(arguments.file, results)
            told = f"FAILED: {result['reasons'][0]}" if result["failed"] else "passed"
            place = f"[{number}/{len(wanted)}] {result['name']}"
            print(f"{place}: {told}, {result['seconds']} s", flush=True)
    found = [results[name] for name in chosen]
    print(summary(found))
    return 1 if any(result["failed"] for result in found) else 0


def collected() -> list[str]:
    """Return the tests of the tier, as pytest names them."""
    command = [*PYTEST, "--collect-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the tests cannot be collected:\n{done.stdout}{done.stderr}")
    return [line for line in done.stdout.splitlines() if "::" in line]


def grouped(tests: Iterable[str]) -> dict[str, list[str]]:
    """Return the tests by what they test: a test's first parameter, or its file's name."""
    groups: dict[str, list[str]] = {}
    for test in tests:
        parameters = re.search(r"\[([^\]]+)\]$", test)
        file = Path(test.partition("::")[0]).stem
        groups.setdefault(parameters[1].split("-")[0] if parameters else file, []).append(test)
    return groups


def run(name: str, tests: Sequence[str], commit: str) -> Result:
    """Run the tests of one group, with one thread."""
    began = time.monotonic()
    done = subprocess.run(
        [*PYTEST, "--tb=line", "-rfE", *tests],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    counted = {
        what: int(number)
        for number, what in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)
    }
    reasons = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    failed = counted.get("failed", 0) + counted.get("error", 0)
    if done.returncode not in (0, 1, NO_TESTS):
        reasons.append(f"pytest ended with code {done.returncode}")
        failed += 1
    return {
        "name": name,
        "passed": counted.get("passed", 0),
        "failed": failed,
        "skipped": counted.get("skipped", 0),
        "seconds": round(time.monotonic() - began),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "reasons": reasons,
    }


def summary(results: Iterable[Mapping[str, Any]]) -> str:
    """Return what was counted, and what failed."""
    found = list(results)
    if not found:
        return "nothing was run yet"
    total = {key: sum(each[key] for each in found) for key in ("passed", "failed", "skipped")}
    dates, commits = ({each[key] for each in found} for key in ("date", "commit"))
    hours = sum(each["seconds"] for each in found) / 3600
    when = f"{min(dates)} to {max(dates)}, {len(commits)} commits"
    lines = [
        f"{len(found)} networks and subjects, {hours:.1f} hours of one process, {when}",
        *(f"{each['name']}: {reason}" for each in found for reason in each["reasons"]),
        f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped",
    ]
    return "\n".join(lines)


def read(file: Path) -> dict[str, Result]:
    """Return what a file has by name; nothing where there is no file."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {result["name"]: result for result in map(json.loads, lines)}


def write(file: Path, results: Mapping[str, Result]) -> None:
    """Write all results; an interruption leaves the old or the new file."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text("".join(f"{json.dumps(each)}\n" for each in results.values()), "utf-8")
    temporary.replace(file)


def _done(result: Result | None, commit: str, keep: bool) -> bool:
    return result is not None and not result["failed"] and (keep or result["commit"] == commit)


def _commit() -> str:
    """Return the commit, with a mark where the files are not its own."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _any_matches(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    parser.add_argument("--names", nargs="+", default=["*"], help="e.g. resnet50 'timm:*'")
    parser.add_argument("--keep", action="store_true", help="take what passed at other commits")
    parser.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--summary", action="store_true", help="print what the file has")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
