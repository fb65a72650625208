"""`while_loop` and `fori_loop`: loops whose number of steps depends on values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import describe, require_function
from ..core.duck_arrays import as_array, innermost, is_duck_array
from ..core.errors import GradError, TraceError
from ..core.mode import MODE
from ..core.op import OPS, structural
from ..tensors.record import apply
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild
from .cond import known_now
from .scan import as_data, as_tensor, check_carry, copy_result, number_of_steps, operands, scan, with_a_tensor
from .scan_op import NO_WAY_BACK, UNBOUNDED, Scan


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, max_steps: int | None = None
) -> Any:
    """Run `carry = body_fun(carry)` as long as `cond_fun(carry)` is true.

    Forward mode and vmap work, in which examples that are finished stay as they are while others go on. Reverse mode
    needs to know how much to keep: give it `max_steps`.

    Args:
        cond_fun: a function of the carry that returns one bool.
        body_fun: a function of the carry that returns one of the same structure, shapes and dtypes.
        init_val: the first carry, an array or a container of arrays.
        max_steps: stop after this many steps; with it, gradients flow back through the loop. A step that is not taken
            costs its share of the memory, and no time.

    Returns:
        The last carry, as Tensors.

    Raises:
        ShapeError, DtypeError, TypeError: if a function returns something of another kind.
        TraceError: if one asks for the value of a Tensor, as `if x > 0` does.
        GradError: if a gradient flows back through a loop without `max_steps`.

    Example:
        >>> import autograd_lite as ag
        >>> def root(a):  # by Newton's method
        ...     return ag.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a, max_steps=20)
        >>> round(float(root(2.0)), 6), round(float(ag.grad(root)(2.0)), 6)
        (1.414214, 0.353553)
    """
    require_function("while_loop", cond_fun)
    require_function("while_loop", body_fun)
    steps = UNBOUNDED if max_steps is None else number_of_steps(None, max_steps)
    carry = map_leaves(as_tensor, operands("while_loop", "init_val", init_val))
    go_on = _condition(cond_fun(carry))

    def advance(before: Any) -> tuple[Any, Any]:
        new = map_leaves(as_tensor, body_fun(before))
        check_carry("while_loop", before, new, leaves(new))
        return new, _condition(cond_fun(new))

    def step(whole: Any, _: Any) -> tuple[Any, None]:
        new, test = advance(whole[0])
        return (new, whole[1] + 1, as_tensor(test)), None

    def close_loop(needed: bool) -> Any:
        whole = carry, np.int64(0), np.bool_(go_on) if isinstance(go_on, bool) else go_on
        closed_loop = as_data(step, whole, None, needed, cond_fun, body_fun, caller="while_loop")
        return closed_loop if closed_loop is None else (closed_loop, leaves(whole))

    taken, loop_data = 0, None
    in_python = (
        max_steps is None or MODE.get().watch is not None or any(map(is_duck_array, map(innermost, leaves(carry))))
    )
    while isinstance(go_on, bool):
        if not go_on or taken == steps:
            return map_leaves(
                lambda t: _without_reverse_mode(copy_result(t)) if max_steps is None else copy_result(t), carry
            )
        if not taken and not in_python and (loop_data := close_loop(False)) is not None:
            break
        carry, go_on = advance(carry)
        taken += 1
    loop_data = loop_data or close_loop(True)  # the condition is unknown: in a compiled function, or in a batch
    if loop_data is None:
        raise TraceError(
            "while_loop: expected functions that compute and change nothing, since the number of steps is known only "
            "when the compiled function runs; received one that assigns to a Tensor from outside. Carry it instead"
        )
    data, flat = loop_data
    left = steps if max_steps is None else steps - taken
    loop = Scan(data.body, len(flat), 0, left, False, until=len(flat) - 1)
    return rebuild(data.out[0], iter(loop.apply(with_a_tensor([*flat, *data.captured]))))[0]


def _condition(test: Any) -> Any:
    """Return a bool, or a Tensor if it is not known now."""
    dtype = test.dtype if isinstance(test, Tensor | np.ndarray | np.generic) else np.dtype(type(test))
    if np.shape(test) != () or dtype != np.bool_:
        raise TypeError(
            f"while_loop: expected cond_fun to return one bool; received {describe(test)}. Compare, as in x > 0, and "
            "reduce with .any() or .all()"
        )
    return known_now(test)


def _no_way_back(*_: Any) -> NoReturn:
    raise GradError(NO_WAY_BACK)


def _without_reverse_mode(t: Tensor) -> Tensor:
    """Return the same values, through which no gradient flows back: as it will be in the compiled function."""
    return apply(_ONWARD, (t,), {}) if t.requires_grad else t


_ONWARD = structural(
    "while_loop",
    lambda x: as_array(x).view(),
    _no_way_back,
    infer=lambda x: x,
    linear=True,
    batch=lambda op, inputs, batched, params: op(*inputs),
)
del OPS["while_loop"]  # it is of use here alone


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Run `carry = body_fun(i, carry)` for i from lower up to upper, which is left out.

    Args:
        lower, upper: integers. If both are known when a function is compiled, this is a `scan`, through which gradients
            flow; otherwise a `while_loop`.
        body_fun: a function of an integer and the carry that returns the new carry.
        init_val: the first carry, an array or a container of arrays.

    Returns:
        The last carry, as Tensors.

    Raises:
        TypeError: if a bound is not an integer.

    Example:
        >>> fori_loop(1, 5, lambda i, product: product * i, 1)
        Tensor(24)
    """
    require_function("fori_loop", body_fun)
    bounds = [_check_bound(name, x) for name, x in (("lower", lower), ("upper", upper))]
    if not any(isinstance(b, Tensor) for b in bounds):
        numbers = np.arange(bounds[0], max(bounds))
        return scan(lambda carry, i: (body_fun(i, carry), None), init_val, numbers)[0]
    one = np.int64(1)
    _, _, carry = while_loop(
        lambda s: s[0] < s[1], lambda s: (s[0] + one, s[1], body_fun(s[0], s[2])), (*map(as_tensor, bounds), init_val)
    )
    return carry


def _check_bound(name: str, x: Any) -> Any:
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return int(x)
    if isinstance(x, Tensor) and x.shape == () and x.dtype.kind in "iu":
        return x.astype(np.int64) if x.dtype != np.int64 else x
    raise TypeError(f"fori_loop: expected {name} to be an integer; received {describe(x)}")
