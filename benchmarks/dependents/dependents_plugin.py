"""A pytest plugin that writes, test by test, the outcome and the processor time inside autograd's entry points.

    DEPENDENTS_OUT=tests.jsonl python -m pytest -p dependents_plugin …

The same wrapper is put around HIPS's functions and around ours. A call of `grad(f)(x)` counts, with what f costs inside
it; so do the calls of a pullback that `make_vjp` returns. What the library under test makes a primitive of, and rules
that it states by `defvjp` and its relatives, are its own work, and stop the clock while they run. This module is loaded
by name from its own folder, since a library under test may have a package called `benchmarks`.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from types import FunctionType, MethodType, ModuleType
from typing import Any

import pytest

ENTRIES = """
    grad value_and_grad elementwise_grad deriv jacobian hessian holomorphic_grad grad_named grad_and_aux multigrad_dict
    make_vjp make_jvp make_jvp_reversemode make_hvp make_ggnvp hessian_vector_product hessian_tensor_product
    vector_jacobian_product tensor_jacobian_product backward_pass
""".split()  # noqa: SIM905
RULES = [f"def{kind}{suffix}" for kind in ("vjp", "jvp") for suffix in ("", "_argnum", "_argnums")]
PRIMITIVES = ["primitive", "notrace_primitive"]
# Imported first, so that primitives and rules which autograd itself states are not taken for a user's.
MODULES = """
    autograd autograd.numpy autograd.numpy.linalg autograd.numpy.fft autograd.numpy.random autograd.extend autograd.core
    autograd.scipy autograd.scipy.special autograd.scipy.stats autograd.scipy.linalg autograd.scipy.signal
    autograd.scipy.integrate autograd.differential_operators autograd.misc.fixed_points autograd.test_util
""".split()  # noqa: SIM905


class Clock:
    """Sums processor time inside entry points, less that inside users' own code; the innermost of the two decides."""

    def __init__(self, now: Callable[[], float] = time.process_time) -> None:
        self.now, self.seconds, self.calls = now, 0.0, 0
        self._running, self._since = False, 0.0

    def _switch(self, running: bool) -> None:
        now = self.now()
        if self._running:
            self.seconds += now - self._since
        self._running, self._since = running, now

    def _wrapped(self, f: Callable[..., Any], running: bool) -> Callable[..., Any]:
        @functools.wraps(f)
        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self._running
            if before == running:
                return self._result(f(*args, **kwargs), running)
            self.calls += running
            self._switch(running)
            try:
                return self._result(f(*args, **kwargs), running)
            finally:
                self._switch(before)

        return timed

    def _result(self, out: Any, running: bool) -> Any:
        """Wrap the functions in what a wrapped function returns: grad(f), the pullback of make_vjp, that of a rule."""
        if type(out) is tuple:
            return tuple(self._result(part, running) for part in out)
        functions = (FunctionType, MethodType, functools.partial)
        return self._wrapped(out, running) if isinstance(out, functions) else out

    def entry(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return an entry point that is timed."""
        return self._wrapped(f, True)

    def stating(self, define: Callable[..., Any]) -> Callable[..., Any]:
        """Return `primitive`, `defvjp` or the like; the functions that it is given stop the clock."""

        @functools.wraps(define)
        def defined(fun: Any, *rules: Any, **kwargs: Any) -> Any:
            if define.__name__ in PRIMITIVES:
                fun = self._wrapped(fun, False)
            return define(
                fun, *(self._wrapped(r, False) if isinstance(r, FunctionType) else r for r in rules), **kwargs
            )

        return defined

    def install(self, modules: Iterable[ModuleType]) -> None:
        """Put the wrappers into the modules, wherever an entry point or a definer is named; one wrapper for each."""
        made: dict[Any, Callable[..., Any]] = {}
        modules = list(modules)
        for wrap, names in ((self.entry, ENTRIES), (self.stating, RULES + PRIMITIVES)):
            for module in modules:
                for name in names:
                    if isinstance(f := vars(module).get(name), FunctionType):
                        setattr(module, name, made.setdefault(f, wrap(f)))


CLOCK = Clock()
_SEEN: dict[str, str] = {}  # the outcome of the test that runs
_NAME = pytest.StashKey[str]()
# What a function that a test is given looks like in the test's name.
_FUNCTION = re.compile(r"<(?:[^<>]|<[^<>]*>)* at 0x[0-9a-f]+>|<(?:ufunc|primitive|built-in) [^<>]*>")


def _write(test: str, outcome: str, seconds: float = 0.0, calls: int = 0, text: str = "") -> None:
    line = {"test": test, "outcome": outcome, "seconds": seconds, "calls": calls, "text": text}
    with open(os.environ["DEPENDENTS_OUT"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _last_line(report: Any) -> str:
    return next(
        (line[1:].strip() for line in str(report.longrepr).splitlines() if line.startswith("E  ")),
        str(report.longrepr).strip().rpartition("\n")[2],
    )[:300]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Wrap autograd before any conftest imports it, and give back the names that the library wants of NumPy 1."""
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name == "autograd":
                raise
    found = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "autograd"]
    CLOCK.install(dict.fromkeys(found))
    for pair in os.environ.get("DEPENDENTS_NUMPY", "").split():
        old, new = pair.split("=")
        for numpy in (sys.modules["numpy"], sys.modules["autograd.numpy"]):
            setattr(numpy, old, getattr(numpy, new))


def _seed() -> None:
    import numpy as np

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002, the generator that the tests use


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Let the arrays that tests are parametrized with be the same in both libraries."""
    _seed()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Name what is to run, the same in both libraries, and write it, in case a time limit or a crash comes first."""
    seen: Counter[str] = Counter()
    for item in session.items:
        name = _FUNCTION.sub("<function>", item.nodeid)
        seen[name] += 1
        item.stash[_NAME] = name if seen[name] == 1 else f"{name} #{seen[name]}"
        _write(item.stash[_NAME], "unreached")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test from the same seed in both libraries, and write how it went."""
    _seed()
    _SEEN.clear()
    _write(item.stash[_NAME], "started")
    seconds, calls = CLOCK.seconds, CLOCK.calls
    done = yield
    outcome, text = next(
        ((kind, _SEEN[kind]) for kind in ("failed", "skipped", "passed") if kind in _SEEN), ("missing", "")
    )
    _write(item.stash[_NAME], outcome, CLOCK.seconds - seconds, CLOCK.calls - calls, text)
    return done


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome of a phase of the test that runs."""
    _SEEN.setdefault(report.outcome, _last_line(report) if report.failed else "")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write a file that could not be collected, as a test that failed."""
    if report.failed:
        _write(report.nodeid, "failed", text=_last_line(report))
