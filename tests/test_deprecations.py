"""Deprecated names work, warn once at each line of the caller, and do not outlive the version that they name."""

from __future__ import annotations

import inspect
import re
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autograd_lite
from autograd_lite.core import deprecations
from autograd_lite.extend import deprecated, overdue, redirect

from .test_reference import PUBLIC

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what the tests deprecate out of the list of the rest."""
    monkeypatch.setattr(deprecations, "_DEPRECATIONS", list(deprecations._DEPRECATIONS))


def caught(calls: Callable[[], Any], action: Any = "default") -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter(action)
        calls()
    return messages


def in_package(source: str) -> dict[str, Any]:
    """Run a text as a module of a package with deprecated names."""
    names: dict[str, Any] = {"__name__": "shapes.plane", "deprecated": deprecated}
    exec(compile(inspect.cleandoc(source), "shapes/plane.py", "exec", dont_inherit=True), names)
    return names


PACKAGE = """
    @deprecated("0.4", "Use surface")
    def area(width: float, height: float) -> float:
        '''Return the area.'''
        return width * height

    @deprecated("0.3", width="length")
    def square(length: float) -> float:
        return length * length

    class Plane:
        @deprecated("0.4", "Use extent")
        def size(self) -> int:
            return 2

    def inner(x):
        return square(width=x)
"""


def test_a_function_warns_once_at_each_line_outside_of_its_package() -> None:
    area = in_package(PACKAGE)["area"]

    def calls() -> None:
        for _ in range(3):
            assert area(2.0, 3.0) == 6.0
        area(1.0, 1.0)

    messages = caught(calls)
    first = inspect.getsourcelines(calls)[1]
    assert [(m.filename, m.lineno) for m in messages] == [(__file__, first + 2), (__file__, first + 3)]
    assert {m.category for m in messages} == {DeprecationWarning}
    assert str(messages[0].message) == "area is deprecated and will be removed in shapes 0.4. Use surface"


def test_a_renamed_argument_is_passed_on() -> None:
    names = in_package(PACKAGE)
    square = names["square"]
    assert caught(lambda: square(3.0)) == caught(lambda: square(length=3.0)) == []
    (message,) = caught(lambda: square(width=3.0))
    text = "square: the argument width= is deprecated and will be removed in shapes 0.3. Write length="
    assert (message.filename, str(message.message)) == (__file__, text)
    (message,) = caught(lambda: names["inner"](3.0))
    assert message.filename == __file__  # not the line of the package that passes the old name on
    with pytest.raises(TypeError, match=r"square: expected length= alone; received width= too"):
        square(length=1.0, width=1.0)


def test_what_help_shows() -> None:
    names = in_package(PACKAGE)
    assert str(inspect.signature(names["square"])) == "(length: float) -> float"
    assert names["square"].__doc__.endswith("removed in shapes 0.3. Write length=.")
    assert re.fullmatch(r"Return the area\.\n\narea is deprecated .* Use surface\.", names["area"].__doc__)


def test_methods_warn_and_classes_are_refused() -> None:
    plane = in_package(PACKAGE)["Plane"]()
    (message,) = caught(lambda: plane.size())
    assert str(message.message).startswith("Plane.size is deprecated")
    with pytest.raises(TypeError, match="For a class, use redirect"):
        deprecated("0.3")(type(plane))


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module that knows some names late already."""

    def otherwise(name: str) -> Any:
        if name == "late":
            return 1
        raise AttributeError(name)

    module = types.ModuleType("shapes")
    vars(module).update(__getattr__=otherwise, __path__=[], now=2)
    monkeypatch.setitem(sys.modules, "shapes", module)
    redirect("shapes", "0.4", Root="math.sqrt")
    return module


def test_a_moved_name_is_found_at_its_old_place(plane: Any) -> None:
    (message,) = caught(lambda: plane.Root(4.0))
    text = "shapes.Root is deprecated and will be removed in shapes 0.4. Use math.sqrt"
    assert (message.filename, str(message.message)) == (__file__, text)
    assert caught(lambda: (plane.late, plane.now)) == []
    with pytest.raises(AttributeError):
        _ = plane.gone

    def imports() -> None:
        from shapes import Root  # type: ignore[import-not-found]

        assert Root(9.0) == 3.0

    (message,) = caught(imports)
    assert message.filename == __file__  # not of the import system, which asks first


def test_it_is_overdue_once_the_version_is_there() -> None:
    in_package(PACKAGE)
    assert overdue("shapes", "0.2.9") == overdue("other", "9.0") == []
    assert [text.partition(" is ")[0] for text in overdue("shapes", "0.3.0.dev1")] == ["square: the argument width="]
    assert len(overdue("shapes", "0.4")) == 3
    assert overdue("shapes", "0.10") == overdue("shapes", "1") == overdue("shapes", "0.4.0")
    with pytest.raises(ValueError, match="expected a version"):
        overdue("shapes", "next")


def test_no_deprecated_name_outlives_the_version_that_it_names() -> None:
    assert len(PUBLIC) > 50  # modules, which are imported
    assert overdue("autograd_lite", autograd_lite.__version__) == []


def test_the_policy_is_written_down() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "### Deprecating a name" in text
    for name in ("`@deprecated(", "`redirect(__name__", "DeprecationWarning", "two minor versions"):
        assert name in text
