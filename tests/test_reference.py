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
related: Any = importlib.import_module("related")
sources: Any = importlib.import_module("sources")
ENTRIES = objects.entries(ROOT / "docs" / "reference")
# Modules with another library's names; tables that tests compute say what they have of it.
FACES = ("autograd_lite.hips", "autograd_lite.numpy", "autograd_lite.scipy")
# Public modules that their package does not name: they need MPI, and scikit-learn.
APART = ("nn.distributed", "nn.sklearn")


def public_name(module: ModuleType) -> str:
    """Return the name by which users import a module: nn is short for autograd_lite.nn."""
    return re.sub(r"^autograd_lite\.nn\b", "nn", module.__name__)


def _below(*modules: ModuleType) -> Iterator[ModuleType]:
    """Yield modules, and those in their `__all__`, which HIPS's modules and Keras's groups of operations lack."""
    for module in modules:
        if hasattr(module, "__all__") or not public_name(module).startswith(("autograd_lite.hips.", "nn.ops.")):
            yield module
            yield from _below(*(thing for thing in _things(module).values() if isinstance(thing, ModuleType)))


def _things(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


PUBLIC = sorted({public_name(m) for m in _below(autograd_lite, nn, *map(importlib.import_module, APART))})
MODULES = [module for module in PUBLIC if not module.startswith(FACES)]
# SciPy's classes that its solvers take and return.
BORROWED = {"Bounds", "LinearConstraint", "NonlinearConstraint", "OptimizeResult"}
# Public, but not callable; the pages name them in their texts.
VALUES = {
    "autograd_lite.arrays.MOVE_COUNT",
    *("nn.datasets.cifar10.CLASSES", "nn.datasets.diabetes.FEATURES", "nn.datasets.fashion_mnist.CLASSES"),
    "autograd_lite.extend.ATTACHED",
    "autograd_lite.extend.NAMES",
    "autograd_lite.random.default_generator",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_module_shows_what_is_public_alone(module: str) -> None:
    home = importlib.import_module(module)
    assert dir(home) == sorted(home.__all__)
    assert len(set(home.__all__)) == len(home.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_shows_nothing_of_others(module: str) -> None:
    """What is public here was written here, or is named above."""
    things = _things(importlib.import_module(module))
    homes = {name: str(getattr(t, "__module__", getattr(t, "__name__", "ours"))) for name, t in things.items()}
    theirs = {name for name, home in homes.items() if home.partition(".")[0] not in ("autograd_lite", "nn", "ours")}
    assert {name for name in theirs if not isinstance(things[name], int | float | str | tuple | dict)} <= BORROWED


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_lists_what_is_public(module: str) -> None:
    """All of `__all__` has an entry, or is another name of what has one; and there are no further entries."""
    things = _things(importlib.import_module(module))
    entries, listed = (
        {entry.name for entry in ENTRIES if entry.module == module},
        {id(entry.thing) for entry in ENTRIES},
    )
    assert entries <= things.keys()
    others = {name: thing for name, thing in things.items() if id(thing) not in listed}
    assert [name for name, thing in others.items() if objects.is_ours(thing)] == []
    values = {f"{module}.{name}" for name, thing in others.items() if not callable(thing)}
    values = {name for name in values if not isinstance(things[name.rpartition(".")[2]], ModuleType)}
    assert values <= VALUES
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    assert [name for name in values if name.rpartition(".")[2] not in pages] == []


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


def test_pages_lead_to_what_belongs_to_an_object() -> None:
    others, pages = related.related(ENTRIES), related.pages(ENTRIES, ROOT / "docs")
    names = {entry.full_name: [other.full_name for other in others[entry]] for entry in ENTRIES}
    assert all(len({*near} - {name}) == len(near) <= related.MOST for name, near in names.items())
    assert sum(map(bool, names.values())) > 0.85 * len(names)
    assert {"autograd_lite.value_and_grad", "autograd_lite.vjp"} <= {*names["autograd_lite.grad"]}  # named; next to it
    assert "nn.activations.softmax" in names["nn.ops.softmax"]  # of the same name
    assert "nn.layers.Conv2DTranspose" in names["nn.layers.Conv1DTranspose"]  # of similar names
    (scan,) = [entry for entry in ENTRIES if entry.full_name == "autograd_lite.scan"]
    assert "guides/control_flow" in pages[scan]
    lines = "\n".join(related.see_also(scan, others[scan], pages[scan]))
    assert ":py:obj:`while_loop <autograd_lite.while_loop>`" in lines
    assert ":doc:`/guides/control_flow`" in lines
