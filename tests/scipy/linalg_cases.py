"""Calls of `scipy.linalg`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from .case import Case, cnormal, normal

LU = "the order of rows or columns needs values"


def spread(n: int) -> Any:
    """Return a well-conditioned matrix with distinct real eigenvalues, all positive."""
    return np.diag(np.arange(1.0, n + 1)) + 0.2 * normal(n, n)


def definite(n: int) -> Any:
    a = normal(n, n)
    return a @ a.T + n * np.eye(n)


def bands(l: int, u: int, n: int) -> Any:  # noqa: E741
    ab = 0.3 * normal(l + u + 1, n)
    ab[u] += 2 + np.arange(n)
    return ab


LINALG = [
    *[
        Case(f"linalg.solve_triangular {trans} {low} {unit}", call, (spread(3), normal(3, 2)))
        for trans in (0, 1)
        for low in (True, False)
        for unit in (True, False)
        for call in [
            lambda m, a, b, t=trans, low=low, u=unit: m.solve_triangular(a, b, trans=t, lower=low, unit_diagonal=u)
        ]
    ],
    Case("linalg.solve_triangular vector", lambda m, a, b: m.solve_triangular(a, b), (spread(4), normal(4))),
    Case("linalg.solve_triangular C", lambda m, a, b: m.solve_triangular(a, b, "C"), (spread(3) + 0j, cnormal(3))),
    Case("linalg.cholesky", lambda m, a: m.cholesky(_sym(a)), (definite(3),)),
    Case("linalg.cholesky lower", lambda m, a: m.cholesky(_sym(a), lower=True), (definite(3),)),
    Case("linalg.cho_factor", lambda m, a: m.cho_factor(_sym(a))[0], (definite(3),)),
    *[
        Case(f"linalg.cho_solve {low}", call, (definite(3), normal(3, 2)))
        for low in (True, False)
        for call in [lambda m, a, b, low=low: m.cho_solve(m.cho_factor(_sym(a), lower=low), b)]
    ],
    *[
        Case(f"linalg.cholesky_banded {low} {k} {n}", call, (ab,))
        for low in (True, False)
        for k, n in ((2, 5), (1, 4), (0, 3), (2, 2), (3, 7))
        for ab in [bands(k, 0, n) if low else bands(0, k, n)]
        for call in [lambda m, ab, low=low: _inside(m.cholesky_banded(ab, lower=low), low)]
    ],
    *[
        Case(f"linalg.cho_solve_banded {low}", call, (bands(1, 0, 4) if low else bands(0, 1, 4), normal(4)))
        for low in (True, False)
        for call in [lambda m, c, b, low=low: m.cho_solve_banded((c, low), b)]
    ],
    Case("linalg.solve_banded", lambda m, ab, b: m.solve_banded((1, 2), ab, b), (bands(1, 2, 5), normal(5, 2))),
    Case("linalg.solve_banded wide", lambda m, ab, b: m.solve_banded((2, 2), ab, b), (bands(2, 2, 3), normal(3))),
    Case(
        "linalg.solve_banded complex", lambda m, ab, b: m.solve_banded((0, 1), ab, b), (bands(0, 1, 3) + 1j, cnormal(3))
    ),
    Case("linalg.solveh_banded", lambda m, ab, b: m.solveh_banded(ab, b), (bands(0, 2, 5), normal(5, 2))),
    Case(
        "linalg.solveh_banded lower", lambda m, ab, b: m.solveh_banded(ab, b, lower=True), (bands(2, 0, 5), normal(5))
    ),
    Case("linalg.solve", lambda m, a, b: m.solve(a, b), (spread(3), normal(3, 2))),
    Case("linalg.solve transposed", lambda m, a, b: m.solve(a, b, transposed=True), (spread(3), normal(3))),
    *[
        Case(f"linalg.solve {kind}", lambda m, a, b, kind=kind: m.solve(a, b, assume_a=kind), (definite(3), normal(3)))
        for kind in ("sym", "pos")
    ],
    Case("linalg.inv", lambda m, a: m.inv(a), (spread(3),)),
    Case("linalg.det", lambda m, a: m.det(a), (spread(3),)),
    *[
        Case(f"linalg.{name}", lambda m, a, name=name: getattr(m, name)(a), (spread(3) * 0.4,))
        for name in ("expm", "logm", "sqrtm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ],
    *[
        Case(f"linalg.{name} complex", lambda m, a, name=name: getattr(m, name)(a), (spread(2) + 0.5j * normal(2, 2),))
        for name in ("expm", "logm", "sqrtm")
    ],
    Case("linalg.fractional_matrix_power", lambda m, a: m.fractional_matrix_power(a, 0.3), (spread(3),)),
    Case("linalg.expm_frechet", lambda m, a, e: m.expm_frechet(a, e)[1], (spread(2) * 0.3, normal(2, 2))),
    Case("linalg.solve_sylvester", lambda m, a, b, q: m.solve_sylvester(a, b, q), (spread(3), spread(2), normal(3, 2))),
    Case(
        "linalg.solve_sylvester complex",
        lambda m, a, b, q: m.solve_sylvester(a, b, q),
        (spread(2) + 1j, spread(2) + 0j, cnormal(2, 2)),
    ),
    Case(
        "linalg.solve_continuous_lyapunov", lambda m, a, q: m.solve_continuous_lyapunov(a, q), (spread(3), normal(3, 3))
    ),
    *[
        Case(f"linalg.solve_discrete_lyapunov {kind}", call, (spread(3) * 0.2, normal(3, 3)))
        for kind in ("direct", "bilinear")
        for call in [lambda m, a, q, kind=kind: m.solve_discrete_lyapunov(a, q, method=kind)]
    ],
    Case("linalg.toeplitz", lambda m, c, r: m.toeplitz(c, r), (normal(3), normal(4))),
    Case("linalg.toeplitz one", lambda m, c: m.toeplitz(c), (cnormal(3),)),
    Case("linalg.circulant", lambda m, c: m.circulant(c), (normal(4),)),
    Case("linalg.hankel", lambda m, c, r: m.hankel(c, r), (normal(3), normal(4))),
    Case("linalg.hankel one", lambda m, c: m.hankel(c), (normal(3),)),
    Case("linalg.block_diag", lambda m, a, b, c: m.block_diag(a, b, c), (normal(2, 3), normal(2), normal())),
    Case("linalg.companion", lambda m, a: m.companion(a), (normal(4) + 2,)),
    Case("linalg.khatri_rao", lambda m, a, b: m.khatri_rao(a, b), (normal(2, 3), normal(4, 3))),
    Case(
        "linalg.matmul_toeplitz", lambda m, c, r, x: m.matmul_toeplitz((c, r), x), (normal(3), normal(4), normal(4, 2))
    ),
    Case("linalg.solve_toeplitz", lambda m, c, b: m.solve_toeplitz(c, b), (np.array([4.0, 1.0, 0.3]), normal(3))),
    *[
        Case(f"linalg.qr {mode} {shape}", lambda m, a, mode=mode: m.qr(a, mode=mode), (spread(4)[:, :shape],))
        for mode in ("economic", "r")
        for shape in (3, 4)
    ],
    Case(
        "linalg.qr pivoting",
        lambda m, a: m.qr(a, mode="economic", pivoting=True)[:2],
        (spread(4)[:, :3],),
        {"vmap": LU, "compile": LU},
    ),
    Case("linalg.lu", lambda m, a: m.lu(a), (normal(4, 4),)),
    Case("linalg.lu permute_l", lambda m, a: m.lu(a, permute_l=True), (normal(4, 4),)),
    Case("linalg.lu p_indices", lambda m, a: m.lu(a, p_indices=True)[1:], (normal(3, 3),)),
    Case("linalg.lu_factor", lambda m, a: m.lu_factor(a)[0], (normal(4, 4),)),
    *[
        Case(f"linalg.lu_solve {t} {len(b.shape)}", call, (normal(4, 4), b))
        for t in (0, 1)
        for b in (normal(4), normal(4, 2))
        for call in [lambda m, a, b, t=t: m.lu_solve(m.lu_factor(a), b, trans=t)]
    ],
    Case("linalg.eigh", lambda m, a: _unsigned(m.eigh(_sym(a))), (definite(3),)),
    *[
        Case(f"linalg.eigh generalized {kind}", call, (definite(3) @ np.diag([1, 2, 3.0]), definite(3)))
        for kind in (1, 2, 3)
        for call in [lambda m, a, b, kind=kind: _unsigned(m.eigh(_sym(a), _sym(b), type=kind, subset_by_index=[1, 2]))]
    ],
    Case(
        "linalg.eigvalsh",
        lambda m, a, b: m.eigvalsh(_sym(a), _sym(b), lower=False),
        (definite(3), definite(3) + np.diag([0, 1, 2.0])),
    ),
    Case("linalg.eig", lambda m, a: m.eig(a)[0], (spread(3),)),
    Case("linalg.eigvals", lambda m, a, b: m.eigvals(a, b), (spread(3), definite(3))),
    Case("linalg.svd", lambda m, a: _unsigned(m.svd(a, full_matrices=False)[1:]), (normal(4, 3),)),
    Case("linalg.svdvals", lambda m, a: m.svdvals(a), (normal(4, 3),)),
    Case("linalg.pinv", lambda m, a: m.pinv(a), (normal(4, 3),)),
    Case("linalg.pinvh", lambda m, a: m.pinvh(_sym(a)), (definite(3),)),
    Case("linalg.norm", lambda m, a: m.norm(a), (normal(2, 3),)),
    Case("linalg.lstsq", lambda m, a, b: m.lstsq(a, b)[:2], (normal(4, 2), normal(4))),
    *[
        Case(f"linalg.{name}{kind}", call, inputs)
        for name in ("solve_continuous_are", "solve_discrete_are")
        for kind, cost, more in (
            ("", definite, ()),
            (" complex", lambda n: definite(n) + 0.3j * (np.tri(n) - np.tri(n).T), ()),
            (" generalized", definite, (spread(3) / 2, 0.1 * normal(3, 2))),
        )
        for draw in [cnormal if "complex" in kind else normal]
        for inputs in [(0.5 * draw(3, 3), draw(3, 2), cost(3), cost(2), *more)]
        for call in [
            lambda m, a, b, q, r, *more, name=name: getattr(m, name)(a, b, _sym(q), _sym(r), *more, balanced=not more)
        ]
    ],
]

if np.lib.NumpyVersion(scipy.__version__) >= "1.17.0":  # earlier ones make one row of many
    LINALG.append(Case("linalg.toeplitz many", lambda m, c, r: m.toeplitz(c, r), (normal(2, 3), normal(4))))


def _inside(c: Any, lower: bool) -> Any:
    """Return bands without what lies outside of the matrix, where LAPACK leaves anything."""
    k, n = c.shape
    r, j = np.arange(k)[:, None], np.arange(n)
    return np.where(r + j < n if lower else j >= k - 1 - r, c, 0)


def _sym(a: Any) -> Any:
    return (a + a.conj().T) / 2


def _unsigned(pair: Any) -> Any:
    """Return values and vectors, the latter without the sign that is not determined."""
    w, v = pair
    return w, v * v
