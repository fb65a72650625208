"""Hypothesis, imported when a strategy is first made: the rest of the package works without it."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any


class Deferred:
    """A module of an optional dependency, imported at its first use."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            value = getattr(importlib.import_module(self._module), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "hypothesis":
                raise
            raise ImportError(
                "autograd_lite.testing: expected Hypothesis, which strategies and property tests are made with; it is "
                'not installed. Run: pip install "autograd-lite[testing]"'
            ) from None
        setattr(self, name, value)
        return value


hypothesis: Any = Deferred("hypothesis")
st: Any = Deferred("hypothesis.strategies")
hnp: Any = Deferred("hypothesis.extra.numpy")


def composite(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a strategy of a function whose first parameter is `draw`, as Hypothesis does, but when it is called."""
    strategies: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def strategy(*args: Any, **kwargs: Any) -> Any:
        if not strategies:
            strategies.append(st.composite(function))
        return strategies[0](*args, **kwargs)

    signature = inspect.signature(function)
    strategy.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:], return_annotation=Any
    )
    return strategy
