"""`scipy.signal` on Tensors: convolutions, and rational filters by their coefficients, signal and state.

`dot_convolve` is convolution along some axes with a sum over others, as layers of networks have it.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import signal
    >>> step = np.ones(3)
    >>> ag.grad(lambda a: signal.lfilter([1.0], [1.0, a], step)[-1])(0.0)
    np.float64(-1.0)
"""

from ...core.late import names_in as _names_in
from .convolutions import (
    convolve as convolve,
    convolve2d as convolve2d,
    correlate as correlate,
    correlate2d as correlate2d,
    dot_convolve as dot_convolve,
    fftconvolve as fftconvolve,
    oaconvolve as oaconvolve,
)
from .filters import (
    detrend as detrend,
    filtfilt as filtfilt,
    hilbert as hilbert,
    lfilter as lfilter,
    lfilter_zi as lfilter_zi,
    sosfilt as sosfilt,
    sosfilt_zi as sosfilt_zi,
    sosfiltfilt as sosfiltfilt,
)

__all__ = _names_in(__name__)
__dir__ = __all__.copy
