"""What the functions of this folder that SciPy lacks have in common: calls, quadrature, derivatives of exponentials.

A density is an exponential exp(g) of its parameters. Its derivatives by them are itself times polynomials in those of
g, the complete Bell polynomials, and so an integral of it has derivatives that are integrals, too. With an integrand
that falls off steadily from one end to exp(-DEPTH) of it, one panel of Gauss' nodes finds these to all digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.duck_arrays import compute_by_numpy, is_duck_array
from ...core.errors import UnsupportedError

DEPTH = 40.0
# The first half of the nodes and weights of Gauss-Legendre quadrature on [0, 1], computed to 40 digits.
_NODES = (
    0.0008811451447203998, 0.004636880650271497, 0.011370025008112869, 0.021041590393104173, 0.03359359586066173,
    0.04895059651556285, 0.06702024839387025, 0.08769388458334416, 0.1108471742867403, 0.13634087240503645,
    0.16402165769291022, 0.19372305516600988, 0.2252664374524359, 0.25846209915691065, 0.2931103978141975,
    0.32900295458712076, 0.36592390749637316, 0.40365120964931445, 0.4419579646623724, 0.48061379124697456,
)  # fmt: skip
_WEIGHTS = (
    0.0022606385492665955, 0.005249142265576406, 0.008210529190953945, 0.01112292459708348, 0.0139685034900117,
    0.016730097641273922, 0.019391083987236008, 0.021935454092836634, 0.024347903817536116, 0.02661392349196841,
    0.028719884549695776, 0.03065312124646447, 0.03240200672830052, 0.03395602290761695, 0.03530582369564339,
    0.03644329119790203, 0.03736158452898413, 0.03805518095031312, 0.038519909082123986, 0.0387529739892124,
)  # fmt: skip
NODES = np.array([*_NODES, *(1 - t for t in reversed(_NODES))])
WEIGHTS = np.array([*_WEIGHTS, *reversed(_WEIGHTS)])
_BLOCK = 512  # elements whose nodes stay in the cache


def elementwise_in_double(
    inside: Callable[..., Any], compute: Callable[..., Any], zero: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function of arrays that broadcasts, from one of vectors of float64.

    Args:
        inside: where the result is computed, a mask of the vectors.
        compute: the function, of as many vectors and of parameters.
        zero: where the result is 0 unless it is computed, such as at an end of the domain; everywhere else it is NaN.
    """

    def call(*inputs: Any, **params: Any) -> Any:
        if any(map(is_duck_array, inputs)):  # no other array has these functions: NumPy computes them
            return compute_by_numpy(functools.partial(call, **params), *inputs)
        arrays = np.broadcast_arrays(*inputs)
        if any(x.dtype.kind == "c" for x in arrays):
            raise UnsupportedError("this derivative is known for real arguments; take the real part first")
        # As SciPy's ufuncs, which have loops for float32 and float64.
        lowest = np.float32 if any(hasattr(x, "dtype") for x in inputs) else np.float64
        dtype = np.result_type(*inputs, lowest)
        xs = [np.asarray(x, np.float64).reshape(-1) for x in arrays]
        out = np.zeros(xs[0].size)
        with np.errstate(all="ignore"):
            for start in range(0, out.size, _BLOCK):
                part = [x[start : start + _BLOCK] for x in xs]
                mask = inside(*part)
                if mask.all():
                    out[start : start + _BLOCK] = compute(*part, **params)
                    continue
                part_out = np.where(zero(*part), 0.0, np.nan)
                if mask.any():
                    part_out[mask] = compute(*(x[mask] for x in part), **params)
                out[start : start + _BLOCK] = part_out
        return out.reshape(arrays[0].shape).astype(dtype)[()]

    return call


# For |u| up to this the power series of exp(u) - 1 - u has all digits after this number of terms.
SERIES_REACH, _SERIES_TERMS = 0.6, 15


def expm1_rest(u: Any, short: Any) -> Any:
    """Return exp(u) - 1 - u for rows of u; `short` are those within SERIES_REACH, where the difference loses digits."""
    if not short.any():
        rest = np.expm1(u)
        rest -= u
        return rest
    if not short.all():
        rest = np.empty_like(u)
        rest[short], rest[~short] = expm1_rest(u[short], short[short]), expm1_rest(u[~short], short[~short])
        return rest
    total = u * (1 / _SERIES_TERMS) + 1
    for n in range(_SERIES_TERMS - 1, 2, -1):
        total *= u
        total *= 1 / n
        total += 1
    total *= u
    total *= u
    total *= 0.5
    return total


def bell(slopes: Sequence[Any]) -> Any:
    """Return the k-th derivative of exp(g) over exp(g), from the first k derivatives of g.

    References:
        Comtet: Advanced Combinatorics, 1974, section 3.3.
    """
    quotients: list[Any] = [1.0]
    for n in range(len(slopes)):
        terms = [math.comb(n, i) * quotients[n - i] * slopes[i] for i in range(n + 1)]
        quotients.append(functools.reduce(lambda total, term: total + term, terms))
    return quotients[-1]


def bell_of_two(slope: Callable[[int, int], Any], j: int, k: int) -> Any:
    """Return the derivative of exp(g(a, b)), j times by a and k times by b, over exp(g); slope(i, l) is that of g."""
    if j == k == 0:
        return 1.0
    by_a = 1 if j else 0  # the factor that is derived last
    j, k = j - by_a, k - 1 + by_a
    total = None
    for i in range(j + 1):
        for m in range(k + 1):
            rest = bell_of_two(slope, j - i, k - m)
            term = math.comb(j, i) * math.comb(k, m) * rest * slope(i + by_a, m + 1 - by_a)
            total = term if total is None else total + term
    return total
