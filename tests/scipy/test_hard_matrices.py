"""Random matrices up to a condition of 1e17: no gradient is wrong by more than 1e-4, by 50 digits; most are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

mp = pytest.importorskip("mpmath")
pytest.importorskip("scipy")
from autograd_lite import sparse  # noqa: E402
from autograd_lite.scipy import linalg  # noqa: E402

pytestmark = pytest.mark.ci
N = 4
LAYOUT = sparse.csr(np.ones(N * N), np.tile(np.arange(N), N), np.arange(N + 1) * N, (N, N))


def precise(a: Any) -> Any:
    return mp.matrix(a.tolist())


def rounded(m: Any) -> Any:
    return np.array(m.tolist(), float).reshape(m.rows, m.cols)


def of_solve(a: Any, b: Any, w: Any) -> tuple[Any, Any]:
    """Return the gradient of w · a⁻¹ b."""
    x, s = (rounded(mp.lu_solve(m, precise(v))).reshape(-1) for m, v in ((precise(a), b), (precise(a).T, w)))
    return -np.outer(s, x), s


def of_pair(a: Any, c: Any) -> tuple[Any]:
    """Return the gradient of (c · v)² for the vector v of the largest eigenvalue."""
    w, v = mp.eigsy(precise(a))
    order = sorted(range(N), key=lambda i: w[i])
    along = [(precise(c).T * v[:, i])[0] for i in order]
    last = order[-1]
    s = mp.matrix(N, 1)
    for k, i in enumerate(order[:-1]):
        s += v[:, i] * (2 * along[-1] * along[k] / (w[last] - w[i]))
    return ((rounded(s * v[:, last].T) + rounded(v[:, last] * s.T)) / 2,)


def of_sylvester(a: Any, b: Any, q: Any, w: Any) -> tuple[Any, ...]:
    one = mp.eye(N)
    whole = mp.matrix(N * N, N * N)
    for i, j, k in np.ndindex(N, N, N):
        whole[i * N + j, k * N + j] += one[j, j] * mp.mpf(a[i, k])
        whole[i * N + j, i * N + k] += one[i, i] * mp.mpf(b[k, j])
    x, s = (rounded(mp.lu_solve(m, precise(v.reshape(-1)))).reshape(N, N) for m, v in ((whole, q), (whole.T, w)))
    return -s @ x.T, -x.T @ s, s


def of_root(a: Any, w: Any) -> tuple[Any]:
    values, v = mp.eigsy(precise(a))
    roots = [mp.sqrt(x) for x in values]
    inner = v.T * precise(w) * v
    for i, j in np.ndindex(N, N):
        inner[i, j] /= roots[i] + roots[j]
    return (rounded(v * inner * v.T),)


def problem(kind: str, k: float, rng: Any) -> tuple[Callable[..., Any], tuple[Any, ...], Callable[[], Any]]:
    """Return a function of arrays, these arrays, and what computes its gradient precisely."""
    p, q = (np.linalg.qr(rng.normal(size=(N, N)))[0] for _ in range(2))
    scales, b, w, c, d = 10.0 ** -np.linspace(0, k, N), *rng.normal(size=(2, N)), *rng.normal(size=(2, N, N))
    a, s = (q * scales) @ p, (q * scales) @ q.T
    s = (s + s.T) / 2
    match kind:
        case "dense":
            return lambda a, b: ag.linear_solve(a, b) @ w, (a, b), lambda: of_solve(a, b, w)
        case "sparse":
            f = lambda a, b: ag.linear_solve(LAYOUT.with_data(a.reshape(-1)), b) @ w  # noqa: E731
            return f, (a, b), lambda: of_solve(a, b, w)
        case "gmres":
            return lambda a, b: ag.linear_solve(lambda x: a @ x, b) @ w, (a, b), lambda: of_solve(a, b, w)
        case "eigenpair" | "eigsh":
            e = (q * np.array([0.0, 10.0**-k, 1.0, 1.0 + 10.0 ** -rng.uniform(0, 17)])) @ q.T
            e = (e + e.T) / 2
            one = lambda a: linalg.eigh(a, subset_by_index=[N - 1, N - 1])[1]  # noqa: E731
            if kind == "eigsh":
                one = lambda a: sparse.eigsh(LAYOUT.with_data(a.reshape(-1)), 1, which="LA")[1]  # noqa: E731
            return lambda a: (one(a)[:, 0] @ b) ** 2, (e,), lambda: of_pair(e, b)
        case "sylvester":
            left, right = rng.uniform(0.1, 1, size=(2, N))
            right[0] = 10.0**-k - left[0]
            pair = (q * left) @ q.T, c @ np.diag(right) @ np.linalg.inv(c)
            return lambda *m: (linalg.solve_sylvester(*m) * d).sum(), (*pair, p), lambda: of_sylvester(*pair, p, d)
        case _:
            return lambda a: (linalg.sqrtm(a) * d).sum(), (s,), lambda: of_root(s, d)


# What is well-posed, by the power of ten of the condition or the gap.
KINDS = {"dense": 10, "sparse": 10, "gmres": 5, "eigenpair": 0, "eigsh": 0, "sylvester": 8, "sqrtm": 7}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_gradient_is_wrong_in_silence(kind: str) -> None:
    rng, counts = np.random.default_rng(5), {"right": 0, "refused": 0, "refused though well-posed": 0}
    with mp.workdps(50):
        for _ in range(40):
            k = rng.uniform(0, 17)
            f, inputs, truth = problem(kind, k, rng)
            try:
                gradients = ag.grad(f, tuple(range(len(inputs))))(*inputs)
            except (ag.ImplicitError, np.linalg.LinAlgError, ag.DtypeError):
                counts["refused"] += 1
                counts["refused though well-posed"] += k < KINDS[kind]
                continue
            for g, expected in zip(gradients, truth(), strict=True):
                assert np.linalg.norm(g - expected) <= 1e-4 * np.linalg.norm(expected), (kind, k)
            counts["right"] += 1
    assert counts["refused though well-posed"] <= 1
    assert counts["right"] >= 10
    assert counts["refused"] >= 5
