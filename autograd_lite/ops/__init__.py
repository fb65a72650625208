"""The tables: every operation and its derivative, in plain NumPy.

Most files are named after the part of NumPy that they cover. They load late: the first lookup of an op, or of a
function of NumPy, loads the file that defines it.
"""

from typing import TYPE_CHECKING

from ..core.hooks import HOOKS as _HOOKS
from ..core.late import attach as _attach, load as _load

# What each file defines: the names of its ops, and of the functions of NumPy that they stand for.
TABLES = {
    "arith": (
        "absolute add around bitwise_and bitwise_count bitwise_or bitwise_xor cbrt ceil conjugate copysign deg2rad "
        "degrees divide fabs float_power floor floor_divide fmod gcd heaviside invert lcm ldexp left_shift multiply "
        "negative nextafter positive power rad2deg radians reciprocal remainder right_shift rint round sign spacing "
        "sqrt square subtract trunc"
    ),
    "arrange": (
        "append apply_along_axis apply_over_axes atleast_1d atleast_2d atleast_3d block broadcast_arrays column_stack "
        "delete dsplit dstack hsplit insert ix_ meshgrid repeat resize roll rollaxis rot90 sliding_window_view tile "
        "trim_zeros unstack vsplit"
    ),
    "array_writes": "copyto fill_diagonal place put put_along_axis putmask",
    "barrier": "stop_gradient",
    "calculus": "diff ediff1d gradient interp trapezoid unwrap",
    "compare": (
        "equal greater greater_equal isfinite isinf isnan less less_equal logical_and logical_not logical_or "
        "logical_xor not_equal signbit"
    ),
    "complexes": "angle astype fix imag real real_if_close",
    "composed": (
        "array_split dot expand_dims flip fliplr flipud hstack matrix_transpose moveaxis ravel split squeeze stack "
        "swapaxes vstack"
    ),
    "contract": "contract einsum einsum_path inner kron matvec outer tensordot vdot vecdot vecmat",
    "convolve": "convolve correlate full_convolution valid_convolution",
    "create": "empty_like full_like geomspace linspace logspace ones_like zeros_like",
    "cross_entropy": "cross_entropy cross_entropy_pullback",
    "cumulative": "cumprod cumsum cumulative_prod cumulative_sum nancumprod nancumsum recurrence running_extreme",
    "decompose": "cholesky cholesky_pullback full_svd qr qr_r svd svdvals",
    "diagonals": "diag diagflat diagonal on_diagonal trace tril triu vander",
    "draws": "random_bernoulli random_normal random_permutation random_uniform",
    "eigen": "divide_by_gaps eig eigenvector_change eigh eigvals eigvalsh used_vectors",
    "elementwise_activations": (
        "elu hard_tanh leaky_relu mish relu sigmoid sigmoid_pullback silu silu_pullback silu_slope softplus softsign "
        "tanh_shrink"
    ),
    "erf": "erf erfc",
    "explog": "exp exp2 expm1 log log10 log1p log2 logaddexp logaddexp2",
    "fourier": "fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn",
    "gather": "gather gather_adjoint",
    "gelu": "gelu gelu_pullback",
    "gru": "gru gru_adjoint",
    "index": "getitem index_update scatter_add",
    "lstm": "lstm lstm_adjoint",
    "lstsq": "lstsq pinv",
    "matrix_products": "cross matmul matrix_power matrix_transpose multi_dot",
    "multi_result_ops": "divmod frexp modf",
    "nanaware": "nan_to_num nanmax nanmean nanmin nanprod nanstd nansum nanvar",
    "nested_array": "array",
    "norms": "cond matrix_norm matrix_rank norm vector_norm",
    "padding": "pad",
    "poly": "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots",
    "pooling": "window_max window_put window_spread window_sum window_take",
    "quantiles": "median nanmedian nanpercentile nanquantile percentile quantile",
    "questions": (
        "allclose argwhere array2string array_equal array_equiv array_repr array_str can_cast common_type "
        "diag_indices_from flatnonzero isclose iscomplex iscomplexobj isneginf isposinf isreal isrealobj "
        "may_share_memory min_scalar_type ndim nonzero packbits ravel_multi_index result_type shape shares_memory "
        "size tril_indices_from triu_indices_from unpackbits unravel_index"
    ),
    "reduce": "all amax amin any argmax argmin count_nonzero max mean min prod std sum var",
    "rotation": "rotate_pairs",
    "running_means": "over_root running_mean running_mean_square",
    "selection": (
        "add_along_axis choose clip compress extract fmax fmin maximum minimum piecewise select take take_along_axis "
        "where"
    ),
    "sets": "intersect1d isin setdiff1d setxor1d union1d unique unique_all unique_counts unique_inverse unique_values",
    "shape": "astype broadcast_to concatenate copy pad reshape transpose",
    "simple_rnn": "simple_rnn simple_rnn_adjoint",
    "sinc": "bessel_i i0 sinc",
    "softmax": "log_softmax log_softmax_pullback logsumexp softmax softmax_pullback",
    "solve": "cofactor det inv inverse_or_limit second_cofactor slogdet solve tensorinv tensorsolve triangle_inverse",
    "sorting": "argpartition argsort digitize lexsort nanargmax nanargmin partition searchsorted sort sort_complex",
    "standardize": "standardize standardize_pullback",
    "stat": "average bincount corrcoef cov histogram histogram2d histogram_bin_edges histogramdd ptp",
    "trig": (
        "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cos cosh direction hypot sin sinh tan tanh "
        "tanh_pullback turning"
    ),
    "windowed": "convolution convolution_input convolution_kernel",
    "zero_mask": "zero_mask",
}
if TYPE_CHECKING:
    from . import (
        adjoints as adjoints,
        arith as arith,
        arrange as arrange,
        array_writes as array_writes,
        barrier as barrier,
        calculus as calculus,
        compare as compare,
        complexes as complexes,
        composed as composed,
        contract as contract,
        convolve as convolve,
        create as create,
        cross_entropy as cross_entropy,
        cumulative as cumulative,
        decompose as decompose,
        diagonals as diagonals,
        draws as draws,
        eigen as eigen,
        elementwise_activations as elementwise_activations,
        erf as erf,
        explog as explog,
        fourier as fourier,
        gather as gather,
        gelu as gelu,
        gru as gru,
        index as index,
        lstm as lstm,
        lstsq as lstsq,
        matrix_products as matrix_products,
        memory_order as memory_order,
        multi_result_ops as multi_result_ops,
        nanaware as nanaware,
        nested_array as nested_array,
        norms as norms,
        operands as operands,
        padding as padding,
        poly as poly,
        pooling as pooling,
        quantiles as quantiles,
        questions as questions,
        reduce as reduce,
        rotation as rotation,
        running_means as running_means,
        selection as selection,
        sequences as sequences,
        sets as sets,
        shape as shape,
        simple_rnn as simple_rnn,
        sinc as sinc,
        softmax as softmax,
        solve as solve,
        sorting as sorting,
        special as special,
        standardize as standardize,
        stat as stat,
        trig as trig,
        ufunc_methods as ufunc_methods,
        windowed as windowed,
        zero_mask as zero_mask,
    )
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

_FILES: dict[str, list[str]] = {}
for _file, _names in TABLES.items():
    for _name in _names.split():
        _FILES.setdefault(_name, []).append(_file)


def _load_ops(name: str | None) -> None:
    for file in TABLES if name is None else _FILES.get(name, ()):
        _load(f".{file}", __name__)


_HOOKS.load_ops = _load_ops
