"""Stubs of the modules whose names are made from tables, so that editors complete them: each is what its module has.

AUTOGRAD_LITE_WRITE_GOLDEN=1 writes them.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import scipy.stats

from autograd_lite.scipy import stats
from autograd_lite.scipy.stats.distribution import Distribution
from autograd_lite.scipy.stats.multivariate import Joint

ROOT = Path(__file__).resolve().parents[1]
HEAD = {
    "nn/ops": "from types import ModuleType\nfrom typing import Any\n",
    "autograd_lite/scipy/stats": (
        "from typing import Any\n\nfrom .distribution import Distribution\nfrom .multivariate import Joint\n"
    ),
}
# The methods that SciPy documents, and of each kind of distributions one that has what all of the kind have.
METHODS = "rvs pdf logpdf pmf logpmf cdf logcdf sf logsf ppf isf stats entropy fit expect median mean var std support"
KINDS = {"Continuous": "norm", "Discrete": "poisson"}


def lines(module: Any) -> Iterator[str]:
    """Yield a line for each public name: its kind, or its signature with the defaults left out."""
    for kind, example in KINDS.items() if hasattr(module, "norm") and hasattr(module, "poisson") else ():
        yield f"class {kind}(Distribution):"
        methods = [name for name in METHODS.split() if name in dir(getattr(module, example))]
        yield from (f"    def {name}(self, *args: Any, **kwds: Any) -> Any: ..." for name in methods)
        yield ""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield f"{name}: ModuleType"
        elif isinstance(value, Distribution):
            yield f"{name}: {'Discrete' if value.discrete else 'Continuous'}"
        elif isinstance(value, Joint):
            yield f"{name}: Joint"
        else:
            signature = inspect.signature(value)
            parameters = [
                p.replace(annotation="Any", default=p.default if p.default is p.empty else ...)
                for p in signature.parameters.values()
            ]
            text = str(signature.replace(parameters=parameters, return_annotation="Any"))
            yield f"def {name}{text}: ...".replace("'Any'", "Any").replace("Ellipsis", "...")


@pytest.mark.parametrize("folder", HEAD)
def test_a_stub_has_what_its_module_has(folder: str) -> None:
    module = importlib.import_module(folder.replace("/", "."))
    head = (
        f'# fmt: off\n"""Names of this module for editors and type checkers; written by {Path(__file__).name}."""\n\n'
    )
    text = "\n".join([f"{head}{HEAD[folder]}", *lines(module)]) + "\n"
    file = ROOT / folder / "__init__.pyi"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    stub, old = file.read_text(encoding="utf-8"), f"{file} is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"
    assert set(text.splitlines()) <= set(stub.splitlines()), old
    if all(hasattr(scipy.stats, name) for name in stats.ROWS):  # SciPy is as new as the stub
        assert stub == text, old


def test_wheels_have_stubs() -> None:
    assert '"*.pyi"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
