"""Run a program that uses HIPS autograd with this package: `python -m autograd_lite.hips [-m module | script] …`."""

from __future__ import annotations

import os
import runpy
import sys

from .install import install, report

_USAGE = "usage: python -m autograd_lite.hips (-m module | script.py) [arguments]"


def main(arguments: list[str]) -> None:
    """Run a module or a script as if `autograd` were this package, and print the names it used that are missing."""
    module = arguments[:1] == ["-m"]
    program = arguments[module:]
    if not program or (program[0].startswith("-")):
        sys.exit(_USAGE)
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
