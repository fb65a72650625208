"""Runs programs in one library: `python -m benchmarks.keras_programs.worker LIBRARY SECONDS` reads paths, writes JSON.

The library is imported once; each program runs in a fork, cell by cell in one namespace. A cell that fails, or takes
too long, ends there, and the next one runs.
"""

from __future__ import annotations

import json
import linecache
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import types
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from benchmarks.keras_programs import cuts, synthetic
from benchmarks.keras_programs.cells import KERAS_NAME, TENSORFLOW_NAME, read_cells, swapped

MEMORY = 12 * 2**30
PATIENCE = 4  # how much longer than its processor time a cell may take on the clock of a busy machine
PROGRAM = 8  # how many cells' time a program may take


class OutOfTime(BaseException):
    """A cell took too long; no program catches this."""


class _NoTensorFlow:
    def __getattr__(self, name: str) -> Any:
        raise ModuleNotFoundError(f"No module named 'tensorflow' (tf.{name})")


def run_cell(source: str, library: str, namespace: dict[str, Any], name: str, seconds: float) -> str | None:
    """Run one cell; None, or the error in one line."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for `inspect.getsource`
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.signal(signal.SIGPROF, _out_of_time)
    try:
        code = compile(swapped(source, library), name, "exec")
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)
        try:
            exec(code, namespace)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as error:  # a program may also call sys.exit
        return described(error)
    return None


def _out_of_time(signum: int, frame: FrameType | None) -> None:
    raise OutOfTime("the cell took too long")


def described(error: BaseException) -> str:
    """The kind and the first line that says something, and where in the program it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:400]


def run_program(path: Path, library: str, seconds: float, send: Connection, template: Path) -> None:
    """Run all cells of a program in this process, and send an error or None for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as folder:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        sys.stdout = sys.stderr = nowhere
        cells = read_cells(path)
        synthetic.working_copy(template, Path(folder))
        program = types.ModuleType("__main__")
        sys.modules["__main__"] = program
        sys.argv = [path.name]
        namespace = vars(program)
        namespace |= {KERAS_NAME: import_module(library), TENSORFLOW_NAME: _NoTensorFlow(), "__file__": path.name}
        for number, cell in enumerate(cells):
            send.send((number, run_cell(cell, library, namespace, f"<cell {number} of {path.name}>", seconds)))
    os._exit(0)  # threads that a program left do not keep the process


def outcomes(path: Path, library: str, seconds: float, template: Path) -> list[str | None]:
    """The errors of a program's cells, None for those that ran, from a fork of this process."""
    try:
        count = len(read_cells(path))
    except (SyntaxError, ValueError, KeyError):
        return []
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=run_program, args=(path, library, seconds, send, template), daemon=False)
    process.start()
    send.close()
    errors: list[str | None] = ["the program took too long"] * count
    try:
        for _ in range(count):
            if not receive.poll(seconds * PROGRAM * PATIENCE):
                break
            number, error = receive.recv()
            errors[number] = error
    except EOFError:
        errors = [error if error != "the program took too long" else "the process died" for error in errors]
    if process.is_alive():
        process.kill()
    process.join()
    return errors


def prepared(library: str) -> ModuleType:
    """The library with made-up data and short runs."""
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["MPLBACKEND"] = "Agg"
    module = import_module(library)
    if library == "keras":
        import_module("torch").set_num_threads(1)
    import_module("matplotlib.pyplot")  # once, rather than in each program
    datasets = import_module(f"{library}.datasets")
    for name in synthetic.LOADERS:
        try:
            import_module(f"{library}.datasets.{name}")
        except ModuleNotFoundError:  # a cell that asks for it will fail
            continue
    synthetic.install(module, datasets)
    cuts.shorten(module.Model)
    return module


def main(library: str, seconds: str) -> None:
    prepared(library)
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "files"
        synthetic.make_files(template)
        for line in sys.stdin:
            path = line.rstrip("\n")
            errors = outcomes(Path(path), library, float(seconds), template)
            print(json.dumps({"path": path, "errors": errors}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
