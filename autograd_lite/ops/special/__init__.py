"""The ufuncs of `scipy.special`: their derivatives, for where SciPy is installed and used.

A module of this folder has a table for each topic; `records` makes op records of their rows. What no formula gives is
computed: `panel` (quadrature), `gamma_tails`, `beta_tails`. Equation numbers are those of the NIST Digital
Library of Mathematical Functions.
"""

from .bessel import BESSEL
from .beta_functions import BETA
from .distributions import DISTRIBUTIONS
from .elementary import ENTROPY_AND_LOGISTIC, POWERS
from .elliptic import ELLIPTIC
from .error_functions import ERROR_FUNCTIONS
from .gamma_functions import GAMMA
from .integrals import INTEGRALS
from .polynomials import SERIES
from .records import TABLE as TABLE, scipy_op as scipy_op, sp as sp, ufunc_named as ufunc_named
from .refused import REFUSED as REFUSED
from .several import SEVERAL

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
    SERIES,
    SEVERAL,
):
    TABLE.update(_part)
