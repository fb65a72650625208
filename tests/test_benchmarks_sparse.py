"""Sparse derivatives of the benchmarks' problems: all contenders compute the same, and the solves reach the optima."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

pytest.importorskip("scipy")

from benchmarks import sparse, sparse_problems

SMALL = {
    "tridiagonal, Jacobian, n = 5,000": 50,
    "Rosenbrock, Hessian, n = 5,000": 50,
    "Brusselator 32 x 32": 2 * 4**2,
    "heat 200 x 200": 6**2,
    "stencil 1000 x 1000": 6**2,
}


@pytest.mark.ci
@pytest.mark.parametrize("name", SMALL)
def test_contenders_compute_the_same_matrix(name: str) -> None:
    pytest.importorskip("casadi")
    row = sparse_problems.SPARSE[name]._replace(size=SMALL[name])
    contenders = sparse.of_stencil(name, row, None)
    assert len(contenders) > 1
    assert sparse.lines(name, contenders, 1)  # compares
    assert len({contender.nnz for contender in contenders.values()}) == 1


@pytest.mark.ci
@pytest.mark.parametrize(
    "make",
    [
        sparse_problems.power_flow,
        partial(sparse_problems.luksan_vlcek, n=50),
        partial(sparse_problems.van_der_pol, intervals=20),
    ],
)
def test_derivatives_of_large_problems_are_those_of_casadi(make: Callable[..., sparse_problems.Large]) -> None:
    for module in ("casadi", "pypower"):
        pytest.importorskip(module)
    for kind, contenders in sparse.of_large(make, c=False).items():
        ours, other = contenders["ours"], contenders["CasADi"]
        assert ours.nnz == other.nnz
        np.testing.assert_allclose(ours.probe, other.probe, rtol=1e-11, err_msg=kind)


@pytest.mark.ci
@pytest.mark.parametrize("name", sparse_problems.PROBLEMS)
def test_large_problems_are_solved(name: str) -> None:
    for module in ("pounce", "pypower"):
        pytest.importorskip(module)
    make = sparse_problems.PROBLEMS[name]
    value, _ = sparse.by_ipopt(make)
    np.testing.assert_allclose(value, make().optimum, rtol=1e-6)
