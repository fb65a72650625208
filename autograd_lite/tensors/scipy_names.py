"""Which functions of SciPy are there for Tensors, for the message where SciPy asks a Tensor for bare values.

SciPy makes arrays of its arguments without asking. So there are functions of ours under SciPy's names, and the
stack tells which function of SciPy was called instead.
"""

from __future__ import annotations

import sys
from types import FrameType

# By SciPy's modules, the names that take Tensors in ours.
TAKEN: dict[str, str] = {
    "integrate": "cumulative_simpson cumulative_trapezoid fixed_quad odeint quad romb simpson solve_ivp trapezoid",
    "interpolate": (
        "Akima1DInterpolator BSpline CubicHermiteSpline CubicSpline PPoly PchipInterpolator RegularGridInterpolator "
        "interp1d interpn make_interp_spline"
    ),
    "linalg": (
        "block_diag cho_factor cho_solve cho_solve_banded cholesky cholesky_banded circulant companion coshm "
        "cosm det eig eigh eigvals eigvalsh expm expm_frechet fractional_matrix_power hankel inv khatri_rao "
        "logm lstsq lu lu_factor lu_solve matmul_toeplitz norm pinv pinvh qr sinhm sinm solve solve_banded "
        "solve_continuous_lyapunov solve_discrete_lyapunov solve_sylvester solve_toeplitz solve_triangular "
        "solveh_banded sqrtm svd svdvals tanhm tanm toeplitz"
    ),
    "ndimage": (
        "affine_transform convolve convolve1d correlate correlate1d gaussian_filter gaussian_filter1d "
        "gaussian_gradient_magnitude gaussian_laplace laplace map_coordinates prewitt shift sobel uniform_filter "
        "uniform_filter1d zoom"
    ),
    "signal": (
        "convolve convolve2d correlate correlate2d detrend fftconvolve filtfilt hilbert lfilter lfilter_zi oaconvolve "
        "sosfilt sosfilt_zi sosfiltfilt"
    ),
    "special": (
        "comb factorial ivp jvp kvp log_softmax logsumexp multigammaln perm polygamma softmax spherical_in "
        "spherical_jn spherical_kn spherical_yn yvp"
    ),
}
_NAMES = {f"{module}.{name}" for module, names in TAKEN.items() for name in names.split()}
# What has no derivative there, and why.
LEFT_OUT: dict[str, str] = {
    "integrate.dblquad": "nest two calls of quad",
    "integrate.nquad": "nest calls of quad",
    "integrate.quad_vec": "call quad for each element",
    "interpolate.griddata": "the triangulation changes with the points; take RegularGridInterpolator",
    "interpolate.UnivariateSpline": "its knots are chosen by the data; take make_interp_spline",
    "linalg.cossin": "its factors are unique only up to rotations",
    "linalg.hessenberg": "its factors are unique only up to signs that no convention fixes",
    "linalg.ldl": "its blocks depend on the order of the pivots; take cholesky or lu",
    "linalg.null_space": "its columns are any basis of the space; take the projection, np.eye(n) - pinv(a) @ a",
    "linalg.orth": "its columns are any basis of the space; take the projection, a @ pinv(a)",
    "linalg.qz": "its factors are unique only up to rotations; take eigvals(a, b)",
    "linalg.schur": "its factors are unique only up to rotations; take eig, or eigh of symmetric matrices",
    "ndimage.median_filter": "it chooses by order; take np.median over windows",
    "signal.medfilt": "it chooses by order; take np.median over windows",
}


def instead() -> str:
    """Return a sentence about the function of SciPy that is running, or nothing if it is none of its own."""
    frame: FrameType | None = sys._getframe(1)
    found = ""
    inside = False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("scipy."):
            inside = True
            found = _spoken(module, frame) or found
        elif inside and not module.startswith(("numpy", "contextlib", "functools")):
            break
        frame = frame.f_back
    return found


def _spoken(module: str, frame: FrameType) -> str:
    """Return what to say about one frame of SciPy's: it may be that of a wrapper around a function."""
    area = module.split(".")[1]
    if area == "stats":
        own = frame.f_locals.get("self")
        distribution = getattr(getattr(own, "dist", own), "name", None)
        if distribution is None and module == "scipy.stats._multivariate":
            distribution = type(own).__name__.removesuffix("_gen")
        return _sentence("stats", f"{distribution}.{frame.f_code.co_name}") if isinstance(distribution, str) else ""
    if area == "optimize":
        return _sentence(area, frame.f_code.co_name) if not frame.f_code.co_name.startswith("_") else ""
    local = frame.f_locals.values()
    names = [(area, frame.f_code.co_name), (area, type(frame.f_locals.get("self")).__name__)]
    names += [
        (getattr(f, "__module__", None) or "", f.__name__) for f in local if callable(f) and hasattr(f, "__name__")
    ]
    for where, name in names:
        where = where.split(".")[1] if where.startswith("scipy.") else where
        if f"{where}.{name}" in _NAMES:
            return _sentence(where, name)
        if f"{where}.{name}" in LEFT_OUT:
            return f"scipy.{where}.{name} is not supported on Tensors: {LEFT_OUT[f'{where}.{name}']}. "
    return ""


def _sentence(area: str, name: str) -> str:
    home = "autograd_lite.optimize" if area == "optimize" else f"autograd_lite.scipy.{area}"
    return f"scipy.{area}.{name} takes arrays alone; {home}.{name} takes Tensors. "
