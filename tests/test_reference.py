"""The reference has a page for everything public, with signature, example and source, and builds without a warning."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

import autograd_lite
import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

objects: Any = importlib.import_module("objects")
sources: Any = importlib.import_module("sources")
ENTRIES = objects.entries(ROOT / "docs" / "reference")
MODULES = (
    *("autograd_lite", "autograd_lite.extend", "autograd_lite.arrays", "autograd_lite.graph"),
    "autograd_lite.optimize",
    *("autograd_lite.random", "autograd_lite.testing", "autograd_lite.testing.strategies", "autograd_lite.tree"),
    *("nn", "nn.activations", "nn.backend", "nn.callbacks", "nn.config", "nn.constraints", "nn.data", "nn.datasets"),
    "nn.distributed",
    *("nn.generation", "nn.initializers", "nn.layers", "nn.losses", "nn.metrics", "nn.mixed_precision", "nn.models"),
    *("nn.ops", "nn.optimizers", "nn.optimizers.schedules", "nn.plots", "nn.preprocessing", "nn.random"),
    *("nn.regularizers", "nn.saving", "nn.sklearn", "nn.tree", "nn.utils"),
)
# What is a type to be named in annotations, and names that stand for another module's.
NOT_LISTED = {"Registry"}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_object_is_listed(module: str) -> None:
    listed = {id(entry.thing) for entry in ENTRIES}
    names = objects.public(module)
    assert names
    home = importlib.import_module(module)
    assert [n for n in names if id(getattr(home, n)) not in listed and n not in NOT_LISTED] == []


def test_every_object_is_listed_once() -> None:
    assert len(ENTRIES) > 1000
    times = Counter(id(entry.thing) for entry in ENTRIES)
    assert [entry for entry in ENTRIES if times[id(entry.thing)] > 1] == []
    files = Counter(name.lower() for name in objects.file_names(ENTRIES).values())
    assert [name for name, count in files.items() if count > 1] == []  # on a disk that ignores case


def test_every_object_has_a_summary_and_a_source() -> None:
    for entry in ENTRIES:
        assert len(objects.summary(entry.thing)) > 4, entry
        path, line = sources.place(entry.module, entry.name)
        text = (ROOT / path).read_text(encoding="utf-8").split("\n")
        near = "\n".join(text[line - 1 : line + 12])
        assert re.search(rf"\b{getattr(entry.thing, '__name__', entry.name)}\b", near), (entry, path, line)


def _modules() -> Iterator[ModuleType]:
    for package in (autograd_lite, nn):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def undescribed(cls: type) -> list[str]:
    """Return the public methods of a class that no class in its order of bases describes."""
    bare = []
    for name, method in vars(cls).items():
        function = getattr(method, "fget", getattr(method, "__func__", method))
        if name.startswith("_") or not isinstance(function, FunctionType) or function.__module__ != cls.__module__:
            continue
        texts = [vars(base)[name].__doc__ for base in cls.__mro__ if name in vars(base)]
        if not any(texts) and not hasattr(np.ndarray, name):  # methods of arrays are NumPy's, and so are their texts
            bare.append(f"{cls.__module__}.{cls.__name__}.{name}")
    return bare


def test_every_public_method_is_described_there_or_at_a_base() -> None:
    classes = {c for module in _modules() for c in vars(module).values() if inspect.isclass(c) and objects.is_ours(c)}
    public = [c for c in classes if not c.__name__.startswith("_") and not getattr(c, "_is_protocol", False)]
    assert len(public) > 400
    assert sorted(name for c in public for name in undescribed(c)) == []


def test_a_method_that_nobody_describes_is_found() -> None:
    class Bare:
        def f(self) -> None: ...

    class Described:
        def f(self) -> None:
            """Do nothing."""

    class Override(Described):
        def f(self) -> None: ...

    assert undescribed(Bare) == [f"{__name__}.Bare.f"]
    assert undescribed(Override) == []


def test_every_signature_tells_something() -> None:
    for entry in ENTRIES:
        if getattr(entry.thing, "_is_protocol", False):
            continue  # not to be called
        try:
            signature = str(inspect.signature(entry.thing))
        except ValueError:  # the constructors of exceptions, dicts and the like are C's
            assert issubclass(entry.thing, (Exception, dict)), entry
            continue
        assert not re.fullmatch(r"\(\*args.*, \*\*kw\w*\)( -> .*)?", signature), entry


def test_every_object_has_an_example() -> None:
    assert [entry.full_name for entry in ENTRIES if ">>>" not in objects.text_of(entry)] == []
