"""`autograd.scipy.stats`: HIPS's eight distributions are modules; all others are as in `autograd_lite.scipy.stats`."""

from typing import TYPE_CHECKING, Any

from ..overlay import names_of
from . import (
    beta as beta,
    chi2 as chi2,
    dirichlet as dirichlet,
    gamma as gamma,
    multivariate_normal as multivariate_normal,
    norm as norm,
    poisson as poisson,
    t as t,
)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


globals().update({name: value for name, value in names_of("stats").items() if name not in globals()})
