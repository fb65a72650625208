"""The runner: `python -m benchmarks.run [CASE ...] [--rounds N] [--contenders A,B] [--before FOLDER] [--json FILE]`.

Each contender has a process of its own. They take turns, one round each, and the first turn moves
by one every time, so that a slow moment of the machine falls on all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Protocol

import numpy as np

from benchmarks import goals, history
from benchmarks.cases import BEFORE, CASES, CONTENDERS, Case
from benchmarks.load import rest
from benchmarks.problems import DATA_VARIABLE, digest, disagreements
from benchmarks.report import ROOT, Outcome, Record, as_json, machine, table

PAUSE = 0.5  # seconds between rounds: threads of the last contender spin for a tenth of a second before they sleep
SHOWN = ("commit", "cpu", "instruction set", "native kernels", "cores", "threads", "python", "numpy", "blas")
IMPORT = "import time, numpy; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


class ContenderError(Exception):
    """A contender that raised, died or spoke nonsense."""


class Runner(Protocol):
    """One contender on one case."""

    info: dict[str, Any]

    def round(self) -> tuple[dict[str, float], dict[str, Any]]:
        """One measurement: numbers in seconds (or a probe's own), and computed values."""

    def close(self) -> None:
        """Ends what is still running."""


class Worker:
    """A process that is set up once and serves many rounds."""

    def __init__(self, contender: str, name: str, before: Path | None = None) -> None:
        command = _command(contender, name, before)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=_environment(contender)
        )
        try:
            self.info = self._receive()
        except ContenderError:
            self.close()
            raise

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return _message(self.process.stdout.readline(), self.process)

    def round(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Asks for one round and waits for it."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("round\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        answer = self._receive()
        return {"time": answer["seconds"]}, answer["values"]

    def close(self) -> None:
        """Closes both pipes, upon which the worker ends."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()


class Fresh:
    """A new process for every round, timed as a whole or by itself."""

    def __init__(self, contender: str, name: str, before: Path | None = None) -> None:
        self.case = CASES[name]
        self.info: dict[str, Any] = {}
        self.folder, self.command = ROOT, _command(contender, name, before)
        if self.case.mode == "imports":
            self.folder = before or ROOT
            self.command = [sys.executable, "-c", IMPORT.format(CONTENDERS[contender].package)]
            self.round()  # writes the bytecode caches

    def round(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Runs the process to its end."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        text, _ = process.communicate()
        seconds = time.perf_counter() - start
        if self.case.mode == "imports":
            if process.returncode:
                raise ContenderError(f"the import ended with status {process.returncode}")
            return {"time": float(text)}, {}
        values = _message(text, process)["values"]
        if self.case.mode == "peak":
            return {"time": values["peak"]}, {}
        return (values, {}) if self.case.mode == "probe" else ({"time": seconds}, digest(values))

    def close(self) -> None:
        """Nothing is left running."""


def _command(contender: str, name: str, before: Path | None) -> list[str]:
    """What starts a worker: on this checkout's packages, or on those of the checkout `before`."""
    return [sys.executable, "-m", "benchmarks.worker", contender, name, *([str(before)] if before else [])]


def _environment(contender: str) -> dict[str, str]:
    """Return the variables of a worker, whose loops are compiled before the clock, as a peer's are."""
    native = CONTENDERS[contender].native if contender in CONTENDERS else ""
    return {"AUTOGRAD_LITE_FUSED": "wait", **os.environ, **({"AUTOGRAD_LITE_NATIVE": native} if native else {})}


def instructions(wanted: str) -> dict[str, str]:
    """Return the variables that keep NumPy, its BLAS, our kernels and the peers to a set of instructions."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    newer = [name for name in found if name.startswith("AVX512") or name == "X86_V4"]
    return {
        "AUTOGRAD_LITE_NATIVE": wanted,
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": wanted,
        "ONEDNN_MAX_CPU_ISA": wanted.upper(),
        "MKL_ENABLE_INSTRUCTIONS": wanted.upper(),
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={wanted.upper()}".strip(),
    }


def _message(line: str, process: subprocess.Popen[str]) -> dict[str, Any]:
    if not line.strip():
        raise ContenderError(f"the process ended with status {process.wait()} and no answer")
    message: dict[str, Any] = json.loads(line)
    if "error" in message:
        raise ContenderError(message["error"])
    return message


def missing(contender: str, case: Case) -> str | None:
    """Why a contender cannot take part, or None."""
    package, program = CONTENDERS[contender].package, CONTENDERS[contender].program
    if find_spec(package) is None:
        return f"skipped: {package} is not installed"
    if program and which(program) is None:
        return f"skipped: {program} is not installed"
    if case.mode == "process" and not os.environ.get(DATA_VARIABLE):
        return f"skipped: {DATA_VARIABLE} does not name a folder with the four MNIST files"
    return None


def run_case(
    name: str,
    rounds: int | None = None,
    only: Sequence[str] = (),
    before: Path | None = None,
    pause: float = PAUSE,
) -> Outcome:
    """Runs all contenders of a case (or those in `only`) and compares what they computed.

    With `before`, the folder of another checkout, its packages take part under the name "before".
    """
    case = CASES[name]
    outcome = Outcome(case)
    runners: dict[str, Runner] = {}
    try:
        entries: list[tuple[str, str, Path | None]] = [
            (who, who, None) for who in case.contenders if not only or who in only
        ]
        if before:
            ours = next(who for who in case.contenders if CONTENDERS[who].ours)
            entries.append((BEFORE, ours, before))
        for contender, module, folder in entries:
            reason = missing(contender, case)
            if reason:
                outcome.skipped[contender] = reason
                continue
            try:
                kind = Worker if case.mode == "steady" else Fresh
                runners[contender] = kind(module, name, folder)
            except ContenderError as error:
                outcome.failed[contender] = str(error)
        _take_turns(runners, outcome, case.rounds if rounds is None else rounds, pause)
    finally:
        for runner in runners.values():
            runner.close()
    _compare(outcome)
    return outcome


def _take_turns(runners: Mapping[str, Runner], outcome: Outcome, rounds: int, pause: float) -> None:
    case = outcome.case
    factor = 1.0 if case.mode == "probe" else case.scale
    order = list(runners)
    outcome.records.update({who: Record(info=runners[who].info) for who in order})
    for i in range(rounds):
        first = i % max(len(order), 1)
        for who in order[first:] + order[:first]:
            if who in outcome.failed:
                continue
            if (busy := rest(pause)) is not None:
                outcome.busy.append(busy)
            try:
                numbers, outcome.records[who].values = runners[who].round()
            except ContenderError as error:
                outcome.failed[who] = str(error)
                del outcome.records[who]
                continue
            for key, number in numbers.items():
                outcome.records[who].numbers.setdefault(key, []).append(number * factor)


def _compare(outcome: Outcome) -> None:
    """Holds all values against those of the first contender that is not ours, and each bit against the twin's."""
    by_trust = sorted((w for w in outcome.records if not CONTENDERS[w].floor), key=lambda w: CONTENDERS[w].ours)
    for who in by_trust[1:]:
        record, reference = outcome.records[who], outcome.records[by_trust[0]]
        record.wrong = disagreements(record.values, reference.values, outcome.case.rtol)
    for who, record in outcome.records.items():
        twin = outcome.records.get(CONTENDERS[who].twin)
        if twin is not None:
            record.wrong += [f"{name}, bit for bit" for name in disagreements(record.values, twin.values, 0)]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; unknown names end the program with a message that lists the known ones."""
    parser = argparse.ArgumentParser("benchmarks", description="Ratios of autograd_lite to its peers.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, help="rounds per contender, instead of each case's own number")
    parser.add_argument("--contenders", help=f"comma-separated, out of {', '.join(CONTENDERS)}")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout, raced as `before`")
    parser.add_argument("--goals", action="store_true", help="the cases that the compiler has goals in, beside few")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between rounds")
    parser.add_argument("--instructions", choices=["avx2"], help="what processors have that lack AVX-512")
    parser.add_argument("--json", type=Path, help="file for all numbers, values and the machine")
    options = parser.parse_args(argv)
    options.contenders = options.contenders.split(",") if options.contenders else []
    for given, known in ((options.cases, CASES), (options.contenders, CONTENDERS)):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    if options.before and not (options.before / "autograd_lite").is_dir():
        parser.error(
            f"--before: expected the folder of a checkout, with autograd_lite in it; received {options.before}"
        )
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the chosen cases; returns 1 if one failed or values disagreed."""
    options = arguments(argv)
    if options.instructions and os.environ.get("AUTOGRAD_LITE_NATIVE") != options.instructions:
        command = [sys.executable, "-m", "benchmarks", *(sys.argv[1:] if argv is None else argv)]
        return subprocess.call(command, env={**os.environ, **instructions(options.instructions)}, cwd=ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode an import takes many times as long
    names = options.cases or (goals.chosen() if options.goals else list(CASES))
    about = machine()
    print(
        ", ".join(f"{key}: {about[key]}" for key in SHOWN),
        flush=True,
    )
    outcomes = {}
    for name in names:
        choice = goals.choice(name, options) if options.goals else options
        outcomes[name] = run_case(name, choice.rounds, choice.contenders, choice.before, options.pause)
        print(f"\n{table(name, outcomes[name])}", flush=True)
        if options.json:  # after every case: an interrupted run keeps what it has
            options.json.write_text(json.dumps(as_json(outcomes), indent=1) + "\n")
    if options.goals:
        results = as_json(outcomes)
        print(f"\n{goals.table(results)}\n\n{history.table(results)}")
    return 0 if all(outcome.sound for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
