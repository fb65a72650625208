"""`scipy.ndimage` on Tensors: linear filters by image and weights, and sampling by image and coordinates.

Sampling is by splines of order 0 to 5.

Filters that sort (`median_filter`, `grey_erosion`, …), measurements and morphology are not here.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import ndimage
    >>> row = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    >>> ag.grad(lambda w: ndimage.correlate1d(row, w)[1])(np.zeros(3)).tolist()
    [0.0, 0.0, 1.0]
"""

from ...core.late import names_in as _names_in
from .filters import (
    convolve as convolve,
    convolve1d as convolve1d,
    correlate as correlate,
    correlate1d as correlate1d,
    gaussian_filter as gaussian_filter,
    gaussian_filter1d as gaussian_filter1d,
    gaussian_gradient_magnitude as gaussian_gradient_magnitude,
    gaussian_laplace as gaussian_laplace,
    laplace as laplace,
    prewitt as prewitt,
    sobel as sobel,
    uniform_filter as uniform_filter,
    uniform_filter1d as uniform_filter1d,
)
from .places import (
    affine_transform as affine_transform,
    map_coordinates as map_coordinates,
    shift as shift,
    zoom as zoom,
)

__all__ = _names_in(__name__)
__dir__ = __all__.copy
