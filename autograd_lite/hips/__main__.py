"""Run a program that uses HIPS autograd with this package: `python -m autograd_lite.hips [-m module | script] …`."""

from __future__ import annotations

import os
import runpy
import sys

from .install import install, report

_USAGE = "usage: python -m autograd_lite.hips (-m module | script.py) [arguments]"
_HELP = f"""{_USAGE}

Runs a program that imports HIPS autograd with autograd_lite in its place, and at
the end names what it used that is not there.

example: python -m autograd_lite.hips train.py --epochs 3
more:    python -m autograd_lite help hips"""


def main(arguments: list[str]) -> None:
    """Run a module or a script as if `autograd` were this package, and print the names it used that are missing."""
    module = arguments[:1] == ["-m"]
    program = arguments[module:]
    if program[:1] in (["-h"], ["--help"]):
        print(_HELP)
        return
    if not program or (program[0].startswith("-")):
        sys.exit(_USAGE)
    if not module and not os.path.exists(program[0]):
        sys.exit(f"autograd_lite.hips: there is no file {program[0]!r}; write -m before the name of a module")
    install()
    sys.argv = program
    try:
        if module:
            sys.path[0] = os.getcwd()
            runpy.run_module(program[0], run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = os.path.dirname(os.path.abspath(program[0]))
            runpy.run_path(program[0], run_name="__main__")
    finally:
        if line := report():
            print(line, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
