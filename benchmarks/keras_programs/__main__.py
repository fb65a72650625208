"""`python -m benchmarks.keras_programs PATH…`: how many cells that run in Keras run with `nn` in its place."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".ipynb", ".py")
Errors = dict[str, list[str | None]]


@dataclass(frozen=True)
class Program:
    """One file: for each cell, the error in Keras and the error here, None where it ran."""

    path: str
    keras: list[str | None]
    ours: list[str | None]

    @property
    def counted(self) -> list[int]:
        """The cells that run in Keras."""
        return [number for number, error in enumerate(self.keras) if error is None]

    @property
    def failures(self) -> list[tuple[int, str]]:
        """The cells that run in Keras and not here, with their errors."""
        return [(number, error) for number in self.counted if (error := self.ours[number]) is not None]


def found(paths: Iterable[str]) -> list[str]:
    """The notebooks and scripts among the paths, and in those that are folders."""
    files = []
    for path in map(Path, paths):
        files += sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES) if path.is_dir() else [path]
    return list(dict.fromkeys(str(file.resolve()) for file in files))


def outcomes(library: str, paths: list[str], jobs: int, seconds: float) -> Errors:
    """The errors of each program's cells in one library, from `jobs` processes that share the programs."""
    if not paths:
        return {}
    jobs = max(1, min(jobs, len(paths)))
    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(lambda job: list(_worker(library, paths[job::jobs], seconds)), range(jobs))
        return {path: errors for part in parts for path, errors in part}


def _worker(library: str, paths: list[str], seconds: float) -> Iterator[tuple[str, list[str | None]]]:
    command = [sys.executable, "-m", "benchmarks.keras_programs.worker", library, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{path}\n" for path in paths))
        process.stdin.close()
        for line in process.stdout:
            message = json.loads(line)
            failed = sum(error is not None for error in message["errors"])
            print(f"{library}: {message['path']}: {failed} of {len(message['errors'])} fail", file=sys.stderr)
            yield message["path"], message["errors"]
    if process.returncode:
        raise RuntimeError(f"the worker of {library} ended with status {process.returncode}; its message is above")


def kind(error: str) -> str:
    """An error without what differs from one program to the next: numbers and addresses."""
    return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", error)


def share(programs: Iterable[Program]) -> str:
    """How many of the counted cells run here, as text."""
    programs = list(programs)
    counted = sum(len(program.counted) for program in programs)
    ran = counted - sum(len(program.failures) for program in programs)
    return f"{ran} of {counted} ({100 * ran / counted:.1f} %)" if counted else "none of 0"


def report(programs: list[Program]) -> str:
    """A line for each program that has cells to count, the sum, and the errors by kind, most frequent first."""
    counted = [program for program in programs if program.counted]
    lines = [f"{share([program]):>22}  {program.path}" for program in counted]
    lines += ["", f"cells that run in Keras and here: {share(counted)}, of {len(counted)} programs", ""]
    kinds: dict[str, list[str]] = defaultdict(list)
    for program in counted:
        for number, error in program.failures:
            kinds[kind(error)].append(f"{Path(program.path).name}[{number}]")
    for text, places in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lines += [f"{len(places):4}  {text}", f"      {', '.join(places[:6])}{', …' if len(places) > 6 else ''}"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keras_programs", description=__doc__)
    parser.add_argument("paths", nargs="+", help="notebooks, scripts, and folders of them")
    parser.add_argument("--json", type=Path, help="a file for every cell's outcome")
    parser.add_argument("--keras", type=Path, help="take Keras's outcomes from such a file, and do not run Keras")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=60, help="processor time of a cell")
    options = parser.parse_args(arguments)
    paths = found(options.paths)
    known = json.loads(options.keras.read_text(encoding="utf-8")) if options.keras else {}
    keras = {path: known[path]["keras"] for path in paths if path in known}
    keras |= outcomes("keras", [path for path in paths if path not in keras], options.jobs, options.seconds)
    paths = [path for path in paths if None in keras.get(path, [])]
    ours = outcomes("nn", paths, options.jobs, options.seconds)
    programs = [Program(path, keras[path], ours[path]) for path in paths if path in ours]
    if options.json:
        every = {path: {"keras": errors, "nn": ours.get(path)} for path, errors in keras.items()}
        options.json.write_text(json.dumps(every, indent=1), encoding="utf-8")
    print(report(programs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
