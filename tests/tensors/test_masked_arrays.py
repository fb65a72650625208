"""NumPy's masked arrays: each way in refuses them, and says how to write it, or keeps the mask, as NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import optimize
from autograd_lite.hips import grad as hips_grad
from autograd_lite.scipy import stats
from nn import layers

M: Any = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
X: Any = np.ma.array(np.ones((4, 3)), mask=np.eye(4, 3))
Y: Any = np.ma.array(np.ones((4, 1)), mask=[[1], [0], [0], [0]])
ONES = np.ones(3)
OPERATORS = ("+", "-", "*", "/", "**", "<", "==")
WAYS_IN: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda t: ag.tensor(M),
    "tensor, without a copy": lambda t: ag.Tensor(M, copy=False),
    "tensor of a list": lambda t: ag.tensor([M, M]),
    "tensor of a masked number": lambda t: ag.tensor(np.ma.masked),
    "array": lambda t: ag.array([M, t]),
    "assign": lambda t: t.detach().assign(M),
    "grad": lambda t: setattr(t, "grad", M),
    "backward": lambda t: (t * 1).backward(M),
    "an index": lambda t: t[np.ma.array([0, 1], mask=[0, 1])],
    "an index of booleans": lambda t: t[np.ma.array([True, False, True], mask=[0, 1, 0])],
    "t[:] = m": lambda t: (t * 1).__setitem__(slice(None), M),
    "t @ m": lambda t: t @ M,
    "m @ t": lambda t: M @ t,
    **{f"t {op} m": lambda t, op=op: eval(f"t {op} m", {"t": t, "m": M}) for op in OPERATORS},
    **{f"m {op} t": lambda t, op=op: eval(f"m {op} t", {"t": t, "m": M}) for op in OPERATORS},
    **{
        f"np.{f.__name__}": lambda t, f=f: f(t, M)
        for f in (np.add, np.maximum, np.arctan2, np.matmul, np.dot, np.outer, np.convolve, np.logical_and)
    },
    "np.add of m": lambda t: np.add(M, t),
    "np.ma.add": lambda t: np.ma.add(M, t),
    "np.add.at": lambda t: np.add.at(t * 1, [0, 1, 2], M),
    "np.maximum.at": lambda t: np.maximum.at(t * 1, [0, 1, 2], M),
    "np.where": lambda t: np.where(M > 1, t, M),
    "np.clip": lambda t: np.clip(t, M, 9),
    "np.concatenate": lambda t: np.concatenate([t, M]),
    "np.stack": lambda t: np.stack([M, t]),
    "np.einsum": lambda t: np.einsum("i,i", M, t),
    "np.interp": lambda t: np.interp(t, M, M),
    "softmax": lambda t: ag.softmax(M),
    "relu": lambda t: ag.relu(M),
    "convolution": lambda t: ag.convolution(M.reshape(1, 3, 1), np.ones((1, 1, 1))),
    "ag.grad": lambda t: ag.grad(lambda x: (x**2).sum())(M),
    "ag.value_and_grad": lambda t: ag.value_and_grad(lambda x: (x**2).sum())(M),
    "ag.grad of a tree": lambda t: ag.grad(lambda x: (x["a"] ** 2).sum())({"a": M}),
    "ag.grad of what is captured": lambda t: ag.grad(lambda x: (x * M).sum())(ONES),
    "ag.vjp": lambda t: ag.vjp(lambda x: x**2)(M),
    "a cotangent": lambda t: ag.vjp(lambda x: x**2)(ONES)[1](M),
    "ag.jvp": lambda t: ag.jvp(lambda x: x**2)((M,), (ONES,)),
    "a tangent": lambda t: ag.jvp(lambda x: x**2)((ONES,), (M,)),
    "ag.linearize": lambda t: ag.linearize(lambda x: x**2)(M),
    "ag.vmap": lambda t: ag.vmap(lambda x: x**2)(M),
    "ag.jacobian": lambda t: ag.jacobian(lambda x: x**2)(M),
    "ag.jacobian, forward": lambda t: ag.jacobian(lambda x: x**2, mode="forward")(M),
    "ag.hessian": lambda t: ag.hessian(lambda x: (x**2).sum())(M),
    "ag.hvp": lambda t: ag.hvp(lambda x: (x**2).sum())(M, ONES),
    "ag.scan": lambda t: ag.scan(lambda c, x: (c + x, c), 0.0, M),
    "ag.while_loop": lambda t: ag.while_loop(lambda x: x.sum() < 9, lambda x: x * 2, M),
    "hips": lambda t: hips_grad(lambda x: (x**2).sum())(M),
    "stats": lambda t: stats.norm.logpdf(M, t),
    "minimize": lambda t: optimize.minimize(lambda x: (x**2).sum(), M),
    "a layer": lambda t: layers.Dense(2)(X),
    "fit": lambda t: model().fit(X, np.ones((4, 1)), verbose=0),
    "fit, targets": lambda t: model().fit(np.ones((4, 3)), Y, verbose=0),
    "fit, weights": lambda t: model().fit(np.ones((4, 3)), np.ones((4, 1)), sample_weight=Y[:, 0], verbose=0),
    "evaluate": lambda t: model().evaluate(X, np.ones((4, 1)), verbose=0),
    "predict": lambda t: model().predict(X, verbose=0),
    "train_on_batch": lambda t: model().train_on_batch(X, np.ones((4, 1))),
    "set_weights": lambda t: model().set_weights([np.ma.array(np.ones((3, 1))), np.zeros(1)]),
    "a loss": lambda t: nn.losses.MeanSquaredError()(Y, np.ones((4, 1))),
    "a metric": lambda t: nn.metrics.MeanSquaredError()(Y, np.ones((4, 1))),
    "nn.ops": lambda t: nn.ops.sin(M),
}


def model() -> Any:
    out = nn.Sequential([nn.Input((3,)), layers.Dense(1)])
    out.compile("sgd", "mse")
    return out


@pytest.mark.parametrize("way", WAYS_IN)
def test_a_mask_is_never_lost(way: str) -> None:
    t = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises((ag.UnsupportedError, ag.GradError), match=r"mask.*np\.where"):
        WAYS_IN[way](t)


def test_functions_of_arrays_alone_keep_it() -> None:
    square: Any = lambda x: (x**2).sum()  # noqa: E731
    assert ag.compile(square)(M) == square(M) == 10
    assert ag.checkpoint(square)(M) == 10
    assert ag.grad(lambda x: np.where(np.ma.getmaskarray(M), 0, x**2).sum())(M.filled(0)).tolist() == [2, 0, 6]
