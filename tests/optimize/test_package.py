"""`autograd_lite.optimize` loads late, and says what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules["scipy"] = None
import autograd_lite as ag
import nn
assert "optimize" in dir(ag)
attempts = [lambda: ag.optimize.minimize, lambda: ag.implicit(None), lambda: nn.optimizers.minimize(abs, 1.0)]
for attempt in attempts:
    try:
        attempt()
    except ImportError as error:
        print(error)
"""


def test_without_scipy_it_says_what_to_install() -> None:
    told = subprocess.run([sys.executable, "-c", WITHOUT], check=True, capture_output=True, text=True).stdout
    lines = told.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"autograd_lite.{x}" for x in ("optimize", "solutions", "optimize")
    ]
    assert all(
        "expected the package scipy; " in line and "pip install 'autograd-lite[scipy]'" in line for line in lines
    )


def test_the_classes_of_scipy_are_its_own() -> None:
    scipy_optimize = pytest.importorskip("scipy.optimize")
    from autograd_lite import optimize

    for name in ("Bounds", "LinearConstraint", "NonlinearConstraint", "OptimizeResult"):
        assert getattr(optimize, name) is getattr(scipy_optimize, name)
