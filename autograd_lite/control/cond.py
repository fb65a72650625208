"""`cond`: one of two functions, by a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arguments import described, function_given
from ..core.errors import DtypeError, ShapeError, TraceError
from ..core.mode import MODE, TAPES
from ..core.tracebacks import folding
from ..functional.batched import Batched
from ..tensors.lifted import Lifted
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild
from .closure import HasEffects, aligned, close
from .cond_op import Choice
from .scan import as_tensor, operands, outline, returned


@folding
def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands_: Any) -> Any:
    """Return `true_fun(*operands)` if pred is true, else `false_fun(*operands)`.

    Only one of the functions runs, in a function that is compiled too. If the condition differs from example to example
    of a `vmap`, both do, and np.where chooses.

    Args:
        pred: a bool, or an array of one.
        true_fun, false_fun: functions of the operands that return alike: the same containers, shapes and dtypes. What
            they capture gets gradients, too.
        operands_: arrays and containers of arrays.

    Returns:
        What the function returns, as Tensors.

    Raises:
        ShapeError, DtypeError, TypeError: if pred is not one bool, or, where it is not known before, if the functions
            do not return alike.
        TraceError: if a function asks for the value of a Tensor, or changes one, where pred is not known before.

    Example:
        >>> import autograd_lite as ag
        >>> def root(x):
        ...     return ag.cond(x > 0, np.sqrt, lambda x: 0 * x, x)
        >>> slope = ag.compile(ag.grad(root))
        >>> [float(slope(np.float64(x))) for x in (4.0, 1.0, -1.0)]
        [0.25, 0.5, 0.0]
    """
    function_given("cond", true_fun)
    function_given("cond", false_fun)
    pred = _condition(pred)
    given = operands("cond", "operands", operands_)
    if not isinstance(pred, Tensor):
        return map_leaves(returned, (true_fun if pred else false_fun)(*map_leaves(as_tensor, given)))
    try:
        parts = [close("cond", f, given) for f in (false_fun, true_fun)]
    except HasEffects:
        raise TraceError(
            "cond: expected functions that compute and change nothing, since the condition is known only when the "
            "compiled function runs; received one that assigns to a Tensor from outside. Return the new values instead"
        ) from None
    _alike(*parts)
    arrays = leaves(given)
    (no, yes), captured = aligned(parts, len(arrays))
    found = Choice((no, yes), len(yes.specs)).apply(pred, [*arrays, *captured])
    return rebuild(parts[1].out, iter(found))


def _condition(pred: Any) -> Any:
    """Return a Tensor if the condition is not known now, else a bool."""
    if isinstance(pred, (bool, np.bool_, int, float)):
        return bool(pred)
    if not isinstance(pred, (Tensor, np.ndarray, np.generic)):
        raise TypeError(f"cond: expected pred to be a bool, or an array of one; received {described(pred)}")
    if pred.shape != ():
        raise ShapeError(
            f"cond: expected pred to be one bool; received shape {pred.shape}. Reduce it with .any() or .all(), choose "
            "elements with np.where, or use vmap to choose for each example"
        )
    return known_now(pred)


def known_now(pred: Any) -> Any:
    """Return a condition as a bool, or as it is if it is not known now: in a batch, or on a tape."""
    if not isinstance(pred, Tensor):
        return bool(pred)
    if TAPES and MODE.get().tape is not None:
        return pred
    value = pred._data
    while isinstance(value, (Lifted, Tensor)):
        if isinstance(value, Batched):
            return pred
        value = value._data if isinstance(value, Tensor) else value.example
    return bool(value)


def _alike(no: Any, yes: Any) -> None:
    """Check that both functions return the same kind of thing."""
    if outline(no.out) != outline(yes.out):
        raise TypeError(
            f"cond: expected both functions to return the same structure; received {outline(yes.out)} from true_fun "
            f"and {outline(no.out)} from false_fun"
        )
    for y, n in zip(yes.body.specs, no.body.specs, strict=True):
        if y != n:
            wrong: Any = ShapeError if y.shape != n.shape else DtypeError
            cure = "Broadcast one of them" if wrong is ShapeError else f"Cast one of them, .astype(np.{y.dtype})"
            raise wrong(
                f"cond: expected both functions to return arrays of the same shapes and dtypes; received {y.shape} "
                f"{y.dtype} from true_fun and {n.shape} {n.dtype} from false_fun. {cure}"
            )
