"""The sanitizers have nothing to say of the kernels, of the pool, and of plans that use them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(map(str, (ROOT / "autograd_lite" / "native" / "c").glob("*.c")))
FLAGS = ["-std=gnu11", "-O1", "-g1", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-w"]
FLAGS += [f"-I{np.get_include()}", f"-I{sysconfig.get_path('include')}", "-fPIC", "-shared", "-pthread"]
PLANS = [f"tests/compiler/test_{name}.py" for name in ("plans", "blocks", "segments")]
SPARSE = ["tests/sparse/test_colorings.py", "tests/sparse/test_index_sets.py"]
METHODS = "tests/integrate/test_native_drivers.py"
FUSED = "tests/compiler/c_code/test_laws.py"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.native.instead"]


def built(sanitizer: str, library: Path) -> str:
    """Build the extension with a sanitizer, and return the path of the sanitizer's own library."""
    if not shutil.which("gcc"):
        pytest.skip("the sanitizers are GCC's, which is not here")
    command = ["gcc", *FLAGS, f"-fsanitize={sanitizer}", *SOURCES, "-o", str(library), "-lm"]
    made = subprocess.run(command, capture_output=True, text=True)
    runtime = subprocess.check_output(["gcc", f"-print-file-name=lib{sanitizer[0]}san.so"], text=True).strip()
    if made.returncode or not Path(runtime).is_absolute():
        pytest.skip(f"there is no sanitizer here: {made.stderr[-300:]}")
    return runtime


# Not in Python's own pools of memory, where it sees nothing; what lives as long as the process has not leaked.
MEMORY = {
    # The compiler itself is not watched: it would take longer.
    "AUTOGRAD_LITE_CC": "env -u LD_PRELOAD gcc -fsanitize=address,undefined",
    "PYTHONMALLOC": "malloc",
    "ASAN_OPTIONS": "detect_leaks=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@pytest.mark.parametrize(
    ("sanitizer", "tests", "environment"),
    [
        pytest.param("address,undefined", ["tests/native", *SPARSE, *PLANS, METHODS], MEMORY, marks=pytest.mark.ci),
        pytest.param("address,undefined", [FUSED], MEMORY, marks=pytest.mark.long),
        pytest.param(
            "thread",
            ["tests/native/test_threads.py", *PLANS],
            {"TSAN_OPTIONS": "die_after_fork=0"},
            marks=pytest.mark.ci,
        ),
    ],
)
def test_sanitizers_are_silent(sanitizer: str, tests: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    library = tmp_path / f"library{sysconfig.get_config_var('EXT_SUFFIX')}"
    runtime = built(sanitizer, library)
    added = {"LD_PRELOAD": runtime, "AUTOGRAD_LITE_LIBRARY": str(library), "OPENBLAS_NUM_THREADS": "1"}
    log = tmp_path / "log"
    options = {name: f"{value}:log_path={log}" for name, value in environment.items() if name.endswith("OPTIONS")}
    run = subprocess.run(
        [*PYTEST, *tests],
        cwd=ROOT,
        env={**os.environ, **environment, **options, **added},
        capture_output=True,
        text=True,
    )
    reports = "\n".join(path.read_text()[:2000] for path in tmp_path.glob("log*"))
    assert not reports, reports
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
