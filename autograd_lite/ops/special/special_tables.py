"""The tables of this folder as one, which is loaded when SciPy's functions first meet a Tensor."""

from __future__ import annotations

from .bessel import BESSEL
from .beta_functions import BETA
from .distributions import DISTRIBUTIONS
from .elementary import ENTROPY_AND_LOGISTIC, POWERS
from .elliptic import ELLIPTIC
from .error_functions import ERROR_FUNCTIONS
from .faddeeva import FADDEEVA
from .gamma_functions import GAMMA
from .integrals import INTEGRALS
from .multi_result_ufuncs import SEVERAL
from .polynomials import SERIES
from .records import TABLE as TABLE, scipy_op as scipy_op, sp as sp
from .refused import REFUSED as REFUSED

for _part in (
    ERROR_FUNCTIONS,
    GAMMA,
    BETA,
    DISTRIBUTIONS,
    BESSEL,
    ENTROPY_AND_LOGISTIC,
    POWERS,
    INTEGRALS,
    ELLIPTIC,
    FADDEEVA,
    SERIES,
    SEVERAL,
):
    TABLE.update(_part)
