"""`python -m benchmarks.array_api PATH`: the array API standard's tests, with NumPy and with Tensors.

PATH is a clone of github.com/data-apis/array-api-tests, with its submodule (`git clone --recursive`). Its tests need
what its `requirements.txt` lists.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NUMPY, OURS = "numpy", "autograd_lite.numpy"


class Test(NamedTuple):
    """How a test went, and the first line of its error."""

    outcome: str
    text: str


Tests = Mapping[str, Test]


def read(lines: Iterable[str]) -> dict[str, Test]:
    """The tests that the plugin has written."""
    return {row["test"]: Test(row["outcome"], row["text"]) for row in map(json.loads, lines)}


def run(path: Path, module: str, examples: int, arguments: Iterable[str] = ()) -> dict[str, Test]:
    """Run the suite in a process of its own.

    Raises:
        RuntimeError: if no test was run: the suite could not be imported, or lacks its submodule.
    """
    places = [
        ROOT,
        ROOT / "benchmarks" / "array_api",
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "tests.jsonl"
        out.touch()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "OPENBLAS_NUM_THREADS": "1",
            "ARRAY_API_TESTS_MODULE": module,
            "ARRAY_API_OUT": str(out),
        }
        options = ["-q", "-p", "array_api_plugin", "-p", "no:cacheprovider", "--rootdir=.", "--tb=short"]
        options += [f"--max-examples={examples}", "--derandomize", "--disable-deadline", *arguments]
        command = [sys.executable, "-m", "pytest", *options, "array_api_tests"]
        done = subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True, check=False)
        tests = read(out.read_text(encoding="utf-8").splitlines())
    if not tests:
        raise RuntimeError(f"no test was run with {module}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return tests


def lost(numpy: Tests, ours: Tests) -> dict[str, str]:
    """The tests that pass with NumPy and not with ours, and why."""
    missing = Test("missing", "it was not run")
    found = {test: ours.get(test, missing) for test, how in numpy.items() if how.outcome == "passed"}
    return {test: how.text or how.outcome for test, how in found.items() if how.outcome != "passed"}


def report(numpy: Tests, ours: Tests) -> str:
    """The figures, then each test that only one of the two passes."""
    lines = ["| tests | passed | failed | skipped |", "|---|---|---|---|"]
    for name, tests in ((NUMPY, numpy), (OURS, ours)):
        count = Counter(how.outcome for how in tests.values())
        lines.append(f"| {name} | {count['passed']} | {count['failed']} | {count['skipped']} |")
    for one, other, first, second in ((NUMPY, OURS, numpy, ours), (OURS, NUMPY, ours, numpy)):
        found = lost(first, second)
        lines += ["", f"{len(found)} tests pass with {one} and not with {other}"]
        lines += [f"  {test}\n      {text}" for test, text in found.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.array_api", description=__doc__)
    parser.add_argument("path", type=Path, help="a clone of array-api-tests with its submodule")
    parser.add_argument("--examples", type=int, default=100, help="what each test draws at most")
    parser.add_argument("--pytest", nargs="+", default=[], help="more arguments for pytest, such as --pytest=-kfft")
    options = parser.parse_args(arguments)
    if not (options.path / "array-api" / "src").is_dir():
        parser.error(f"{options.path} lacks its submodule: run git submodule update --init there")
    numpy, ours = (run(options.path, module, options.examples, options.pytest) for module in (NUMPY, OURS))
    print(report(numpy, ours))
    return int(bool(lost(numpy, ours)))


if __name__ == "__main__":
    sys.exit(main())
