"""Problems of README's table of speeds: what is written for HIPS autograd runs here with only its imports changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import contenders, models, problems
from benchmarks.contenders import autograd_lite as native

FOR_HIPS = Path(contenders.__file__).with_name("autograd.py")
PROBLEMS: dict[str, Callable[[], problems.Model]] = {
    "gaussian_process": models.gaussian_process_model,
    "kalman_filter": models.kalman_model,
    "lotka_volterra": models.lotka_volterra_model,
    "logistic": models.logistic_model,
    "rosenbrock": functools.partial(models.rosenbrock_model, 1000),
}


@pytest.fixture(scope="module")
def ported() -> ModuleType:
    """The benchmark's code for HIPS, with `autograd_lite.hips` in the place of `autograd`."""
    text = FOR_HIPS.read_text(encoding="utf-8")
    for statement in ("import autograd.", "from autograd import", "from autograd."):
        assert statement in text
        text = text.replace(statement, statement.replace("autograd", "autograd_lite.hips"))
    module = ModuleType("ported")
    exec(compile(text, str(FOR_HIPS), "exec"), vars(module))
    assert module.value_and_grad.__module__.startswith("autograd_lite.hips")
    return module


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_program_for_hips_gives_what_our_own_gives(name: str, ported: ModuleType) -> None:
    problem = PROBLEMS[name]()
    theirs, ours = ported.model(problem), native.model(problem)
    np.testing.assert_allclose(theirs.read(theirs.run()), ours.read(ours.run()), rtol=1e-12)
    expected = ours.result()
    assert theirs.result().keys() == expected.keys()
    for part, value in theirs.result().items():
        scale = np.abs(expected[part]).max()
        np.testing.assert_allclose(value / scale, expected[part] / scale, rtol=0, atol=1e-11, err_msg=part)


def test_its_primitive_has_the_derivative_of_what_it_computes(ported: ModuleType) -> None:
    problem = problems.chain(1, links=100)
    by_rule, by_ops = ported.primitive_chain(problem), ported.chain(problem)
    np.testing.assert_allclose(by_rule.run(), by_ops.run(), rtol=1e-12)
    for name, value in by_rule.result().items():
        np.testing.assert_allclose(value, by_ops.result()[name], rtol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize("name", PROBLEMS)
def test_it_gives_what_hips_gives(name: str, ported: ModuleType) -> None:
    pytest.importorskip("autograd")
    from benchmarks.contenders import autograd as hips

    problem = PROBLEMS[name]()
    here, there = ported.model(problem), hips.model(problem)
    np.testing.assert_allclose(here.read(here.run()), there.read(there.run()), rtol=1e-12)
    for part, value in here.result().items():
        expected = there.result()[part]
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max(), err_msg=part)
