"""Recurrent networks over whole sequences, as functions: checked arguments in, one recorded op out.

Time is the first axis. `z` is the input's contribution to the gates at all steps, `x @ kernel`, of shape `(T, N, k H)`
for k gates side by side: it needs no recursion, so the caller computes it. `recurrent_kernel` has shape `(H, k H)`. A
state `h` or `c` before the first step has shape `(N, H)`; None means zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.duck_arrays import as_array
from ..core.errors import ShapeError
from ..core.messages import checked
from ..core.shape_arithmetic import Shape
from ..ops import gru as gru_table, lstm as lstm_table, simple_rnn as simple_rnn_table
from ..tensors.tensor import Tensor


def _array(x: Any) -> Any:
    return x if isinstance(x, (Tensor, np.ndarray)) else as_array(x)


def _check(caller: str, gates: int, z: Any, r: Any, arrays: Mapping[str, Any], bias: Shape = (1,)) -> None:
    """Check the shapes; `bias` is the shape of the bias of one unit and one gate."""
    width = f"{gates} H" if gates > 1 else "H"
    n = r.shape[0] if r.ndim else 0
    fits = z.ndim == 3 and min(z.shape) > 0 and z.shape[2] == gates * n and r.shape == (n, gates * n)
    expected = {"bias": (*bias[:-1], gates * n), "h": (z.shape[1], n), "c": (z.shape[1], n)} if fits else {}
    if fits and all(a is None or a.shape == expected[name] for name, a in arrays.items()):
        return
    states = " and ".join(name for name in arrays if name != "bias")
    shapes = "".join(f", {name} {a.shape}" for name, a in arrays.items() if a is not None)
    raise ShapeError(
        f"{caller}: expected z of shape (T, N, {width}) with T, N and H > 0, a recurrent_kernel (H, {width}), a bias "
        f"({'2, ' if len(bias) > 1 else ''}{width}{'' if len(bias) > 1 else ','}), {states} (N, H); received z "
        f"{z.shape}, recurrent_kernel {r.shape}{shapes}. For sequences with batch first: np.swapaxes(z, 0, 1)"
    )


def _optional(x: Any) -> Any:
    return None if x is None else _array(x)


def _or_zeros(x: Any, shape: Shape, like: Any) -> Any:
    return np.zeros(shape, like.dtype) if x is None else x


@checked
def lstm(z: Any, recurrent_kernel: Any, bias: Any = None, h: Any = None, c: Any = None) -> tuple[Any, Any]:
    """Run a long short-term memory over whole sequences, as one op.

    At every step, with a = z + bias + h recurrent_kernel and the gates i, f, g, o side by side in it:
    c' = s(a_f) c + s(a_i) tanh(a_g) and h' = s(a_o) tanh(c'), where s is the logistic function.

    Args:
        z: the input's contribution to the gates, shape (T, N, 4 H), no length 0.
        recurrent_kernel: shape (H, 4 H).
        bias: shape (4 H,), or None for none.
        h, c: the states before the first step, shape (N, H); None for zeros.

    Returns:
        h and c of all steps, shape (T, N, H) each.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> h, c = lstm(np.zeros((5, 2, 12)), np.zeros((3, 12)), c=np.ones((2, 3)))
        >>> h.shape, c[:, 0, 0]
        ((5, 2, 3), array([0.5    , 0.25   , 0.125  , 0.0625 , 0.03125]))

    References:
        Hochreiter, Schmidhuber: Long Short-Term Memory, 1997; Gers, Schmidhuber, Cummins: Learning to Forget, 2000,
        equations 2.6 to 3.2.
    """
    z, r, bias, h, c = _array(z), _array(recurrent_kernel), _optional(bias), _optional(h), _optional(c)
    _check("lstm", 4, z, r, {"bias": bias, "h": h, "c": c})
    start = z.shape[1], r.shape[0]
    h, c, bias = _or_zeros(h, start, r), _or_zeros(c, start, r), _or_zeros(bias, r.shape[1:], r)
    return lstm_table.lstm(z, r, bias, h, c)[:2]


@checked
def gru(z: Any, recurrent_kernel: Any, bias: Any = None, h: Any = None, reset_after: bool = True) -> Any:
    """Run a gated recurrent unit over whole sequences, as one op.

    With the gates u (update), r (reset) and n (new values) side by side in z and bias (b, b'), s the logistic function
    and R the recurrent kernel, at every step

        u, r = s(z_u + b_u + b'_u + h R_u), …        n = tanh(z_n + b_n + r (h R_n + b'_n))        h' = u h + (1 - u) n

    or, with the reset gate before the product, n = tanh(z_n + b_n + b'_n + (r h) R_n).

    Args:
        z: the input's contribution to the gates, shape (T, N, 3 H), no length 0.
        recurrent_kernel: shape (H, 3 H).
        bias: b and b', shape (2, 3 H), or None for none.
        h: the state before the first step, shape (N, H); None for zeros.
        reset_after: apply the reset gate after the product with the recurrent kernel, as PyTorch and cuDNN do.

    Returns:
        h of all steps, shape (T, N, H).

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> gru(np.zeros((5, 2, 9)), np.zeros((3, 9)), h=np.ones((2, 3)))[:, 0, 0]
        array([0.5    , 0.25   , 0.125  , 0.0625 , 0.03125])

    References:
        Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014,
        equations 5 to 8 (the reset gate before).
    """
    z, r, bias, h = _array(z), _array(recurrent_kernel), _optional(bias), _optional(h)
    _check("gru", 3, z, r, {"bias": bias, "h": h}, (2, 1))
    start = _or_zeros(h, (z.shape[1], r.shape[0]), r)
    return gru_table.gru(z, r, _or_zeros(bias, (2, z.shape[2]), r), start, reset_after=bool(reset_after))[0]


@checked
def simple_rnn(z: Any, recurrent_kernel: Any, bias: Any = None, h: Any = None, activation: str = "tanh") -> Any:
    """Run a simple recurrent network over whole sequences, as one op: h' = f(z + bias + h recurrent_kernel).

    Args:
        z: the input's contribution, shape (T, N, H), no length 0.
        recurrent_kernel: shape (H, H).
        bias: shape (H,), or None for none.
        h: the state before the first step, shape (N, H); None for zeros.
        activation: f, "tanh" or "relu".

    Returns:
        h of all steps, shape (T, N, H).

    Raises:
        ShapeError: if the shapes do not fit.
        ValueError: for another activation.

    Example:
        >>> simple_rnn(np.ones((4, 1, 1)), np.ones((1, 1)), activation="relu").reshape(-1)
        array([1., 2., 3., 4.])

    References:
        Elman: Finding Structure in Time, 1990, figure 2.
    """
    if activation not in ("tanh", "relu"):
        raise ValueError(f"simple_rnn: expected activation to be 'tanh' or 'relu'; received {activation!r}")
    z, r, bias, h = _array(z), _array(recurrent_kernel), _optional(bias), _optional(h)
    _check("simple_rnn", 1, z, r, {"bias": bias, "h": h})
    start = _or_zeros(h, (z.shape[1], r.shape[0]), r)
    return simple_rnn_table.simple_rnn(z, r, _or_zeros(bias, r.shape[1:], r), start, activation=activation)
