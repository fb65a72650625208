"""`scan`: a loop over the entries of arrays, with a carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.arguments import describe, require_function
from ..core.duck_arrays import as_array, asarray_like, innermost, is_duck_array
from ..core.errors import DtypeError, ShapeError
from ..core.mode import MODE, TAPES
from ..core.node import Node
from ..core.shape_arithmetic import ShapeDtype
from ..core.traceback_folding import folding
from ..ir.tape import HasEffects
from ..ops import shape
from ..tensors.record import apply
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, Tracer
from ..tree import items, leaves, map as map_leaves, rebuild
from .checkpointed_scan import CheckpointedScan, states_within
from .closure_conversion import BodyCache, Closed, close, example_of
from .scan_op import Scan


def operand(caller: str, path: str, x: Any) -> Any:
    """Return a leaf of an argument as a Tensor, an array or one of NumPy's numbers."""
    if isinstance(x, (Tensor, np.ndarray, np.generic)):
        return x
    if isinstance(x, (bool, int, float, complex)):
        return as_array(x)[()]
    raise TypeError(f"{caller}: expected {path} to be an array or a number; received {describe(x)}")


def operands(caller: str, name: str, tree: Any) -> Any:
    """Return a tree of arguments with Tensors, arrays or NumPy's numbers as leaves."""
    return rebuild(tree, iter([operand(caller, name + path, x) for path, x in items(tree)]))


@folding
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    max_bytes: int | None = None,
) -> tuple[Any, Any]:
    """Run a function over the entries of arrays along their first axis, with a carry from each to the next.

    It computes what this loop does::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    What f does is recorded, and repeated by calls of NumPy. In a function that is compiled it is one node, however many
    steps there are. Gradients, forward mode and vmap nest in any order. First gradients have the bits of those of the
    loop, but for the sign of a zero, and for products with a matrix that is the same at all steps: with entries of xs
    they are one product before the loop, and the gradient by such a matrix is one product after it, whose terms are
    added in another order (1000 steps: up to 4e-15 of the largest element). In second derivatives the same terms are
    added in another order. A function that has effects outside of itself, does something else each time, or reads
    attributes of objects runs as the loop does.

    Args:
        f: a function (carry, x) -> (carry, y). It must return a carry of the structure, shapes and dtypes that it is
            given. Tensors that it captures get gradients, too.
        init: the first carry, an array or a container of arrays.
        xs: an array or a container of arrays, all of one length; None for none, with `length`.
        length: the number of steps; it can be left out if there are xs.
        reverse: begin with the last entry. The entries of ys are where those of xs are.
        unroll: of no effect; accepted from code for JAX. No step has a cost that unrolling would save.
        max_bytes: how much memory the states may take that are kept for the backward pass between steps. That pass
            then runs steps again from them, the fewest that are possible, and gives the same gradients, up to rounding.
            By default whatever it reads is kept of all steps. What a second derivative keeps has no bound.

    Returns:
        The last carry, and the results y of all steps, stacked along a new first axis; Tensors.

    Raises:
        ShapeError: if lengths differ, or f returns a carry of another shape.
        DtypeError: if it returns one of another dtype.
        TypeError: if it returns one of another structure, or no pair.
        TraceError: if f asks for the value of a Tensor, as `if x > 0` does.
        ValueError: with max_bytes, if f draws random numbers, which would be others when it runs again.

    References:
        Griewank, Walther: Algorithm 799: Revolve, an implementation of checkpointing for the reverse or adjoint mode of
        computational differentiation, 2000.

    Example:
        >>> import autograd_lite as ag
        >>> def step(total, x):
        ...     return total + x, total * x
        >>> ag.scan(step, 0.0, np.array([1.0, 2.0, 3.0]))
        (Tensor(6.), Tensor([0., 2., 9.]))
        >>> ag.grad(lambda x: ag.scan(step, 0.0, x)[1].sum())(np.array([1.0, 2.0, 3.0]))
        array([5., 4., 3.])
    """
    require_function("scan", f)
    init, xs = operands("scan", "init", init), operands("scan", "xs", xs)
    steps = number_of_steps(xs, length)
    duck = next(filter(is_duck_array, map(innermost, leaves((init, xs)))), None)
    if duck is not None:  # whose library may lack what the op needs: step by step
        init, xs = (map_leaves(lambda x: asarray_like(x, duck), tree) for tree in (init, xs))
        return scan_in_python(f, init, xs, steps, reverse)
    if MODE.get().watch is not None:
        return scan_in_python(f, init, xs, steps, reverse)
    slices = map_leaves(lambda x: example_of(x)[0].copy() if steps else np.zeros(x.shape[1:], x.dtype), xs)
    closed = as_data(f, init, slices, max_bytes is not None or not steps)
    if closed is None:
        return scan_in_python(f, init, xs, steps, reverse)
    carry, collected = closed.out
    n, m = len(leaves(init)), len(leaves(xs))
    call = Scan(closed.body, n, m, steps, bool(reverse))
    inputs = with_a_tensor([*leaves(init), *leaves(xs), *closed.captured])
    if max_bytes is None:
        results = iter(call.apply(inputs))
    else:
        results = iter(CheckpointedScan(call, _states(max_bytes, closed, inputs[:n])).apply(inputs))
    return rebuild(carry, results), rebuild(collected, results)


