"""Log-likelihoods: the sum of log densities over 10,000 points with its gradient by two parameters, and SciPy's value.

    python -m benchmarks.likelihoods          # prints a table; HIPS autograd is in it if it is installed

All contenders run in one process and take turns; the figure of each is the least of its rounds, in µs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

import autograd_lite as ag
from autograd_lite.scipy import stats

try:
    import autograd
    import autograd.numpy as anp
    import autograd.scipy.special
    import autograd.scipy.stats
except ImportError:
    autograd = None

POINTS, ROUNDS, CALLS = 10_000, 40, 10
X = np.random.default_rng(0).weibull(1.7, POINTS) + 1e-3
AT = np.array([1.7, 1.3])


def hips() -> dict[str, Callable[[Any], Any]]:
    """Return the same likelihoods for HIPS autograd: its own densities, and the formula where it has none."""
    gammaln, norm = autograd.scipy.special.gammaln, autograd.scipy.stats.norm

    def weibull(p: Any) -> Any:
        z = X / p[1]
        return anp.sum(anp.log(p[0] / p[1]) + (p[0] - 1) * anp.log(z) - z ** p[0])

    def gamma(p: Any) -> Any:  # its gamma.logpdf has no scale
        z = X / p[1]
        return anp.sum((p[0] - 1) * anp.log(z) - z - gammaln(p[0]) - anp.log(p[1]))

    return {"norm": lambda p: anp.sum(norm.logpdf(X, p[0], p[1])), "weibull_min": weibull, "gamma": gamma}


def contenders(name: str) -> dict[str, Callable[[], Any]]:
    """Return what is timed for a distribution."""
    ours, original = getattr(stats, name), getattr(scipy.stats, name)

    def loss(p: Any) -> Any:
        frozen = ours(p[0], p[1]) if name == "norm" else ours(p[0], scale=p[1])
        return frozen.logpdf(X).sum()

    def bare() -> Any:
        return original.logpdf(X, *AT).sum() if name == "norm" else original.logpdf(X, AT[0], 0, AT[1]).sum()

    eager = ag.value_and_grad(loss)
    compiled = ag.compile(eager)
    found = {
        "compiled, value and gradient": lambda: compiled(AT),
        "eager, value and gradient": lambda: eager(AT),
        "SciPy, value alone": lambda: (bare(),),
    }
    if autograd is not None:
        theirs = autograd.value_and_grad(hips()[name])
        found["HIPS autograd, value and gradient"] = lambda: theirs(AT)
    return found


def measured(name: str) -> dict[str, float]:
    """Return the least time of each contender, after all have computed the same."""
    found = contenders(name)
    value, gradient = found["eager, value and gradient"]()
    for label, run in found.items():
        results = run()
        np.testing.assert_allclose(float(results[0]), float(value), rtol=1e-10, err_msg=label)
        if len(results) > 1:
            np.testing.assert_allclose(results[1], gradient, rtol=1e-8, err_msg=label)
    least = dict.fromkeys(found, np.inf)
    for _ in range(ROUNDS):
        for label, run in found.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                run()
            least[label] = min(least[label], (time.perf_counter() - start) / CALLS * 1e6)
    return least


def main() -> None:
    """Print the table."""
    times = {name: measured(name) for name in ("norm", "weibull_min", "gamma")}
    print(f"| µs for {POINTS:,} points | {' | '.join(f'`{name}`' for name in times)} |")
    print("|---" * (len(times) + 1) + "|")
    for label in next(iter(times.values())):
        print(f"| {label} | {' | '.join(f'{times[name][label]:.0f}' for name in times)} |")


if __name__ == "__main__":
    main()
