"""`scipy.interpolate` on Tensors: derivatives by values, by points of evaluation, and by the points in between.

The names make objects of ours with SciPy's methods (`__call__`, `derivative`, `antiderivative`, `integrate`), since
one made of arrays may be evaluated at Tensors. Without Tensors the coefficients and values are SciPy's.

Example:
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import interpolate
    >>> spline = interpolate.CubicSpline([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 8.0, 27.0])
    >>> bool(abs(ag.grad(spline)(1.5) - 3 * 1.5**2) < 1e-12)
    True
"""

from ...core.late import names_in as _names_in
from .bsplines import BSpline as BSpline, make_interp_spline as make_interp_spline
from .grids import RegularGridInterpolator as RegularGridInterpolator, interpn as interpn
from .one_axis import interp1d as interp1d
from .piecewise import (
    Akima1DInterpolator as Akima1DInterpolator,
    CubicHermiteSpline as CubicHermiteSpline,
    CubicSpline as CubicSpline,
    PchipInterpolator as PchipInterpolator,
    PPoly as PPoly,
)

__all__ = _names_in(__name__)
__dir__ = __all__.copy