def _states(max_bytes: Any, closed: Closed, carry: Sequence[Any]) -> int:
    """Return how many states may be kept."""
    if not isinstance(max_bytes, int | np.integer) or isinstance(max_bytes, bool) or max_bytes < 0:
        wrong = ValueError if isinstance(max_bytes, int | np.integer) else TypeError
        raise wrong(f"scan: expected max_bytes to be a number of bytes, or None; received {describe(max_bytes)}")
    if closed.body.effects:
        raise ValueError(
            "scan: expected a function without effects, since with max_bytes steps are run again; received one that "
            "draws random numbers or observes values. Draw them before, and pass them as xs"
        )
    return states_within(int(max_bytes), carry)


# Functions as data, by what they read; None for one that does not do the same twice.
_CACHE = BodyCache()


def as_data(
    f: Callable[..., Any],
    init: Any,
    slices: Any,
    needed: bool,
    *users: Callable[..., Any],
    caller: str = "scan",
) -> Closed | None:
    """Return a function as data, or None if it must run as it is, or if a loop in Python is as good.

    In a function that is compiled each one is recorded. Elsewhere it is recorded twice, so that one that draws numbers
    from NumPy, say, runs as it is, and kept for the next time. A function that reads what may change unnoticed would
    have to be recorded every time, which takes longer than to run it.

    Args:
        f: the function.
        init, slices: its arguments.
        needed: whether nothing else will do.
        users: the functions of the user that it consists of, if it is none itself.
        caller: the caller, for messages.
    """
    try:
        return _recall_or_record(
            f, init, slices, needed or (bool(TAPES) and MODE.get().tape is not None), users or (f,), caller
        )
    except HasEffects:
        return None


def _recall_or_record(
    f: Callable[..., Any], init: Any, slices: Any, needed: bool, users: Sequence[Callable[..., Any]], caller: str
) -> Closed | None:
    def record() -> tuple[Closed, list[Tensor]]:
        closed = _check_closed(close(caller, f, (init, slices)), init)
        return closed._replace(captured=[]), closed.captured

    if not needed:
        kinds = tuple([(path, x.shape, x.dtype, x.__class__ is TracedTensor) for path, x in items((init, slices))])
        parts = _CACHE.recall(users, kinds, record)
    else:
        parts = record()
    return None if parts is None else parts[0]._replace(captured=parts[1])


def _check_closed(closed: Closed, init: Any) -> Closed:
    """Check that a function returns a pair with a carry like the first one."""
    carry, _ = _pair(closed.out)
    check_carry("scan", init, carry, closed.body.specs)
    return closed


def with_a_tensor(inputs: list[Any]) -> list[Any]:
    """Return the inputs of an op, one of which is a Tensor, so that its results are."""
    return inputs if any(isinstance(x, Tensor) for x in inputs) else [as_tensor(x) for x in inputs[:1]] + inputs[1:]


