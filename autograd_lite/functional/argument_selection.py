"""Arguments of transformations: some are chosen and become variables, and results return as arrays or Tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.arguments import describe
from ..core.depth import DEPTH, Depth
from ..core.duck_arrays import as_array, copy_array, gradient_like, innermost, is_duck_array
from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import DtypeError, GradError, ShapeError, more_on
from ..core.mode import MODE, TAPES, enter_mode, leave_mode, record_on, restore_mode
from ..core.node import Node
from ..engine.paths import Paths, paths_from
from ..engine.walk import edge_of
from ..ops import shape
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import GradTracer, Level, Tracer, wrap_any
from ..tree import items, leaves, map as map_leaves, zip as walk_both

_CONTAINERS = frozenset({list, tuple, dict})
# Classes that hold no Tensor, and classes of numbers that gradients are taken by.
_PLAIN = frozenset({np.ndarray, float, int, bool, str, complex, np.float64, np.float32, type(None)})
_FLOATING = frozenset({float, complex, np.float64, np.float32})


class Traced(NamedTuple):
    """A function's recorded result, and the arguments that it was recorded from.

    Attributes:
        out: what the function returned.
        arguments: those to differentiate by, as the caller passed them.
        variables: the same, with every array replaced by the node of the Tensor that stood for it.
        as_tensors: whether the caller expects Tensors.
        create_graph: whether the results have a history, so that the backward pass must be recorded on the same tape.
        level: of the record, if it was made inside `jvp` or `vmap`.
        paths: from the results to the variables.
        ends: whether the record is there for a compiled function alone and ends here: results have no history.
    """

    out: Any
    arguments: tuple[Any, ...]
    variables: tuple[Any, ...]
    as_tensors: bool
    create_graph: bool
    level: Level | None
    paths: Paths
    ends: bool = False


def trace(
    caller: str, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Traced:
    """Call `f` with the arguments `argnums` replaced by variables, and record."""
    numbers = positions(caller, f, argnums, args)
    inputs = list(args)
    depth, mode = DEPTH.get(), MODE.get()
    # Inside jvp or vmap the record gets a level of its own; otherwise one tape serves all, which is faster.
    level = Level() if depth.all > depth.tapes else None
    try:
        DEPTH.set(Depth(depth.all + 1, depth.tapes + 1))
        recording = enter_mode(record_on) if mode.entries else None  # outside of all blocks, calls are recorded
        for i in numbers:
            inputs[i] = _variables(caller, args[i], i, level)
        # Their nodes, because a function may rebind its arguments, as `x *= 2` does.
        values = [inputs[i] for i in numbers]
        variables = tuple([x._node if isinstance(x, Tensor) else map_leaves(_node, x) for x in values])
        out = f(*inputs, **kwargs)
        if recording is not None:
            leave_mode(recording)
    except BaseException:
        restore_mode(mode)
        raise
    finally:
        DEPTH.set(depth)
    tensors = tensors_in(*args, *kwargs.values()) if kwargs or not _PLAIN.issuperset(map(type, args)) else ()
    targets: set[Any] = set()
    for vs in variables:
        if vs.__class__ is Node:
            targets.add(vs)
        else:
            targets.update(leaves(vs))
    if out.__class__ is Tensor and out._node.__class__ is Node:
        paths = paths_from((out._node,) if out._node.needs else (), targets)
    else:
        paths = paths_from([edge_of(t) for t in tensors_in(out) if t.requires_grad], targets)
    # The variables of transformations around this one are history too, those of transformations that ended are not.
    history = paths.history or (paths.reaches_other_leaves and depth.tapes > 0)
    # On a tape every Tensor has a node.
    for t in tensors:
        history = history or (t._node is not None and (mode.tape is None or t._node.needs))
    create_graph = history and mode.record and level is None
    on = mode.tape if level is None and not create_graph else None
    ends = on is not None and not on.rehearses  # whether the derivatives of a body matter is not known
    as_tensors = depth.all > 0 or bool(tensors)
    arguments = tuple([args[i] for i in numbers])
    return Traced(out, arguments, variables, as_tensors, create_graph or on is not None, level, paths, ends)


def _node(v: Any) -> Any:
    return v._node


def has_history(*trees: Any) -> bool:
    """Return whether a gradient flows from results to tensors that the function closes over, if that is recorded."""
    return MODE.get().record and any(t.requires_grad for t in tensors_in(*trees))


def tensors_in(*trees: Any) -> list[Tensor]:
    """Return the Tensors among arguments and in containers among them."""
    tensors = []
    try:
        for a in trees:
            if isinstance(a, Tensor):
                tensors.append(a)
            elif a.__class__ in _CONTAINERS:
                tensors += tensors_in(*(a.values() if a.__class__ is dict else a))
            elif a.__class__ not in _PLAIN:
                tensors += [x for x in leaves(a) if isinstance(x, Tensor)]
    except RecursionError:
        leaves(trees)  # which says so, if one contains itself
        raise
    return tensors


def positions(
    caller: str, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...]
) -> tuple[int, ...]:
    """Return which positional arguments `argnums` names, counted from the front."""
    n = len(args)
    if argnums.__class__ is int and 0 <= argnums < n:
        return (argnums,)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in numbers:
        if not -n <= i < n:
            raise GradError(
                f"{caller}: argnums={i} names no positional argument of {name_of(f)}, which was called with {n}"
            )
    return tuple(i % n for i in numbers)


def name_of(f: Callable[..., Any]) -> str:
    """Return the name of a function for messages."""
    return getattr(f, "__name__", repr(f))


def array_like(a: Any) -> Any:
    """Turn a list of Python numbers into an array, as NumPy does; a tuple is a container of arguments."""
    if type(a) is list and a and all(isinstance(x, (bool, int, float, complex)) for x in leaves(a)):
        return np.asarray(a)
    return a


def zip_trees(caller: str, expected: str, tree: Any, values: Any) -> list[tuple[str, Any, Any]]:
    """Return `(path, leaf, value given for it)` for each leaf of a tree.

    Raises:
        ShapeError: if the values have another structure.
    """
    try:
        return list(walk_both(tree, values))
    except ValueError:
        n = len(leaves(tree))
        raise ShapeError(
            f"{caller}: expected {expected}, of the same structure, with {n} arrays; received {values!r}"
        ) from None


def _variables(caller: str, tree: Any, i: int, level: Level | None) -> Any:
    if tree.__class__ is DynamicScalar and tree.value.__class__ is float:
        return variable(tree, level)
    if tree.__class__ in _FLOATING or (isinstance(tree, (np.ndarray, Tensor)) and tree.dtype.kind in "fc"):
        return variable(tree, level)
    tree = array_like(tree)

    def of_leaf(a: Any) -> Tensor:
        if a.__class__ not in _FLOATING and getattr(getattr(a, "dtype", None), "kind", " ") not in "fc":
            floating(caller, a, f"argument {i}{next((path for path, x in items(tree) if x is a), '')}")
        return variable(a, level)

    return map_leaves(of_leaf, tree)


def floating(caller: str, a: Any, where: str) -> Any:
    """Return `a` if it can be differentiated by."""
    try:
        dtype = a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype
    except ValueError:
        dtype = np.dtype(object)
    if not isinstance(dtype, np.dtype):
        raise TypeError(
            f"{caller}: expected {where} to be an array of NumPy, or of a library that implements NumPy's protocols; "
            f"received {describe(a)} of {type(a).__module__}. Pass np.asarray(x)"
        )
    if dtype.kind not in "fc":
        raise DtypeError(
            f"{caller}: expected a floating {where} to differentiate by; received dtype {dtype.name}. "
            "Pass 2.0 instead of 2, or cast with .astype(float)" + more_on("integers")
        )
    return a


def variable(a: Any, level: Level | None) -> Tensor:
    """Make the Tensor that stands for an array: the result of a copy, to which gradients flow as to any other."""
    if level is None and not TAPES and not isinstance(a, Tensor):
        value: Any = np.array(a) if a.__class__ in _PLAIN else copy_array(a)
        edge = wrap(value, None)
        return wrap(value, Node(shape.copy, (edge,), {}, (None, edge), (0,), value.shape, value.dtype, None))
    a = to_tape(a) if TAPES else a
    value = copy_array(a._data if isinstance(a, Tensor) else a) if level is None else GradTracer(plain_value(a), level)
    has_node = level is None and isinstance(a, Tensor) and a._node is not None
    edge = edge_of(a) if has_node else wrap_any(value, None)
    return wrap_any(value, Node(shape.copy, (edge,), {}, (None, edge), (0,), value.shape, value.dtype, None))


def on_tape() -> bool:
    """Return whether this runs in a function that is being compiled."""
    return bool(TAPES) and MODE.get().tape is not None


def to_tape(a: Any) -> Any:
    """Return an array or a Tensor that comes from outside of a function that is being compiled as a recorded one."""
    if not on_tape():
        return a
    if isinstance(a, (np.ndarray, DynamicScalar)):
        return Tensor(a)
    return shape.copy(a) if isinstance(a, Tensor) and a._node is None else a


def plain_value(a: Any) -> Any:
    """Return a plain array that nothing else holds, or the Tensor itself if it has a history."""
    a = to_tape(a) if TAPES else a
    if not isinstance(a, Tensor):
        return np.array(a) if a.__class__ in _PLAIN else copy_array(a)
    if a._node is not None:
        return a
    if isinstance(a._data, np.ndarray):
        return np.array(a._data)
    return copy_array(a._data) if is_duck_array(a._data) else a._data


def scalar(caller: str, out: Any) -> Any:
    """Return `out` if it is one real number.

    Raises:
        GradError: if it is not.
    """
    if out.__class__ is Tensor and out._data.shape == () and out._data.dtype.kind == "f":
        return out
    if not isinstance(out, (Tensor, np.ndarray, np.generic, int, float, complex)) and not is_duck_array(out):
        raise GradError(
            f"{caller}: expected the function to return a scalar; received {type(out).__name__}"
            + (". Did it forget to return?" if out is None else "; has_aux=True allows a pair (value, anything)")
            + more_on("nothing-returned" if out is None else "not-a-scalar")
        )
    if np.shape(out._data if isinstance(out, Tensor) else out) not in ((), (1,)):
        raise GradError(
            f"{caller}: expected the function to return a scalar; received shape {np.shape(out)}. "
            "Reduce it, with .sum() or .mean()" + more_on("not-a-scalar")
        )
    if (out.dtype if isinstance(out, Tensor) else as_array(out).dtype).kind == "c":
        raise GradError(
            f"{caller}: expected a real loss; received a complex one. Take its .real or abs(), or give vjp a cotangent"
            + more_on("complex-loss")
        )
    return out


def arrays_returned(caller: str, out: Any) -> Any:
    """Return a function's result if it is an array or a container of arrays, in which None may stand for no array.

    Raises:
        GradError: if it is not.
    """
    for path, x in items(out):
        if not isinstance(x, (Tensor, Tracer, np.ndarray, np.generic, int, float, complex)) and not is_duck_array(x):
            raise GradError(
                f"{caller}: expected the function to return an array or a container of arrays; received "
                f"{type(x).__name__}{f' at {path}' if path else ''}"
            )
    if out is None:
        raise GradError(
            f"{caller}: expected the function to return an array or a container of arrays; received None. Did it "
            "forget to return?" + more_on("nothing-returned")
        )
    return out


def leave(tree: Any) -> Any:
    """Turn Tensors into arrays, and those of NumPy without axes into its scalars; not in a function being compiled."""
    if TAPES and on_tape():
        return tree
    if isinstance(tree, Tensor):
        return tree.numpy()[()] if tree._data.__class__ in _PLAIN else _leave_tensor(tree)
    return map_leaves(lambda x: _leave_tensor(x) if isinstance(x, Tensor) else x, tree)


def _leave_tensor(t: Tensor) -> Any:
    return copy_array(t._data) if is_duck_array(t._data) else t.numpy()[()]


def like_argument(g: Any, a: Any, as_tensors: bool, ends: bool = False) -> Any:
    """Return a gradient as the kind of its argument: an array that nothing else holds, a NumPy scalar, or a Tensor.

    Args:
        g: the gradient.
        a: the argument; None for what has further axes.
        as_tensors: whether it is to be a Tensor whatever the argument is.
        ends: see `Traced`.
    """
    if as_tensors or isinstance(g, Tracer) or (TAPES and on_tape()):
        t = wrap_any(g, None)
        return t.detach() if ends else t
    g = g._data if isinstance(g, Tensor) else g
    g = np.array(g) if g.__class__ in _PLAIN else copy_array(g if a is None else gradient_like(g, innermost(a)))
    return g[()] if isinstance(a, (float, np.generic)) else g
