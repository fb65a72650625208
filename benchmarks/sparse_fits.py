"""Three fits with thousands of parameters, from data to solution, beside SciPy with finite differences.

    python -m benchmarks.sparse_fits

Ours are given the functions alone. SciPy's solvers are given the pattern of the Jacobian, which ours find; where there
is no pattern to give (a gradient through a solve), the differences that one gradient needs are counted and multiplied
with the time of a value. Times are those of the processor, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from scipy.sparse import eye_array, kron, vstack

from autograd_lite import optimize, sparse

Residuals = Callable[[Any], Any]


def differences(n: int) -> tuple[Any, Any]:
    """Return differences of neighbors of an n x n square and of the cold outside, and means of such pairs."""
    ones = np.ones(n + 1)
    line = scipy.sparse.diags_array([ones, -ones[1:]], offsets=[0, -1], shape=(n + 1, n)).tolil()
    mean = abs(line) / 2
    mean[0, 0] = mean[n, n - 1] = 1
    eye = eye_array(n)
    return tuple(vstack([kron(one, eye), kron(eye, one)]).tocsr() for one in (line, mean))


def poisson(n: int = 128) -> Callable[[Any], Any]:
    """Return the loss of a field of conductivities, whose temperatures are compared with measured ones."""
    line, mean = differences(n)
    noise = np.random.default_rng(0)
    down, right = np.mgrid[0:n, 0:n] / (n - 1)
    source = np.exp(-((down - 0.4) ** 2 + (right - 0.6) ** 2) / 0.05).ravel()

    def temperature(log_k: Any) -> Any:
        return sparse.spsolve(line.T @ sparse.diags(mean @ np.exp(log_k)) @ line, source)

    truth = np.exp(-((down - 0.5) ** 2 + (right - 0.5) ** 2) / 0.03).ravel()
    measured = np.asarray(temperature(truth)) * (1 + 0.01 * noise.normal(size=n * n))

    def loss(log_k: Any) -> Any:
        error = (temperature(log_k) - measured) / (0.01 * measured.max())
        return (error**2).sum() / 2 + 0.1 * ((line @ log_k) ** 2).sum()

    return loss


def bundle(cameras: int = 49, points: int = 7776, observations: int = 31_843) -> tuple[Residuals, np.ndarray]:
    """Return the residuals of a bundle adjustment of the size of Ladybug-49, and a start: rotations, places, lenses."""
    rng = np.random.default_rng(0)
    seen_by = np.concatenate([rng.integers(cameras, size=observations - points), rng.integers(cameras, size=points)])
    seen = np.concatenate([rng.integers(points, size=observations - points), np.arange(points)])
    lenses = np.stack([np.full(cameras, 500.0), np.full(cameras, -1e-2), np.full(cameras, 1e-4)], axis=1)
    poses = 0.1 * rng.normal(size=(cameras, 6))
    poses[:, 5] -= 10
    truth = np.concatenate([np.hstack([poses, lenses]).ravel(), rng.normal(size=3 * points)])

    def projected(x: Any) -> Any:
        camera = x[: 9 * cameras].reshape(cameras, 9)[seen_by]
        point = x[9 * cameras :].reshape(points, 3)[seen]
        turn, place, lens = camera[:, :3], camera[:, 3:6], camera[:, 6:]
        angle = np.sqrt((turn**2).sum(axis=1) + 1e-12)[:, None]
        axis = turn / angle
        along = (axis * point).sum(axis=1)[:, None]
        cosine, sine = np.cos(angle), np.sin(angle)
        a, p = [axis[:, i] for i in range(3)], [point[:, i] for i in range(3)]
        cross = np.stack([a[1] * p[2] - a[2] * p[1], a[2] * p[0] - a[0] * p[2], a[0] * p[1] - a[1] * p[0]], axis=1)
        turned = cosine * point + sine * cross + along * (1 - cosine) * axis + place
        flat = -turned[:, :2] / turned[:, 2:]
        square = (flat**2).sum(axis=1)[:, None]
        return lens[:, :1] * (1 + lens[:, 1:2] * square + lens[:, 2:] * square**2) * flat

    measured = projected(truth) + 0.5 * rng.normal(size=(observations, 2))
    start = truth + 0.01 * rng.normal(size=truth.size) * np.maximum(1e-2, np.minimum(1, np.abs(truth)))
    return (lambda x: (projected(x) - measured).reshape(-1)), start


def smoothing(n: int = 316) -> tuple[Residuals, np.ndarray]:
    """Return the residuals of 100,000 nodes that are smoothed, edges kept, and a start."""
    line, _ = differences(n)
    inner = line[np.abs(line.sum(axis=1)) < 1e-9]
    rng = np.random.default_rng(0)
    down, right = np.mgrid[0:n, 0:n] / n
    noisy = ((down - 0.5) ** 2 + (right - 0.5) ** 2 < 0.1).ravel() + 0.1 * rng.normal(size=n * n)

    def residuals(x: Any) -> Any:
        step = inner @ x
        return np.concatenate([x - noisy, 0.3 * step / (0.04 + step**2) ** 0.25])

    return residuals, noisy


def seconds(f: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of a call, and its result."""
    begin = time.process_time()
    result = f()
    return time.process_time() - begin, result


def fit(name: str, residuals: Residuals, start: np.ndarray, **options: Any) -> str:
    """Return a row: least squares by ours, and by SciPy with differences and the pattern."""
    ours, found = seconds(lambda: optimize.least_squares(residuals, start, **options))
    pattern = sparse.jacobian(residuals).pattern(start)
    mask = scipy.sparse.csr_array((np.ones(pattern.nnz), pattern.indices, pattern.indptr), pattern.shape)
    theirs, other = seconds(
        lambda: scipy.optimize.least_squares(residuals, start, jac_sparsity=mask, tr_solver="lsmr", **options)
    )
    costs = f"{found.cost:.6g}, {other.cost:.6g}"
    return f"| {name} | {start.size:,} | {pattern.nnz:,} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} | {costs} |"


def main() -> None:
    """Print a table."""
    print("| fit | parameters | nonzeros | ours, s | SciPy, s | SciPy / ours | costs |\n|---|---|---|---|---|---|---|")
    loss = poisson()
    start = np.zeros(128**2)
    value = min(seconds(lambda: loss(start))[0] for _ in range(3))
    ours, found = seconds(
        lambda: optimize.minimize(loss, start, method="L-BFGS-B", options={"maxiter": 30, "maxfun": 40})
    )
    theirs = value * (start.size + 1) * found.nfev
    print(
        f"| Poisson inverse problem, 30 steps | {start.size:,} | | {ours:.2f} | "
        f"{theirs:,.0f}, by {found.nfev} x {start.size + 1:,} values | {theirs / ours:,.0f} | {found.fun:.6g} |",
        flush=True,
    )
    print(fit("bundle adjustment, of Ladybug-49's size", *bundle(), x_scale="jac", ftol=1e-4), flush=True)
    print(fit("smoothing of 316 x 316 nodes", *smoothing(), ftol=1e-4, max_nfev=20), flush=True)


if __name__ == "__main__":
    main()
