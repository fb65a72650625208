"""The committed table of counts: how they are taken, compared and written."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.native.kernels import SETS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATH = HERE / "table.toml"
COMMAND = "python -m tests.counts --write"
HEAD = f"# What computing costs, in numbers that are the same in every run. Written by `{COMMAND}`.\n"
# By how much numbers may be off: they depend a little on the order of sets, and on comments.
SLACK = {"first calls": 0.02, "bytes": 0.01, "instructions": 0.02}

Counts = dict[str, dict[str, dict[str, int]]]  # by section, what is counted, and the kind of count

BEGIN_AND_END = """\
#include <valgrind/callgrind.h>
void begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}
void end(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
"""


def environment() -> dict[str, str]:
    """Return what the numbers depend on, beyond the source."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version().rpartition('.')[0]}",
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "kernels": "built" if SETS else "not built",
    }


def compiler() -> str:
    """Return the name and version of the C compiler; instructions depend on it."""
    found = shutil.which("cc")
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    return re.sub(r"\(.*?\) ?", "", said.partition("\n")[0])


def taken(*command: str) -> Any:
    """Return what a program prints as JSON, in a process without what the environment loads at the start."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRAD_LITE_", "NPY_", "PYTHON"))}
    # Whether a loop is fused by the time that it is counted depends on how fast the machine is.
    limits = {"OPENBLAS_NUM_THREADS": "1", "AUTOGRAD_LITE_NUM_THREADS": "1", "AUTOGRAD_LITE_FUSED": "off"}
    run = subprocess.run(command, capture_output=True, text=True, env=kept | limits, cwd=tempfile.gettempdir())
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {run.returncode}:\n{run.stderr}")
    return json.loads(run.stdout or "null")


FOLDERS = (str(ROOT), str(Path(np.__file__).parents[1]))
PYTHON = (sys.executable, "-I", "-S")
BOOT = "import sys; sys.path[:0] = sys.argv[1:3]; import runpy; del sys.argv[1:3]; runpy.run_module({!r}, None, {!r})"


def program(name: str) -> tuple[str, ...]:
    """Return the command that runs a module of this folder."""
    return (*PYTHON, "-c", BOOT.format(f"tests.counts.{name}", "__main__"), *FOLDERS)


def imports() -> Counts:
    """Return what the packages load."""
    found = {name: taken(*PYTHON, str(HERE / "loading.py"), *FOLDERS, name) for name in ("autograd_lite", "nn")}
    sizes = {name: {"bytes": counts.pop("bytes")} for name, counts in found.items()}
    return {"imports": found, "bytes": sizes}


def calls() -> Counts:
    """Return what is called, and what plans are made of."""
    counts: Counts = taken(*program("calls"))
    return counts


def why_no_instructions() -> str:
    """Return why instructions cannot be counted here, or an empty text."""
    missing = [name for name in ("valgrind", "cc") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not found: apt-get install valgrind gcc" if missing else ""


def instructions() -> Counts:
    """Return how many instructions of the processor kernels and replays take, without AVX-512."""
    with tempfile.TemporaryDirectory() as folder:
        source, library, out = (str(Path(folder, name)) for name in ("count.c", "count.so", "counts"))
        Path(source).write_text(BEGIN_AND_END)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        tool = ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", "-q")
        taken(*tool, *program("instructions"), library)
        texts = [path.read_text() for path in Path(folder).glob("counts.*")]
    found: dict[str, list[int]] = {}
    for text in texts:
        (name,) = re.findall(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        (number,) = re.findall(r"^totals: (\d+)$", text, re.M)
        found.setdefault(name, []).append(int(number))
    return {"instructions": {name: {"instructions": min(numbers)} for name, numbers in sorted(found.items())}}


# What takes a part of the table, and the sections that it has.
TAKERS = {imports: ("imports", "bytes"), calls: ("calls", "first calls", "plans"), instructions: ("instructions",)}


class Difference(NamedTuple):
    """A number that is not the table's.

    Attributes:
        what: the section, what is counted there, and the kind of count.
        found, table: the numbers; None if there is none.
    """

    what: str
    found: int | None
    table: int | None

    def __str__(self) -> str:
        return f"{self.what}: {self.found}, and {self.table} in the table"


def read() -> dict[str, Any]:
    """Return the table."""
    return tomllib.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}


def differences(found: Counts, table: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the numbers of these sections that are not the table's."""
    for section, rows in found.items():
        there = table.get(section, {})
        for name in dict.fromkeys((*rows, *there)):
            new, old = rows.get(name, {}), there.get(name, {})
            for kind in dict.fromkeys((*new, *old)):
                a, b = new.get(kind), old.get(kind)
                if a is None or b is None or abs(a - b) > SLACK.get(section, 0) * b:
                    yield Difference(f"{section}, {name}, {kind}", a, b)


def complaint(found: Counts, table: Mapping[str, Any]) -> str:
    """Return what is wrong with the numbers, and what to do; an empty text if nothing is."""
    wrong = list(differences(found, table))
    more = [str(d) for d in wrong if d.found is not None and (d.table is None or d.found > d.table)]
    less = [str(d) for d in wrong if d.found is None or (d.table is not None and d.found < d.table)]
    said = []
    if more:
        said += ["It costs more than the table says:", *more, f"Mend it; if it must be so, say why, and `{COMMAND}`."]
    if less:
        said += ["It costs less than the table says:", *less, f"So that this is kept, lower the table: `{COMMAND}`."]
    return "\n".join(said)


def write(found: Counts) -> None:
    """Write these sections into the table; the others stay, unless they are of another environment."""
    table = read()
    here = environment()
    kept = table if table.get("environment") == here else {}
    there = {**kept, **found, "environment": here}
    if "instructions" in found:
        there["compiler"] = {"cc": compiler()}
    names = ["environment", "compiler", *(name for names in TAKERS.values() for name in names)]
    PATH.write_text(HEAD + "".join(section(name, there[name]) for name in names if name in there), encoding="utf-8")


def section(name: str, rows: Mapping[str, Any]) -> str:
    """Return a section of the table as TOML."""
    return f"\n[{key(name)}]\n" + "".join(f"{key(k)} = {value_of(v)}\n" for k, v in rows.items())


def key(name: str) -> str:
    """Return a key of TOML, quoted where it must be."""
    return name if name.isidentifier() else json.dumps(name)


def value_of(x: Any) -> str:
    """Return a text, or the numbers of a row, as TOML."""
    return json.dumps(x) if isinstance(x, str) else "{ " + ", ".join(f"{k} = {n}" for k, n in x.items()) + " }"
