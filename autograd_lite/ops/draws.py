"""Random draws as recorded ops: each names its generator, so that a replay draws anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import batching
from ..core.errors import GradError
from ..core.op import Kind, Op, Rule, nondifferentiable
from ..core.shape_arithmetic import ShapeDtype


def _infer(*, shape: Any, dtype: Any, **_: Any) -> ShapeDtype:
    return ShapeDtype(shape, np.dtype(dtype))


def _normal(*, generator: Any, shape: Any, dtype: Any, loc: float, scale: float) -> Any:
    with generator.lock:
        draw = generator.bits.standard_normal(shape, dtype if dtype in (np.float32, np.float64) else np.float64)
    return (draw * scale + loc).astype(dtype, copy=False)


def _uniform(*, generator: Any, shape: Any, dtype: Any, low: float, high: float) -> Any:
    with generator.lock:
        draw = generator.bits.random(shape, dtype if dtype in (np.float32, np.float64) else np.float64)
    return (draw * (high - low) + low).astype(dtype, copy=False)


def _bernoulli(*, generator: Any, shape: Any, dtype: Any, p: float) -> Any:
    with generator.lock:
        draw = generator.bits.random(shape, np.float32)
    return (draw < p).astype(dtype, copy=False)


random_normal = nondifferentiable(_normal, name="random_normal", infer=_infer, onnx="RandomNormalLike", cost=1)
random_uniform = nondifferentiable(_uniform, name="random_uniform", infer=_infer, onnx="RandomUniformLike", cost=1)
random_bernoulli = nondifferentiable(_bernoulli, name="random_bernoulli", infer=_infer, cost=1)


def _refuse_p(*_: Any, **__: Any) -> Any:
    raise GradError(
        "bernoulli: expected p without a gradient; received a Tensor whose gradient was asked for, and what is drawn, "
        "0s and 1s, has none. Write p.detach() if no gradient is meant. That of the expected value of an elementwise f "
        "is the gradient of (f(b) * (b * np.log(p) + (1 - b) * np.log(1 - p))).mean(), with "
        "b = ag.random.bernoulli(shape, p.detach())"
    )


bernoulli_below = Op(
    "bernoulli_below",
    lambda u, p, *, dtype: (u < p).astype(dtype, copy=False),
    (None, Rule(Kind.VJP, _refuse_p)),
    lambda u, p, *, dtype: ShapeDtype(np.broadcast_shapes(u.shape, p.shape), np.dtype(dtype)),
    batch=batching.elementwise,
    cost=1,
)  # of a p that is a Tensor: its rule says what to write, in whichever mode a gradient is asked for


def _permutation(*, generator: Any, shape: Any, dtype: Any) -> Any:
    with generator.lock:
        draw = generator.bits.permutation(shape[0])
    return draw.astype(dtype, copy=False)


random_permutation = nondifferentiable(_permutation, name="random_permutation", infer=_infer, cost=0)
