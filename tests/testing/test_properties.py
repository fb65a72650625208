"""`property_test` and its kin: right functions pass, planted bugs are found, shrunk and explained, in good time."""

from __future__ import annotations

import inspect
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis.internal.reflection import function_digest

import autograd_lite as ag
from autograd_lite.testing import (
    GradientMismatch,
    GradReport,
    grad_property,
    module_test,
    properties,
    property_test,
    strategies as gst,
)
from autograd_lite.testing.properties import PROFILES, Call, Specification
from nn.layers import Dense
from nn.models import Sequential

ROOT = Path(__file__).resolve().parents[2]


def affine(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


def softclip(x: Any) -> Any:
    return np.tanh(x) * (x * x + 1)


def blend(x: Any, y: Any) -> Any:
    return np.sin(x) * y + np.logaddexp(x, y)


def largest(x: Any, axis: Any) -> Any:
    return x.max(axis=axis)


# Each is a test of its own, as a user would write it.
test_affine = property_test(affine, "(n,k),(k,m),(m)->(n,m)")
test_softclip = property_test(softclip)
test_blend = property_test(blend)
test_power = property_test(lambda x, y: x**y, 2, domain=["positive", "real"])
test_largest = property_test(largest, domain="distinct", kwargs=lambda x: {"axis": gst.axis(x)})
test_relu = property_test(ag.relu, 1, examples=50)
test_inverse = property_test(lambda x: x @ x, "(n,n)", domain="invertible", profile="quick")
test_range = property_test(np.arcsin, 1, domain=(-0.875, 0.875), profile="quick")
test_ranks = property_test(lambda x, y: x * y, [(2, 3), (3,)], profile="quick")
test_drawn_shapes = property_test(np.square, gst.shapes(1, 2).map(lambda shape: (shape,)), profile="quick")
test_second_order = property_test(blend, order=2, profile="quick")
test_in_float32 = property_test(np.sin, 1, domain="unit", dtype=np.float32, profile="quick")
test_empty = property_test(lambda x: np.exp(x).sum(), min_side=0, profile="quick")
test_dense = module_test(lambda: Dense(4), "(b,3)", profile="quick")
test_stack = module_test(
    lambda: Sequential([Dense(3, activation="tanh"), Dense(2)]), "(b,3)", domain="unit", profile="quick"
)


@grad_property("(n,k),(k,m)", domain="unit", profile="quick")  # far out 1 - tanh² is nothing but rounding
def test_decorated(x: Any, w: Any) -> Any:
    return np.sum(np.tanh(x @ w))


@grad_property
def test_decorated_without_arguments(x: Any) -> Any:
    return np.cos(x) * x


# ---- planted bugs ---------------------------------------------------------------------------------------------------


def found_by(test: Callable[[], None]) -> tuple[GradientMismatch, str]:
    with pytest.raises(GradientMismatch) as caught:
        test()
    return caught.value, "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def detached(x: Any, y: Any) -> Any:
    return x * (y.detach() if isinstance(y, ag.Tensor) else y)


def leaky_beyond_a_bound(x: Any) -> Any:
    """Wrong where x <= -1, by a constant that no gradient reaches."""
    slope = (x.detach() if isinstance(x, ag.Tensor) else x) if np.min(value(x)) <= -1 else x
    return np.where(value(x) > 0, x, 0.1 * slope)


def value(x: Any) -> Any:
    return x.numpy() if isinstance(x, ag.Tensor) else x


def wrong_for_two_rows(x: Any, w: Any) -> Any:
    return (x.detach() if x.shape[0] == 2 and isinstance(x, ag.Tensor) else x) @ w


def test_a_cut_history_is_found_at_the_simplest_inputs() -> None:
    error, text = found_by(property_test(detached))
    assert error.name == "y"
    assert error.analytic == 0
    assert [np.asarray(a).tolist() for a in error.args] == [1, 0]
    assert "  inputs     x = np.array(1.0)\n             y = np.array(0.0)\n" in text
    assert "check_grads(detached, np.array(1.0), np.array(0.0))" in text


def test_it_shrinks_to_the_bound_of_the_bug() -> None:
    error, text = found_by(property_test(leaky_beyond_a_bound))
    assert np.asarray(error.args[0]).tolist() == -1
    assert "x = np.array(-1.0)" in text
    assert error.analytic == 0


def test_it_shrinks_to_the_shape_of_the_bug() -> None:
    _, text = found_by(property_test(wrong_for_two_rows, "(n,k),(k,m)->(n,m)", loops=False))
    assert "x = np.array([[0.0], [0.0]])\n             w = np.array([[1.0]])" in text


def test_a_test_of_a_module_finds_a_wrong_parameter() -> None:
    class Forgetful(Dense):
        def call(self, x: Any) -> Any:
            return x @ self.kernel.detach() + self.bias

    error, text = found_by(module_test(lambda: Forgetful(2), "(b,3)", profile="quick"))
    assert "kernel" in str(error.name)
    assert "seed = 0" in text
    assert "module = Forgetful(units=2)" in text


def test_an_exception_of_the_function_shows_the_inputs() -> None:
    def picky(x: Any) -> Any:
        if x.ndim == 2:
            raise RuntimeError("no matrices")
        return x

    with pytest.raises(RuntimeError, match="no matrices") as caught:
        property_test(picky)()
    assert caught.value.__notes__ == [
        "inputs, the simplest that Hypothesis found to fail:\n    x = np.array([[0.0]])",
    ]


# ---- what is drawn --------------------------------------------------------------------------------------------------


def drawn(test_of: Callable[[Callable[..., Any]], Callable[[], None]]) -> list[tuple[Any, ...]]:
    """Return all arguments that a property test calls a function with first."""
    seen: list[tuple[Any, ...]] = []

    def recorder(*args: Any) -> Any:
        if all(isinstance(a, ag.Tensor) for a in args):
            seen.append(tuple(np.array(a.detach().numpy()) for a in args))
        return sum((a * a).sum() for a in args)

    test_of(recorder)()
    return seen


def test_a_tenth_of_the_draws_seeks_ties_and_zeros() -> None:
    round_ones = {0.0, 1.0, -1.0, 2.0, -2.0}
    shares = []
    for share in (0.0, 0.1, 1.0):
        calls = drawn(lambda f, share=share: property_test(f, [(4,)], seek_kinks=share, examples=80))
        shares.append(np.mean([set(x.ravel()) <= round_ones for (x,) in calls]))
    assert shares[0] < 0.08 < shares[2]
    assert shares[0] < shares[1] < 0.5
    assert shares[2] == 1


def test_shapes_of_one_array_have_0_to_3_axes() -> None:
    ranks = {x.ndim for (x,) in drawn(lambda f: property_test(f, 1))}
    assert ranks == {0, 1, 2, 3}


def test_leading_axes_are_given_to_what_takes_them() -> None:
    spec = Specification(affine, "(n,k),(k,m),(m)->(n,m)", "real")
    assert spec._batched_arguments({}) == [True, True, False]
    assert Specification(lambda x, y: (x * y).sum(-1), "(n),(n)->()", "real")._batched_arguments({}) == [True, True]
    assert Specification(np.linalg.det, "(n,n)->()", "spd")._batched_arguments({}) == [True]
    assert Specification(np.trace, "(n,n)->()", "real")._batched_arguments({}) == [False]
    assert Specification(lambda x: x.sum(), "(n)", "real")._batched_arguments({}) == [True]
    assert Specification(lambda x: x, "(n)->(n)", gst.elements())._batched_arguments({}) == [False]


def test_how_many_arguments_there_are() -> None:
    assert Specification(blend, None, "real").count() == 2
    assert Specification(largest, None, "real", {"axis": 0}).count() == 1
    assert Specification(largest, None, "real", lambda x: {"axis": 0}).count() == 1
    assert Specification(np.hypot, None, "real").count() == 2
    assert Specification(blend, gst.broadcastable_shapes(2), "real").count() is None
    with pytest.raises(ValueError, match="a list with one for each of 2 arguments"):
        property_test(blend, domain=["real"])


def test_a_call_prints_as_code() -> None:
    call = Call("f", (np.array([1.0, 0.5]), 2), {"axis": 0})
    assert repr(call) == "f([1., 0.5], 2, axis=0)"


# ---- how it runs ----------------------------------------------------------------------------------------------------


def test_a_function_of_two_arguments_takes_less_than_two_seconds() -> None:
    """With the default settings, and 100 examples; the best of a few runs, for others may use the machine."""
    test = property_test(blend)
    times = []
    while len(times) < 4 and min(times, default=9.0) > 2:
        start = time.process_time()
        test()
        times.append(time.process_time() - start)
    assert min(times) < 2


def test_settings() -> None:
    def settings_of(**options: Any) -> Any:
        return property_test(softclip, **options)._hypothesis_internal_use_settings  # type: ignore[attr-defined]

    assert settings_of().deadline is None
    assert settings_of().max_examples == hypothesis.settings.default.max_examples
    assert settings_of(profile="quick").max_examples == PROFILES["quick"]["max_examples"] == 20
    assert settings_of(profile="ci").derandomize
    assert settings_of(examples=7).max_examples == 7
    with pytest.raises(ValueError, match="profile among quick, default, ci; received 'slow'"):
        settings_of(profile="slow")


def test_the_environment_chooses_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRAD_LITE_PROFILE", "quick")
    assert property_test(softclip)._hypothesis_internal_use_settings.max_examples == 20  # type: ignore[attr-defined]


def test_every_test_has_its_own_examples_in_the_database() -> None:
    tests = [property_test(softclip), property_test(blend), property_test(softclip, domain="unit"), test_dense]
    digests = {function_digest(test.hypothesis.inner_test) for test in tests}  # type: ignore[attr-defined]
    assert len(digests) == 4
    again = property_test(softclip)
    assert function_digest(again.hypothesis.inner_test) in digests  # type: ignore[attr-defined]


def test_what_nothing_can_be_said_about_is_passed_over_unless_it_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    blurred = GradReport("f", failures=[GradientMismatch("blurred", verdict="inconclusive")])
    wrong = GradReport("f", failures=[GradientMismatch("wrong", verdict="wrong")])
    reports = {"": [GradReport("f")], "some": [blurred, GradReport("f")], "all": [blurred], "bad": [blurred, wrong]}
    for what, answers in reports.items():
        turns = itertools.cycle(answers)
        monkeypatch.setattr(properties, "check_grads", lambda *a, turns=turns, **k: next(turns))
        test = property_test(softclip, examples=5)
        if what == "all":
            with pytest.raises((hypothesis.errors.Unsatisfiable, hypothesis.errors.FailedHealthCheck)):
                test()
        elif what == "bad":
            # Not the same twice, which Hypothesis sees; but by no means silent.
            with pytest.raises((GradientMismatch, hypothesis.errors.Flaky)):
                test()
        else:
            test()


def test_names_and_places() -> None:
    test = property_test(softclip)
    assert test.__name__ == "test_softclip"
    assert test.__module__ == __name__
    code = inspect.unwrap(test).__code__
    assert (code.co_filename, code.co_firstlineno) == (__file__, inspect.currentframe().f_lineno - 4)  # type: ignore[union-attr]
    assert property_test(lambda x: x).__name__ == "test_function"
    assert property_test(softclip, name="clip").__name__ == "test_clip"
    assert test.hypothesis.inner_test.__doc__ == "The gradients of softclip are right."  # type: ignore[attr-defined]


IN_PYTEST = """
import numpy as np
from autograd_lite.testing import property_test

def slope(x):
    return np.where(x > 0, x, 0.1 * x)

def bad(x):
    return x * 2 if isinstance(x, np.ndarray) else x.detach() + x

test_good = property_test(slope)
test_bad = property_test(bad)
"""


def test_in_pytest(tmp_path: Path) -> None:
    """Statistics name what was met; a failure shows shrunk arguments and the checker's words."""
    (tmp_path / "test_it.py").write_text(IN_PYTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics"]
    done = subprocess.run(
        [*command, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment()
    )
    assert "1 failed, 1 passed" in done.stdout
    assert "a kink" in done.stdout
    assert "an array without axes" in done.stdout
    assert "the gradient of bad by x is wrong" in done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
