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

ROOT = Path(__file__).resolve().parents[1]
HEAD = {
    "nn/ops": "from types import ModuleType\nfrom typing import Any\n",
    "autograd_lite/scipy/stats": "from .distribution import Distribution\nfrom .multivariate import Joint\n",
}


def lines(module: Any) -> Iterator[str]:
    """Yield a line for each public name: its kind, or its signature with the defaults left out."""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield f"{name}: ModuleType"
        elif type(value).__name__ in ("Distribution", "Joint"):
            yield f"{name}: {type(value).__name__}"
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
    assert file.read_text(encoding="utf-8") == text, f"{file} is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


def test_wheels_have_stubs() -> None:
    assert '"*.pyi"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