def number_of_steps(xs: Any, length: Any) -> int:
    """Return how many steps a scan has."""
    lengths = {}
    for path, x in items(xs, "xs"):
        if not np.ndim(x) if not isinstance(x, Tensor) else not x.ndim:
            raise ShapeError(f"scan: expected {path} to have an axis to scan; received a number")
        lengths[path] = x.shape[0]
    if length is not None:
        if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
            wrong = ValueError if isinstance(length, (int, np.integer)) else TypeError
            raise wrong(f"scan: expected length to be a number of steps, 0 or more; received {describe(length)}")
        lengths["length"] = length
    if not lengths:
        raise ValueError("scan: expected arrays in xs, or length=; received neither, so the number of steps is unknown")
    if len(set(lengths.values())) > 1:
        received = ", ".join(f"{path} of {n}" for path, n in lengths.items())
        raise ShapeError(f"scan: expected one number of steps; received {received}")
    return int(next(iter(lengths.values())))


def _pair(out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"scan: expected the function to return a pair, (carry, y); received {outline(out)}. With nothing to "
            "collect, return carry, None"
        )
    return out


def check_carry(caller: str, init: Any, carry: Any, specs: Sequence[Any]) -> int:
    """Check that a function returned a carry like the first one, and return its number of arrays."""
    before, after = list(items(init, "carry")), list(items(carry, "carry"))
    if [path for path, _ in before] != [path for path, _ in after] or outline(init) != outline(carry):
        raise TypeError(
            f"{caller}: expected the function to return a carry with the structure of the first one, {outline(init)}; "
            f"received {outline(carry)}"
        )
    for (path, x), spec in zip(before, specs, strict=False):
        if (x.shape, x.dtype) != (spec.shape, spec.dtype):
            wrong: Any = ShapeError if x.shape != spec.shape else DtypeError
            cure = "Make the first carry of that shape" if wrong is ShapeError else f"Cast it, .astype(np.{x.dtype})"
            raise wrong(
                f"{caller}: expected the function to return {path} as it was given, of shape {x.shape} {x.dtype}; "
                f"received {spec.shape} {spec.dtype}. {cure}"
            )
    return len(before)


def outline(tree: Any) -> str:
    """Return the structure of a tree as text."""
    return str(map_leaves(lambda _: 0, tree)).replace("0", "array")


def scan_in_python(f: Callable[..., Any], init: Any, xs: Any, steps: int, reverse: bool) -> tuple[Any, Any]:
    """Do what `scan` does, in Python: the specification."""
    carry = map_leaves(as_tensor, init)
    collected: list[Any] = []
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        new, y = _pair(f(carry, map_leaves(lambda x, t=t: as_tensor(x[t]), xs)))
        new = map_leaves(as_tensor, new)
        if not collected:
            check_carry("scan", carry, new, [ShapeDtype(x.shape, x.dtype) for x in leaves(new)])
        carry = new
        collected.append(y)
    if not collected:
        raise ValueError("scan: expected at least one step of a function that changes what is around it; received none")
    if reverse:
        collected.reverse()
    stacked = map_leaves(lambda *ys: copy_result(np.stack([as_tensor(y) for y in ys])), *collected)
    return map_leaves(copy_result, carry), stacked


def as_tensor(x: Any) -> Any:
    """Return a leaf as a Tensor."""
    return x if isinstance(x, Tensor) else Tensor(x)


def copy_result(x: Any) -> Any:
    """Return a leaf of a result as the operation returns it: in memory of its own, in C order."""
    if not isinstance(x, Tensor):
        return Tensor(np.ascontiguousarray(x)[()] if np.ndim(x) else x)
    if not isinstance(x._data, Tracer) and np.ndim(x._data) and not x._data.flags.c_contiguous:
        return x.reshape(-1).copy().reshape(x.shape)
    return x if x._node.__class__ is Node else apply(shape.copy, (x,), {})
