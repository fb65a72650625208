"""Gradients of sum(f) at kinks, ties, edges of domains, infinities and NaN: the conventions, one row each. Data only.

The principles: where there is a derivative, it; at the kink of a locally convex or concave function the subgradient of
least norm, so that ties share evenly; `clip` alone passes the whole gradient at its bounds; at the edge of a domain the
one-sided limit, which may be infinite; an exactly zero cotangent gives an exactly zero gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from nn import activations

__all__ = ["GROUPS", "SPECIAL", "Special"]

inf, nan = np.inf, np.nan


class Special(NamedTuple):
    """`gradients` of sum(f) by each of the `inputs`; None where the op has no derivative with respect to it.

    `warns` is text of the warning that NumPy gives by design.
    """

    name: str
    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    gradients: tuple[Any, ...]
    warns: str = ""


LINEAR = [
    Special("+x at inf and nan", lambda x: +x, ([inf, -inf, nan],), ([1, 1, 1],)),
    Special("-x at inf and nan", lambda x: -x, ([inf, -inf, nan],), ([-1, -1, -1],)),
    Special("inf + y, x + nan", np.add, ([inf, 1.0], [1.0, nan]), ([1, 1], [1, 1])),
    Special("inf - inf", np.subtract, (inf, inf), (1, -1)),
    Special("sum with inf and nan", np.sum, ([inf, nan, 1.0],), ([1, 1, 1],)),
    Special("mean with inf and nan", np.mean, ([inf, nan],), ([0.5, 0.5],)),
    Special("reshape, index and pad of nan", lambda x: np.pad(x.reshape(2, 1)[:, 0], 1), ([inf, nan],), ([1, 1],)),
]

KINKS = [
    Special("abs(0)", np.abs, (0.0,), (0,)),
    Special("abs(-0.)", np.abs, (-0.0,), (0,)),
    Special("fabs(0)", np.fabs, (0.0,), (0,)),
    Special("abs by operator", lambda x: abs(x), ([-2.0, 0.0, 3.0],), ([-1, 0, 1],)),
    Special("sign(0)", np.sign, (0.0,), (0,)),
    Special("sign(±inf), sign(nan)", np.sign, ([-inf, inf, nan],), ([0, 0, 0],)),
    Special("angle of real numbers", np.angle, ([-inf, -1.0, 0.0, 2.0, inf],), ([0, 0, 0, 0, 0],)),
    Special("relu(0)", ag.relu, ([-1.0, 0.0, -0.0, 2.0],), ([0, 0, 0, 1],)),
    Special("maximum(x, 0) at 0", lambda x: np.maximum(x, 0), (0.0,), (0.5,)),
    Special("leaky_relu(0, .1)", lambda x: ag.leaky_relu(x, 0.1), ([-1.0, 0.0, 1.0],), ([0.1, 0.1, 1],)),
    Special("elu(0)", ag.elu, (0.0,), (1,)),
    Special("hinge by relu", lambda x: ag.relu(1 - x), (1.0,), (0,)),
    Special("hinge by maximum", lambda x: np.maximum(0, 1 - x), (1.0,), (-0.5,)),
    Special("l1 loss at 0", lambda x, y: np.abs(x - y), (1.5, 1.5), (0, 0)),
    Special("floor(1.0)", np.floor, (1.0,), (0,)),
    Special("ceil(1.0)", np.ceil, (1.0,), (0,)),
    Special("round(.5)", np.round, (0.5,), (0,)),
    Special("rint(.5)", np.rint, (0.5,), (0,)),
    Special("trunc(1.5)", np.trunc, (1.5,), (0,)),
    Special("copysign(0, -1)", np.copysign, (0.0, -1.0), (0, 0)),
    Special("copysign(-2, 0)", np.copysign, (-2.0, 0.0), (-1, 0)),
    Special("heaviside(0, .5)", np.heaviside, (0.0, 0.5), (0, 1)),
    Special("heaviside(1, .5)", np.heaviside, (1.0, 0.5), (0, 0)),
    Special("gelu(0)", ag.gelu, (0.0,), (0.5,)),
    Special("gelu(±inf)", ag.gelu, ([-inf, inf],), ([0, 1],)),
]

TIES = [
    Special("maximum tie", np.maximum, (2.0, 2.0), (0.5, 0.5)),
    Special("minimum tie", np.minimum, (2.0, 2.0), (0.5, 0.5)),
    Special("maximum of zeros of either sign", np.maximum, (0.0, -0.0), (0.5, 0.5)),
    Special("maximum of infinities", np.maximum, (inf, inf), (0.5, 0.5)),
    Special("maximum(x, x)", lambda x: np.maximum(x, x), (2.0,), (1,)),
    Special("minimum(x, x)", lambda x: np.minimum(x, x), (2.0,), (1,)),
    Special("fmax tie", np.fmax, (2.0, 2.0), (0.5, 0.5)),
    Special("fmin tie", np.fmin, (2.0, 2.0), (0.5, 0.5)),
    Special("max tie", np.max, ([1.0, 3.0, 3.0],), ([0, 0.5, 0.5],)),
    Special("amax tie", np.amax, ([1.0, 3.0, 3.0],), ([0, 0.5, 0.5],)),
    Special("max tie by method, along an axis", lambda x: x.max(axis=0), ([1.0, 3.0, 3.0],), ([0, 0.5, 0.5],)),
    Special("max tie by reduce", np.maximum.reduce, ([1.0, 3.0, 3.0],), ([0, 0.5, 0.5],)),
    Special("max ties by row", lambda x: x.max(axis=1), ([[1.0, 1.0], [0.0, 2.0]],), ([[0.5, 0.5], [0, 1]],)),
    Special("maximum.accumulate tie", np.maximum.accumulate, ([1.0, 1.0, 0.0],), ([2, 1, 0],)),
    Special("maximum.accumulate of equals", np.maximum.accumulate, ([1.0, 1.0, 1.0],), ([1 + 5 / 6, 5 / 6, 1 / 3],)),
    Special("minimum.accumulate tie", np.minimum.accumulate, ([2.0, 1.0, 3.0, 1.0],), ([1, 2.5, 0, 0.5],)),
    Special("maximum.accumulate of nan", np.maximum.accumulate, ([1.0, nan, 2.0, nan],), ([1, 2.5, 0, 0.5],)),
    Special("fmax by reduce", np.fmax.reduce, ([1.0, nan, 1.0, 1.0],), ([1 / 3, 0, 1 / 3, 1 / 3],)),
    Special("min of equals", np.min, ([2.0, 2.0, 2.0],), ([1 / 3, 1 / 3, 1 / 3],)),
    Special("amin of equals", np.amin, ([2.0, 2.0, 2.0],), ([1 / 3, 1 / 3, 1 / 3],)),
    Special("max of infinities", np.max, ([inf, 0.0, inf],), ([0.5, 0, 0.5],)),
    Special("max - min of equals", lambda x: x.max() - x.min(), ([1.0, 1.0],), ([0, 0],)),
    Special("x[argmax] tie", lambda x: x[x.argmax()], ([3.0, 3.0],), ([1, 0],)),
    Special("x[[0, 0]]", lambda x: x[[0, 0]], ([1.0, 2.0],), ([2, 0],)),
]

CLIP = [
    Special("clip at its bounds", lambda x: np.clip(x, 0, 1), ([0.0, 1.0],), ([1, 1],)),
    Special("clip outside", lambda x: np.clip(x, 0, 1), ([-1.0, 0.5, 2.0],), ([0, 1, 0],)),
    Special("clip by its bounds at the lower", np.clip, (0.0, 0.0, 1.0), (1, 0, 0)),
    Special("clip by its bounds at the upper", np.clip, (1.0, 0.0, 1.0), (1, 0, 0)),
    Special("clip by its bounds below", np.clip, (-3.0, 0.0, 1.0), (0, 1, 0)),
    Special("clip by its bounds above", np.clip, (3.0, 0.0, 1.0), (0, 0, 1)),
    Special("clip with min > max", np.clip, (0.5, 2.0, 1.0), (0, 0, 1)),
    Special("clip with one bound", lambda x: np.clip(x, None, 1), ([-5.0, 1.0, 2.0],), ([1, 1, 0],)),
    Special("clip(nan)", lambda x: np.clip(x, 0, 1), ([nan],), ([0],)),
]

POWERS = [
    Special("sqrt(0)", np.sqrt, (0.0,), (inf,)),
    Special("cbrt(0)", np.cbrt, (0.0,), (inf,)),
    Special("1 / sqrt(x) at 0", lambda x: x**-0.5, (0.0,), (-inf,)),
    Special("x**.5 at 0", lambda x: x**0.5, (0.0,), (inf,)),
    Special("log(0)", np.log, (0.0,), (inf,)),
    Special("log(-1)", np.log, (-1.0,), (-1,)),
    Special("log(inf)", np.log, (inf,), (0,)),
    Special("1/x at 0", lambda x: 1 / x, (0.0,), (-inf,)),
    Special("reciprocal(0)", np.reciprocal, (0.0,), (-inf,)),
    Special("x/x at 0", lambda x: x / x, (0.0,), (nan,)),
    # The limit of log x + 1: the cotangent that reaches the logarithm is 0, so the log adds 0 and not 0/0.
    Special("x log x at 0", lambda x: x * np.log(x), (0.0,), (-inf,)),
    Special("x**0 at 0", lambda x: x**0, (0.0,), (0,)),
    Special("x**0. at 0", lambda x: x**0.0, (0.0,), (0,)),
    Special("x**1. at 0", lambda x: x**1.0, (0.0,), (1,)),
    Special("x**2. at 0", lambda x: x**2.0, (0.0,), (0,)),
    Special("x**3 at 0", lambda x: x**3, (0.0,), (0,)),
    Special("x**-1 at 0", lambda x: x**-1.0, (0.0,), (-inf,)),
    Special("power(0, 0)", np.power, (0.0, 0.0), (0, 0)),
    Special("power(0, 2)", np.power, (0.0, 2.0), (0, 0)),
    Special("power(0, -1)", np.power, (0.0, -1.0), (-inf, -inf)),
    Special("power(-2, 2)", np.power, (-2.0, 2.0), (-4, nan)),
    Special("power(-2, 3)", np.power, (-2.0, 3.0), (12, nan)),
    Special("power(-2, .5)", np.power, (-2.0, 0.5), (nan, nan)),
    Special("float_power(0, 0)", np.float_power, (0.0, 0.0), (0, 0)),
    Special("2**x", lambda x: 2**x, (3.0,), (8 * np.log(2),)),
    Special("0**x", lambda x: 0.0**x, ([0.0, 2.0],), ([0, 0],)),
    Special("log1p(-1)", np.log1p, (-1.0,), (inf,)),
    Special("expm1(0)", np.expm1, (0.0,), (1,)),
    Special("log2(0)", np.log2, (0.0,), (inf,)),
    Special("log10(0)", np.log10, (0.0,), (inf,)),
    Special("exp2(-inf)", np.exp2, (-inf,), (0,)),
    Special("arcsin(1), (-1)", np.arcsin, ([1.0, -1.0],), ([inf, inf],)),
    Special("arccos(1), (-1)", np.arccos, ([1.0, -1.0],), ([-inf, -inf],)),
    Special("arccosh(1)", np.arccosh, (1.0,), (inf,)),
    Special("arctanh(1), (-1)", np.arctanh, ([1.0, -1.0],), ([inf, inf],)),
]

NORMS = [
    Special("sqrt(sum x²) at 0", lambda x: np.sqrt((x * x).sum()), ([0.0, 0.0],), ([nan, nan],)),
    Special("hypot(0, 0)", np.hypot, (0.0, 0.0), (0, 0)),
    Special(
        "hypot(0, inf), (inf, 1), (1, -inf)", np.hypot, ([0.0, inf, 1.0], [inf, 1.0, -inf]), ([0, 1, 0], [1, 0, -1])
    ),
    Special("hypot(inf, inf), of equals", np.hypot, ([inf, 2.0], [inf, 2.0]), ([0.5**0.5] * 2, [0.5**0.5] * 2)),
    Special("hypot of the largest and the smallest", np.hypot, ([1e308, 0.0], [0.0, 5e-324]), ([1, 0], [0, 1])),
    Special("arctan2(0, 0)", np.arctan2, (0.0, 0.0), (0, 0)),
    Special("arctan2(0, 1e-170), (1e170, 1)", np.arctan2, ([0.0, 1e170], [1e-170, 1.0]), ([1e170, 0], [0, -1e-170])),
    Special("arctan2 at infinity", np.arctan2, ([inf, 1.0, inf], [1.0, -inf, inf]), ([0, 0, 0], [0, 0, 0])),
    Special("std of equals", np.std, ([5.0, 5.0, 5.0],), ([0, 0, 0],)),
    Special("std of equals in one row", lambda x: x.std(axis=1), ([[1.0, 1.0], [0.0, 2.0]],), ([[0, 0], [-0.5, 0.5]],)),
    Special("std of one, ddof 1", lambda x: np.std(x, ddof=1), ([3.0],), ([nan],), "Degrees of freedom <= 0"),
    Special("var of equals", np.var, ([5.0, 5.0],), ([0, 0],)),
]

PRODUCTS = [
    Special("prod with one zero", np.prod, ([0.0, 2.0, 3.0],), ([6, 0, 0],)),
    Special("prod with two zeros", np.prod, ([0.0, 0.0, 3.0],), ([0, 0, 0],)),
    Special("prod of nothing", np.prod, ([],), ([],)),
    Special("prod of one", np.prod, ([0.0],), ([1],)),
    Special("prod with zeros along axes", lambda x: x.prod(axis=1), ([[0.0, 2.0], [0.0, 0.0]],), ([[2, 0], [0, 0]],)),
    Special("sum of nothing", np.sum, ([],), ([],)),
    Special("mean of nothing", np.mean, ([],), ([],), "Mean of empty slice"),
]

SATURATION = [
    Special("logaddexp(-inf, -inf)", np.logaddexp, (-inf, -inf), (0.5, 0.5)),
    Special("logaddexp(inf, inf)", np.logaddexp, (inf, inf), (0.5, 0.5)),
    Special("logaddexp(inf, 0)", np.logaddexp, (inf, 0.0), (1, 0)),
    Special("logaddexp(-inf, 0)", np.logaddexp, (-inf, 0.0), (0, 1)),
    Special("logaddexp(1e4, -1e4)", np.logaddexp, (1e4, -1e4), (1, 0)),
    Special("logaddexp2(-inf, -inf)", np.logaddexp2, (-inf, -inf), (0.5, 0.5)),
    Special("logaddexp2(inf, 0)", np.logaddexp2, (inf, 0.0), (1, 0)),
    Special("logsumexp of -inf", ag.logsumexp, ([-inf, -inf],), ([0.5, 0.5],)),
    Special("logsumexp([inf, 0])", ag.logsumexp, ([inf, 0.0],), ([1, 0],)),
    Special("logsumexp([inf, inf])", ag.logsumexp, ([inf, inf],), ([0.5, 0.5],)),
    Special("logsumexp([-inf, 0])", ag.logsumexp, ([-inf, 0.0],), ([0, 1],)),
    Special(
        "logsumexp of a masked row", lambda x: ag.logsumexp(x, 1), ([[-inf, -inf], [0, -inf]],), ([[0.5, 0.5], [1, 0]],)
    ),
    Special("log_softmax([-inf, 0])[1]", lambda x: ag.log_softmax(x)[1], ([-inf, 0.0],), ([0, 0],)),
    Special("softmax of -inf", ag.softmax, ([-inf, -inf],), ([nan, nan],)),
    Special("softmax([1e4, 0])[0]", lambda x: ag.softmax(x)[0], ([1e4, 0.0],), ([0, 0],)),
    Special("softplus(1000, -1000)", ag.softplus, ([1000.0, -1000.0],), ([1, 0],)),
    Special("sigmoid(±1000)", ag.sigmoid, ([1000.0, -1000.0],), ([0, 0],)),
    Special("log sigmoid(±1000) by softplus", lambda x: -ag.softplus(-x), ([1000.0, -1000.0],), ([0, 1],)),
    Special("log(sigmoid(-1000))", lambda x: np.log(ag.sigmoid(x)), (-1000.0,), (nan,)),
    Special("silu(±1000)", ag.silu, ([-1000.0, 1000.0],), ([0, 1],)),
    Special("gelu(±1000)", ag.gelu, ([-1000.0, 1000.0],), ([0, 1],)),
    Special("elu(±1000)", ag.elu, ([-1000.0, 1000.0],), ([0, 1],)),
    Special("tanh(1000)", np.tanh, (1000.0,), (0,)),
    Special("erf(±inf)", ag.erf, ([inf, -inf],), ([0, 0],)),
    Special("arctan(±inf)", np.arctan, ([inf, -inf],), ([0, 0],)),
    Special("exp(1000)", np.exp, (1000.0,), (inf,)),
    Special("exp(-inf)", np.exp, (-inf,), (0,)),
]

ACTIVATIONS = [
    Special("relu6 at its corners 0 and 6", activations.relu6, ([0.0, 6.0],), ([0, 0],)),
    Special("hard_tanh at its corners", activations.hard_tanh, ([-1.0, 1.0],), ([0, 0],)),
    Special("ag.hard_tanh with one corner", lambda x: ag.hard_tanh(x, 0.0, inf), ([0.0, inf],), ([0, 1],)),
    Special("hard_sigmoid at its corners", activations.hard_sigmoid, ([-3.0, 3.0],), ([0, 0],)),
    Special("sparse_sigmoid at its corners", activations.sparse_sigmoid, ([-1.0, 1.0],), ([0, 0],)),
    Special("hard_silu at its corners", activations.hard_silu, ([-3.0, 3.0],), ([0, 1],)),
    Special("hard_silu(±inf)", activations.hard_silu, ([-inf, inf],), ([0, 1],)),
    Special("silu(±inf)", ag.silu, ([-inf, inf],), ([0, 1],)),
    Special("mish(±inf)", ag.mish, ([-inf, inf],), ([0, 1],)),
    Special("squareplus(±inf)", activations.squareplus, ([-inf, inf],), ([0, 1],)),
    Special("softsign(0), (±inf)", ag.softsign, ([0.0, -inf, inf],), ([1, 0, 0],)),
    Special("tanh_shrink(0), (±inf)", ag.tanh_shrink, ([0.0, -inf, inf],), ([0, 1, 1],)),
    Special("softplus(±inf)", ag.softplus, ([-inf, inf],), ([0, 1],)),
    Special("softmax([inf, 0])[0]", lambda x: ag.softmax(x)[0], ([inf, 0.0],), ([0, 0],)),
    Special("log_softmax([inf, 0])[0]", lambda x: ag.log_softmax(x)[0], ([inf, 0.0],), ([0, 0],)),
    Special("sparsemax([inf, 0])[0]", lambda x: activations.sparsemax(x)[0], ([inf, 0.0],), ([0, 0],)),
]

NAN = [
    Special("where(x > 0, log x, 0) at 0", lambda x: np.where(x > 0, np.log(x), 0), (0.0,), (0,)),
    Special(
        "where(x > 0, log x, 0)", lambda x: np.where(x > 0, np.log(x), 0), ([1.0, 0.0, -1.0, 2.0],), ([1, 0, 0, 0.5],)
    ),
    Special("where(x > 0, sqrt x, 0) at 0", lambda x: np.where(x > 0, np.sqrt(x), 0), (0.0,), (0,)),
    Special("where(x > 0, sqrt x, 0)", lambda x: np.where(x > 0, np.sqrt(x), 0), ([4.0, 0.0, -1.0],), ([0.25, 0, 0],)),
    Special(
        "double where at 0", lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0), ([0.0, 2.0],), ([0, 0.5],)
    ),
    Special("0 * sqrt(x) at 0", lambda x: 0 * np.sqrt(x), (0.0,), (0,)),
    Special("a masked row of NaN", lambda x: np.where([True, False], x * x, 0), ([3.0, nan],), ([6, 0],)),
    Special(
        "a loss masked by zeros",
        lambda x: (np.array([1.0, 0.0]) * np.sqrt(x)).sum(),
        ([4.0, 0.0],),
        ([0.25, 0],),
    ),
    Special(
        "a sequence padded with NaN",
        lambda x, w: np.where(np.array([True, True, False]), np.tanh(x * w), 0).sum(),
        ([0.0, 0.0, nan], [1.0, 2.0, 3.0]),
        ([1, 2, 0], [0, 0, 0]),
    ),
    Special("x[1:] of sqrt", lambda x: np.sqrt(x)[1:], ([-1.0, 4.0],), ([0, 0.25],)),
    Special(
        "std of a row that is not used",
        lambda x: x.std(axis=1)[0],
        ([[0.0, 2.0], [nan, nan]],),
        ([[-0.5, 0.5], [0, 0]],),
    ),
    Special("maximum(nan, 1)", np.maximum, (nan, 1.0), (1, 0)),
    Special("maximum(1, nan)", np.maximum, (1.0, nan), (0, 1)),
    Special("maximum(nan, nan)", lambda x: np.maximum(x, x), (nan,), (1,)),
    Special("minimum(nan, 1)", np.minimum, (nan, 1.0), (1, 0)),
    Special("fmax(nan, 1)", np.fmax, (nan, 1.0), (0, 1)),
    Special("fmax(1, nan)", np.fmax, (1.0, nan), (1, 0)),
    Special("fmin(nan, 1)", np.fmin, (nan, 1.0), (0, 1)),
    Special("max of [1, nan, 2]", np.max, ([1.0, nan, 2.0],), ([0, 1, 0],)),
    Special("min of [1, nan, 2]", np.min, ([1.0, nan, 2.0],), ([0, 1, 0],)),
    Special("abs(nan)", np.abs, (nan,), (nan,)),
    Special("relu(nan)", ag.relu, (nan,), (0,)),
    Special("relu(inf)", ag.relu, (inf,), (1,)),
]

MATRICES = [
    Special(
        "logdet of a singular matrix, and log det",  # the limit from positive determinants
        lambda x: np.linalg.slogdet(x)[1] + np.log(np.linalg.det(x)),
        ([[1.0, 2.0], [2.0, 4.0]],),
        ([[inf, -inf], [-inf, inf]],),
    ),
    Special(
        "logdet of singular matrices among others",
        lambda x: np.linalg.slogdet(x)[1],
        ([[[1.0, 2.0], [2.0, 4.0]], [[2.0, 1.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]],),
        ([[[inf, -inf], [-inf, inf]], [[0.5, 0], [-0.5, 1]], [[inf, nan], [nan, nan]], np.full((2, 2), nan)],),
    ),
    Special(
        "logdet of a singular matrix of rank 2",
        lambda x: np.linalg.slogdet(x)[1],
        ([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]],),
        ([[-inf, -inf, inf], [inf, inf, -inf], [nan, nan, nan]],),
    ),
    Special(
        "a logdet that is not used",
        lambda x: np.where([True, False], np.linalg.slogdet(x)[1], 0),
        ([[[2.0, 1.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]],),
        ([[[0.5, 0], [-0.5, 1]], [[0, 0], [0, 0]]],),
    ),
    Special("eigvalsh(UPLO='L')", lambda x: np.linalg.eigvalsh(x)[1], ([[1.0, 9.0], [0.0, 2.0]],), ([[0, 0], [0, 1]],)),
    Special(
        "eigvalsh(UPLO='U') reads the other triangle",
        lambda x: np.linalg.eigvalsh(x, UPLO="U")[1],
        ([[1.0, 0.0], [9.0, 2.0]],),
        ([[0, 0], [0, 1]],),
    ),
    Special(
        "eigvalsh of one triangle: the gradient is of both",
        lambda x: np.linalg.eigvalsh(x)[1],
        ([[0.0, 9.0], [1.0, 0.0]],),
        ([[0.5, 0.5], [0.5, 0.5]],),
    ),
    Special(
        "sqrt of a cholesky factor, whose zeros are constants",
        lambda x: np.sqrt(np.linalg.cholesky(x)),
        ([[4.0, 2.0], [2.0, 2.0]],),
        ([[2**0.5 / 16, 0], [0, 1 / 4]],),
    ),
]

MODULO = [
    Special("remainder(5, 3)", np.remainder, (5.0, 3.0), (1, -1)),
    Special("remainder(6, 3)", np.remainder, (6.0, 3.0), (1, -2)),
    Special("mod(-5, 3)", np.mod, (-5.0, 3.0), (1, 2)),
    Special("5 % 3", lambda x, y: x % y, (5.0, 3.0), (1, -1)),
    Special("fmod(-5, 3)", np.fmod, (-5.0, 3.0), (1, 1)),
    Special("floor_divide(7, 2)", np.floor_divide, (7.0, 2.0), (0, 0)),
    Special("7 // 2", lambda x, y: x // y, (7.0, 2.0), (0, 0)),
    Special("divmod(7, 2)", lambda x, y: sum(np.divmod(x, y)), (7.0, 2.0), (1, -3)),
    Special("modf(-1.5)", lambda x: np.modf(x)[0] + 10 * np.modf(x)[1], (-1.5,), (1,)),
]

# What the page of the documentation calls them.
GROUPS: dict[str, list[Special]] = {
    "Linear functions": LINEAR,
    "Kinks": KINKS,
    "Ties": TIES,
    "Clipping": CLIP,
    "Activations": ACTIVATIONS,
    "Powers, roots and logarithms": POWERS,
    "Lengths and angles": NORMS,
    "Products and sums of nothing": PRODUCTS,
    "Saturation": SATURATION,
    "NaN": NAN,
    "Remainders": MODULO,
    "Singular, symmetric and triangular matrices": MATRICES,
}
SPECIAL: list[Special] = [row for rows in GROUPS.values() for row in rows]
