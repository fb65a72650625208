"""`python -m benchmarks.dependents PATH [names…]`: tests of HIPS autograd's dependents, with HIPS and with ours."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.dependents.suites import SUITES, Suite

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"HIPS": ["-m", "pytest"], "ours": ["-m", "autograd_lite.hips", "-m", "pytest"]}
UNEXPLAINED = "not explained"
UNREACHED = "unreached"


@dataclass
class Test:
    """How a test went in one library, and the processor time inside autograd's entry points, in seconds."""

    outcome: str
    seconds: float = 0.0
    calls: int = 0
    text: str = ""


Tests = dict[str, Test]


@dataclass(frozen=True)
class Comparison:
    """A suite's tests in both libraries, by test id."""

    suite: Suite
    hips: Tests
    ours: Tests

    def unreached(self) -> list[str]:
        """The ids of the tests that a run was cut off before; they are not compared."""
        both = self.hips, self.ours
        return [test for test in self.hips | self.ours if UNREACHED in (how_in(tests, test) for tests in both)]

    def passing(self, hips: bool, ours: bool) -> list[str]:
        """The ids of the tests that pass, or do not, with HIPS and with ours; what no library runs is left out."""
        left_out = set(self.unreached())
        ran = {
            test: None
            for tests in (self.hips, self.ours)
            for test, how in tests.items()
            if how.outcome != "skipped" and test not in left_out
        }
        return [test for test in ran if (passed(self.hips, test), passed(self.ours, test)) == (hips, ours)]

    def reasons(self) -> dict[str, str]:
        """Why each test that passes with HIPS alone does not pass with ours."""
        patterns = self.suite.reasons.items()
        return {
            test: next((reason for pattern, reason in patterns if fnmatchcase(test, pattern)), UNEXPLAINED)
            for test in self.passing(True, False)
        }

    def seconds(self) -> tuple[float, float]:
        """Processor time inside the entry points with HIPS and with ours, in the tests that pass with both."""
        both = self.passing(True, True)
        return sum(self.hips[test].seconds for test in both), sum(self.ours[test].seconds for test in both)


def how_in(tests: Tests, test: str) -> str:
    return tests[test].outcome if test in tests else "missing"


def passed(tests: Tests, test: str) -> bool:
    return how_in(tests, test) == "passed"


def read(lines: Iterable[str], crashed: bool = False) -> Tests:
    """The tests that the plugin has written; those that were not ended count as failed only if the process crashed."""
    tests: Tests = {}
    for line in lines:
        fields = json.loads(line)
        test = fields.pop("test")
        tests[test] = Test(**fields)
    for how in tests.values():
        if how.outcome in ("started", UNREACHED):
            how.outcome, how.text = ("failed", "the process ended") if crashed else (UNREACHED, "")
    return tests


def merged(rounds: list[Tests]) -> Tests:
    """The tests of several rounds: one passes if it does in each that reached it, and its time is the least."""
    tests: Tests = {}
    for how in rounds:
        for test, now in how.items():
            before = tests.setdefault(test, now)
            if now.outcome == before.outcome == "passed":
                before.seconds = min(before.seconds, now.seconds)
            elif before.outcome == UNREACHED or (before.outcome == "passed" and now.outcome != UNREACHED):
                tests[test] = now
    return tests


def folder_of(suite: Suite, path: Path, exact: bool = False) -> Path:
    """The folder of a suite's sources in `path`; the source distribution is downloaded if there is none.

    Args:
        suite: whose version is downloaded.
        path: a folder.
        exact: whether another version than the suite's, or a snapshot, does not do.
    """
    name = re.sub(r"[-_.]+", "[-_.]+", suite.name)
    version = rf"-{re.escape(suite.version)}" if exact else r"(-(v?\d.*|main|master))?"
    pattern = re.compile(name + version, re.IGNORECASE)
    found = sorted(folder for folder in path.iterdir() if folder.is_dir() and pattern.fullmatch(folder.name))
    if found:
        return found[-1]
    download(suite, path)
    return folder_of(suite, path, exact)


