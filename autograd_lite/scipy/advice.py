"""Advice for the message where a function of SciPy asks a Tensor for plain values.

SciPy converts its arguments to arrays without asking. Our functions under SciPy's names take Tensors, and the stack
tells which function of SciPy was called instead.
"""

from __future__ import annotations

import os
import sys
from types import FrameType

from ..core.late import load
from .calls import ROWS

# The modules of SciPy that have functions of ours.
AREAS = ("integrate", "interpolate", "linalg", "ndimage", "signal", "special")
# Functions that take Tensors if SciPy asks them for their namespace, by the last name of their module.
STANDARD: dict[str, str] = {
    "constants": "convert_temperature lambda2nu nu2lambda",
    "differentiate": "derivative hessian jacobian",
    "fft": (
        "fft fft2 fftn fftshift fht hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ifht ihfft ihfft2 ihfftn irfft "
        "irfft2 irfftn rfft rfft2 rfftn"
    ),
    "hierarchy": "dendrogram to_mlab_linkage to_tree",
    "integrate": "cubature nsum qmc_quad tanhsinh",
    "linalg": "fiedler orthogonal_procrustes",
    "optimize": "bracket_minimum find_minimum find_root rosen rosen_der rosen_hess rosen_hess_prod",
    "signal": (
        "abcd_normalize bilinear_zpk envelope firwin freqs freqs_zpk freqz freqz_sos freqz_zpk gauss_spline "
        "group_delay hilbert2 lfiltic lp2bp lp2bp_zpk lp2bs lp2bs_zpk lp2hp lp2hp_zpk lp2lp lp2lp_zpk "
        "minimum_phase normalize resample sos2tf sos2zpk sosfreqz tf2zpk vectorstrength zpk2tf"
    ),
    "stats": (
        "alexandergovern bartlett bootstrap boxcox_llf chisquare circmean circstd circvar combine_pvalues "
        "describe differential_entropy directional_stats entropy epps_singleton_2samp f_oneway "
        "false_discovery_control gmean gstd gzscore hmean iqr jarque_bera kstat kstatvar kurtosis kurtosistest "
        "levene lmoment median_abs_deviation mode moment monte_carlo_test normaltest pearsonr permutation_test "
        "pmean power_divergence quantile sem sigmaclip skew skewtest tmax tmean tmin trim_mean tsem tstd "
        "ttest_1samp ttest_ind ttest_ind_from_stats ttest_rel tvar variation yeojohnson_llf zmap zscore"
    ),
    "vq": "whiten",
    "windows": "exponential gaussian general_cosine general_gaussian",
}
_BY_STANDARD = {f"{module}.{name}" for module, names in STANDARD.items() for name in names.split()}
# Functions that have no derivative, and the reason.
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


# Parts of this package that call the user's functions.
_CALLING = tuple(f"autograd_lite.{part}." for part in ("functional", "control", "compiler", "optimize"))


def advice() -> str:
    """Return a sentence about the running function of SciPy; "" if there is none."""
    frame: FrameType | None = sys._getframe(1)
    sentence = ""
    inside = False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("scipy."):
            inside = True
            sentence = _sentence_of(module, frame) or sentence
        elif inside and not module.startswith(("numpy", "contextlib", "functools")):
            break
        elif module.startswith(_CALLING) and not inside:
            break  # a function of ours has called the user's, as for SciPy's solvers
        frame = frame.f_back
    return sentence


def _takes_tensors(area: str, name: str) -> bool:
    """Return whether there is a function of ours under a name of SciPy's: `takes_tensors` has entered it in `ROWS`."""
    if area not in AREAS:
        return False
    load(f".{area}", __package__)
    return f"{area}.{name}" in ROWS


def _of_sparse(module: str, names: tuple[str, ...]) -> str:
    """Return the sentence about one of some names in `scipy.sparse`, which may end in the kind of matrix there."""
    ours = load("..sparse", __package__).__all__
    where = "scipy.sparse.linalg" if module.startswith("scipy.sparse.linalg") else "scipy.sparse"
    for name in names:
        for own in (name, name.removesuffix("_array").removesuffix("_matrix")):
            if own in ours:
                return f"{where}.{name} takes arrays alone; autograd_lite.sparse.{own} takes Tensors. "
    return ""


def _sentence_of(module: str, frame: FrameType) -> str:
    """Return the sentence about one frame of SciPy, which may be that of a wrapper around a function."""
    area = module.split(".")[1]
    if area == "stats":
        own = frame.f_locals.get("self")
        distribution = getattr(getattr(own, "dist", own), "name", None)
        if distribution is None and module == "scipy.stats._multivariate":
            distribution = type(own).__name__.removesuffix("_gen")
        if isinstance(distribution, str):
            return _sentence("stats", f"{distribution}.{frame.f_code.co_name}")
    if area == "optimize" and f"optimize.{frame.f_code.co_name}" not in _BY_STANDARD:
        return _sentence(area, frame.f_code.co_name) if not frame.f_code.co_name.startswith("_") else ""
    if area == "sparse":
        return _of_sparse(module, (frame.f_code.co_name, type(frame.f_locals.get("self")).__name__))
    local = frame.f_locals.values()
    names = [(area, frame.f_code.co_name), (area, type(frame.f_locals.get("self")).__name__)]
    names += [
        (getattr(f, "__module__", None) or "", f.__name__) for f in local if callable(f) and hasattr(f, "__name__")
    ]
    for where, name in names:
        where = where.split(".")[1] if where.startswith("scipy.") else where
        if _takes_tensors(where, name):
            return _sentence(where, name)
        if f"{where}.{name}" in LEFT_OUT:
            return f"scipy.{where}.{name} is not supported on Tensors: {LEFT_OUT[f'{where}.{name}']}. "
        if f"{where}.{name}" in _BY_STANDARD and not os.environ.get("SCIPY_ARRAY_API"):
            return f"scipy.{where}.{name} takes Tensors if SCIPY_ARRAY_API=1 is set before SciPy is imported. "
    return ""


def _sentence(area: str, name: str) -> str:
    ours = "autograd_lite.optimize" if area == "optimize" else f"autograd_lite.scipy.{area}"
    return f"scipy.{area}.{name} takes arrays alone; {ours}.{name} takes Tensors. "
