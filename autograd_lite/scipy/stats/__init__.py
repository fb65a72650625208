"""`scipy.stats` for Tensors: densities, distribution functions, quantiles and moments with gradients by everything.

A distribution has SciPy's name, signature and results. Called with a Tensor among its arguments, `x`, shapes, `loc` or
`scale`, it has gradients of any order by each of them, works under `jvp`, `vmap` and `compile`, and is differentiable
where SciPy's values are; with arrays alone it is SciPy's own. `python -m autograd_lite help stats`
lists what has a gradient, and how exact.

Example:
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import stats
    >>> c = ag.tensor(1.5, requires_grad=True)
    >>> stats.weibull_min(c, scale=2.0).sf(2.0).item()  # exp(-1)
    0.36787944117144...
    >>> stats.weibull_min(c).mean().backward()
    >>> c.grad.item()  # -Γ'(1 + 1/c) / c²
    -0.072928...
"""

from __future__ import annotations

import scipy.stats

from ...core.messages import missing_name
from .betas import BETAS
from .bounded import BOUNDED
from .discrete import DISCRETE
from .distribution import Distribution
from .extremes import EXTREMES
from .gammas import GAMMAS
from .multivariate import (
    Joint as Joint,
    dirichlet as dirichlet,
    invwishart as invwishart,
    matrix_normal as matrix_normal,
    multinomial as multinomial,
    multivariate_normal as multivariate_normal,
    multivariate_t as multivariate_t,
    wishart as wishart,
)
from .normals import NORMALS

ROWS = {**NORMALS, **GAMMAS, **BETAS, **EXTREMES, **BOUNDED, **DISCRETE}
# The distributions of SciPy that are not here, and why.
LEFT_OUT = {
    "ksone": "SciPy documents no formula, and its one parameter counts",
    "kstwo": "SciPy documents no formula, and its one parameter counts",
    "kstwobign": "SciPy documents no formula",
    "landau": "its density is an integral that SciPy documents in an oscillating form",
    "levy_stable": "its density is an integral, for which SciPy has several parametrizations and methods",
    "studentized_range": "its density is a double integral",
    "rv_histogram": "its parameters are data",
    "hypergeom": "its parameters count: there is nothing to differentiate by",
    "nhypergeom": "its parameters count: there is nothing to differentiate by",
    "randint": "its parameters count: there is nothing to differentiate by",
    "poisson_binom": "its number of parameters varies",
}
_MADE: dict[str, Distribution] = {}
_JOINT = [name for name, value in globals().items() if isinstance(value, Joint)]
__all__ = sorted([*_JOINT, *(name for name in ROWS if hasattr(scipy.stats, name))])
__dir__ = __all__.copy


def __getattr__(name: str) -> Distribution:
    if name not in ROWS:
        if name not in LEFT_OUT and not hasattr(scipy.stats, name):
            raise missing_name(__name__, name, {}, __all__)
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}: {LEFT_OUT.get(name, 'dir() lists what it has')}. "
            "scipy.stats has it for arrays"
        )
    if name not in _MADE:
        _MADE[name] = Distribution(name, ROWS[name])
    return _MADE[name]