def download(suite: Suite, path: Path) -> None:
    """Download a suite's source distribution, and unpack it in `path`."""
    # What builds it may be a wheel: pip reads its metadata, by running its build backend.
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--retries", "1", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=path) as scratch:
        archives, unpacked = Path(scratch) / "archives", Path(scratch) / "unpacked"
        command = [*pip, "--no-binary", suite.name, "-d", str(archives), f"{suite.name}=={suite.version}"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        for archive in archives.iterdir():
            shutil.unpack_archive(archive, unpacked, filter="data")
        for folder in unpacked.iterdir():
            folder.rename(path / folder.name)


def run(suite: Suite, folder: Path, library: str, seconds: float, arguments: Iterable[str] = ()) -> Tests:
    """Run a suite's tests in one library, in a process of its own."""
    places = [ROOT, ROOT / "benchmarks" / "dependents", folder / suite.sources]
    places += [folder_of(other, folder.parent) for other in SUITES if other.name in suite.beside]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "tests.jsonl"
        out.touch()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "MPLBACKEND": "Agg",
            "DEPENDENTS_OUT": str(out),
            "DEPENDENTS_NUMPY": suite.numpy_1,
            **suite.environment,
        }
        options = ["-q", "-p", "dependents_plugin", "-p", "no:cacheprovider", "--rootdir=.", "-o", "addopts="]
        options += ["-o", "required_plugins=", "--continue-on-collection-errors", *suite.tests]
        command = [sys.executable, *PROGRAMS[library], *options, *arguments]
        crashed = cut = False
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, timeout=seconds, capture_output=True, text=True, check=False
            )
            log, crashed = done.stdout[-2000:] + done.stderr[-2000:], done.returncode not in (0, 1)
        except subprocess.TimeoutExpired:
            log, cut = f"it took longer than {seconds:.0f} s", True
        tests = read(out.read_text(encoding="utf-8").splitlines(), crashed)
    if not tests or crashed or cut:
        reached = sum(how.outcome != UNREACHED for how in tests.values())
        print(f"{suite.name} with {library} ended after {reached} of {len(tests)} tests: {log}", file=sys.stderr)
        print(f"its tests need {suite.needs or 'nothing'} besides", file=sys.stderr)
    return tests


def compare(suite: Suite, path: Path, rounds: int, seconds: float, arguments: Iterable[str] = ()) -> Comparison:
    """Run a suite in both libraries by turns, and compare."""
    folder = folder_of(suite, path).resolve()
    found: dict[str, list[Tests]] = {library: [] for library in PROGRAMS}
    for _ in range(rounds):
        for library in PROGRAMS:
            found[library].append(run(suite, folder, library, seconds, arguments))
    return Comparison(suite, merged(found["HIPS"]), merged(found["ours"]))


def table(comparisons: Iterable[Comparison]) -> str:
    """A row for each suite, in Markdown."""
    lines = [
        "| suite | pass with both | with HIPS alone | with ours alone | with neither | not reached | CPU, HIPS | ours "
        "| ratio |"
    ]
    lines.append("|---" * 9 + "|")
    for found in comparisons:
        counts = [len(found.passing(*kind)) for kind in ((True, True), (True, False), (False, True), (False, False))]
        counts.append(len(found.unreached()))
        hips, ours = found.seconds()
        times = f"{hips:.2f} s | {ours:.2f} s | {ours / hips:.2f}" if hips else "– | – | –"
        lines.append(f"| {found.suite.name} {found.suite.version} | {' | '.join(map(str, counts))} | {times} |")
    return "\n".join(lines)


def report(comparisons: list[Comparison]) -> str:
    """The table, and below it each test that passes with HIPS alone, with the reason and the error."""
    lines = [table(comparisons)]
    for found in comparisons:
        reasons = found.reasons()
        lines += ["", f"{found.suite.name}: {len(reasons)} tests pass with HIPS alone"] if reasons else []
        for test, reason in reasons.items():
            text = found.ours[test].text or found.ours[test].outcome if test in found.ours else "it was not collected"
            lines += [f"  {test}: {reason}", f"      {text}"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dependents", description=__doc__)
    parser.add_argument("path", type=Path, help="a folder of source distributions; missing ones are downloaded")
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(names)}; by default all")
    parser.add_argument("--json", type=Path, help="a file for the outcome and the time of every test")
    parser.add_argument("--rounds", type=int, default=1, help="how often each suite runs; the least time counts")
    parser.add_argument("--seconds", type=float, default=3600, help="how long one run of a suite may take")
    parser.add_argument("--pytest", nargs="+", default=[], help="more arguments for pytest, such as --pytest=-x")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(names):
        parser.error(f"expected names among {', '.join(names)}; received {', '.join(sorted(unknown))}")
    options.path.mkdir(parents=True, exist_ok=True)
    found = [
        compare(suite, options.path, options.rounds, options.seconds, options.pytest)
        for suite in SUITES
        if suite.name in (options.names or names)
    ]
    if options.json:
        every = {one.suite.name: {"HIPS": _plain(one.hips), "ours": _plain(one.ours)} for one in found}
        options.json.write_text(json.dumps(every, indent=1), encoding="utf-8")
    print(report(found))
    return int(any(UNEXPLAINED in one.reasons().values() for one in found))


def _plain(tests: Tests) -> dict[str, dict[str, object]]:
    return {test: asdict(how) for test, how in tests.items()}


if __name__ == "__main__":
    sys.exit(main())
