"""Applying an op and recording the call: every operation on Tensors comes through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import numbers
from ..core.depth import isolate
from ..core.duck_arrays import LAZY, as_scalars, copy_array, is_duck_array, is_sparse, move_constants, refuse_masked
from ..core.dynamic_scalars import DynamicScalar, plain_number
from ..core.errors import DtypeError, GradError
from ..core.fingerprints import Fingerprint, borrow, digest
from ..core.hooks import HOOKS
from ..core.indices import indices_in
from ..core.messages import misfit
from ..core.mode import MODE, TAPES, Mode
from ..core.multi_result import result_nodes, results_of
from ..core.node import LEAF, Node, take_note
from ..core.observers import Tape
from ..core.op import Op
from ..core.ownership import SMALL, is_undisturbed, is_unshared, write_whole
from ..core.shape_arithmetic import ShapeDtype
from ..ops import arith, shape
from ..ops.index import getitem
from ..tree import map as map_leaves
from .views import link, new_view

_NO_PARAMS: dict[str, Any] = {}
_NEEDS: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (0, 1))
# Operands that go to NumPy as they are; Python numbers among them so that they stay weak in promotion.
NUMBERS = frozenset({float, int, bool, complex, np.float64, np.float32, np.int64, np.bool_})
_ndarray = np.ndarray
_OBJECT = np.dtype(object)
_mode = MODE.get
_new = object.__new__


def wrap(data: Any, node: Any) -> Any:
    """Return a Tensor of an array that nothing else will change, with its node."""
    t = _new(HOOKS.tensor)
    t._data = data
    t._node = node
    return t


def _operand(op: Op, x: Any) -> Any:
    """Convert an operand that is not a Tensor as NumPy does; NotImplemented if its class should decide."""
    if isinstance(x, np.ndarray):
        return NotImplemented if x.__array_priority__ > 0 else _plain_array(op, x)  # as NumPy's own arrays defer
    if isinstance(x, (np.generic, int, float, complex, DynamicScalar)):
        # A number with its own ufuncs, such as a scheduled learning rate, becomes a Python number.
        return x.__pos__() if hasattr(x, "__array_ufunc__") else x  # type: ignore[operator]
    if isinstance(x, (list, tuple)):
        return numbers(op.name, "the operand", x)
    return x if is_duck_array(x) else NotImplemented


def _plain_array(op: Op, x: np.ndarray) -> np.ndarray:
    """Return a subclass's values as a plain array: derivative rules rely on the plain meaning of operators."""
    if x.dtype is _OBJECT:
        raise DtypeError(
            f"{op.name}: expected numbers; received an array of dtype object. Make them numbers with .astype(float); "
            "make one Tensor of several with ag.array"
        )
    refuse_masked(x, caller=op.name)
    return np.asarray(x)


def constant(op: Op, x: Any) -> Any:
    """Convert an input that is not a Tensor to an array or number that the rules can read."""
    if x.__class__ is np.ndarray and x.dtype is not _OBJECT:
        return x
    if isinstance(x, np.ndarray):
        return _plain_array(op, x)
    return np.asarray(x) if isinstance(x, (list, tuple)) else x


def _with_other(op: Op, x: Any, y: Any) -> Any:
    """Apply an op to a Tensor and an operand of a class that may define the operation itself."""
    Tensor, lifted, operands = HOOKS.tensor, False, (x, y)
    if hasattr(x, "__apply_op__"):
        lifted = x.__class__ is not Tensor
    elif x.__class__ not in NUMBERS and (x.__class__ is not _ndarray or x.dtype is _OBJECT):
        x = _operand(op, x)
    if hasattr(y, "__apply_op__"):
        lifted = lifted or y.__class__ is not Tensor
    elif y.__class__ not in NUMBERS and (y.__class__ is not _ndarray or y.dtype is _OBJECT):
        y = _operand(op, y)
    if x is NotImplemented or y is NotImplemented:
        return HOOKS.sparse()(op, *operands) if any(map(is_sparse, operands)) else NotImplemented
    return HOOKS.apply_to_tracers(op, (x, y), {}) if lifted else apply(op, (x, y), {})


def unary(op: Op, x: Any) -> Any:
    """Apply an op of one Tensor and no parameters."""
    if x.__class__ is not HOOKS.tensor:
        return HOOKS.apply_to_tracers(op, (x,), {})
    node = x._node
    value = x._data
    try:
        out = op.forward(value)
    except Exception as error:
        raise misfit(op, (x,), _NO_PARAMS, error) from None
    if node is not None:
        mode = _mode()
        if mode.record:
            edge = x if node is LEAF else node
            if mode.source:
                return wrap(out, record(op, out, [value], [edge], [0] if node.needs else [], _NO_PARAMS))
            if node.needs and op.rules is not None:
                keep_out, keep_x = op.keeps[1]
                saved = (out if keep_out else None, value if keep_x else edge)
                return wrap(out, Node(op, (edge,), _NO_PARAMS, saved, (0,), out.shape, out.dtype, None))
            return wrap(out, Node(op, (edge,), _NO_PARAMS, None, (), out.shape, out.dtype, None))
    t = _new(HOOKS.tensor)  # as `wrap` does, whose call would take a tenth of the time
    t._data = out
    t._node = None if not TAPES else _record_on_tape(op, out, (x,), _NO_PARAMS)
    return t


def apply_with_params(op: Op, x: Any, params: dict[str, Any]) -> Any:
    """Apply an op of one Tensor and parameters, such as an index or a shape: `apply` with fewer checks."""
    if x.__class__ is not HOOKS.tensor:
        return HOOKS.apply_to_tracers(op, (x,), params)
    node = x._node
    value = x._data
    try:
        plain = op is getitem and value.__class__ is _ndarray and not TAPES  # a tape has arrays for computed numbers
        out = value[params["index"]] if plain else op.forward(value, **params)
    except Exception as error:
        raise misfit(op, (x,), params, error) from None
    new_node = None
    if node is not None:
        mode = _mode()
        if mode.record:
            edge = x if node is LEAF else node
            if mode.source:
                new_node = record(op, out, [value], [edge], [0] if node.needs else [], params)
            elif node.needs and op.rules is not None and out.dtype.kind in "fc":
                keep_out, keep_x = op.keeps[1]
                saved = (out if keep_out else None, value if keep_x or value.__class__ in LAZY else edge)
                new_node = Node(op, (edge,), params, saved, (0,), out.shape, out.dtype, None)
            else:
                new_node = Node(op, (edge,), params, None, (), out.shape, out.dtype, None)
    if new_node is None and TAPES:
        new_node = _record_on_tape(op, out, (x,), params)
    shares = out.__class__ is _ndarray and out.base is not None
    if shares and op.put is not None:
        return new_view(x, out, new_node, op, params, value)
    result = _new(HOOKS.tensor)  # as in `unary`
    result._data, result._node = out, new_node
    if shares:
        result._shared = x._shared = True
    return result


def binary(op: Op, x: Any, y: Any) -> Any:
    """Apply an op of two operands, one of them a Tensor, and no parameters."""
    # Written out twice rather than looped over: this is the path of every arithmetic operator.
    Tensor, need = HOOKS.tensor, 0
    if x.__class__ is Tensor:
        a, edge_x = x._data, x._node
        if edge_x is None:
            edge_x = x
        elif edge_x.needs:
            need = 1
            if edge_x is LEAF:
                edge_x = x
    else:
        if x.__class__ not in NUMBERS and (x.__class__ is not _ndarray or x.dtype is _OBJECT):
            return _with_other(op, x, y)
        a = edge_x = x
    if y.__class__ is Tensor:
        b, edge_y = y._data, y._node
        if edge_y is None:
            edge_y = y
        elif edge_y.needs:
            need += 2
            if edge_y is LEAF:
                edge_y = y
    else:
        if y.__class__ not in NUMBERS and (y.__class__ is not _ndarray or y.dtype is _OBJECT):
            return _with_other(op, x, y)
        b = edge_y = y
    try:
        out = op.forward(a, b)
    except Exception as error:
        if is_duck_array(a) or is_duck_array(b):
            return apply(op, (x, y), _NO_PARAMS)
        raise misfit(op, (x, y), _NO_PARAMS, error) from None
    if need and op.rules is not None:
        mode = _mode()
        if mode.record:
            if mode.source:
                return wrap(out, record(op, out, [a, b], [edge_x, edge_y], _NEEDS[need], _NO_PARAMS))
            (keep_out, keep_x, keep_y), fingerprints = op.keeps[need], None
            if need == 1 and keep_y and isinstance(edge_y, np.ndarray):
                b, fingerprints = edge_y, fingerprints = borrow(2, b)
            elif need == 2 and keep_x and isinstance(edge_x, np.ndarray):
                a, fingerprints = edge_x, fingerprints = borrow(1, a)
            saved = (out if keep_out else None, a if keep_x else edge_x, b if keep_y else edge_y)
            node = Node(op, (edge_x, edge_y), _NO_PARAMS, saved, _NEEDS[need], out.shape, out.dtype, None)
            if fingerprints is not None:
                node.fingerprints = fingerprints
            return wrap(out, node)
    elif need or edge_x.__class__ is Node or edge_y.__class__ is Node:
        return wrap(out, record(op, out, [a, b], [edge_x, edge_y], (), _NO_PARAMS))
    t = _new(Tensor)  # as in `unary`
    t._data, t._node = out, None if not TAPES else _record_on_tape(op, out, (x, y), _NO_PARAMS)
    return t


def _may_overwrite(x: Any, mode: Mode) -> bool:
    """Return whether nothing but x refers to its values, and x may be rebound to another result."""
    node, a = x._node, x._data
    if x.__class__ is not HOOKS.tensor or a.__class__ is not np.ndarray or node is LEAF or mode.watch is not None:
        return False
    if mode.verify or mode.tape is not None or not (mode.record or node.__class__ is not Node):
        return False
    return is_unshared({0: a}, 0, others=2) and is_undisturbed()


def add_over(x: Any, y: Any) -> bool:
    """Add y to x in the memory of x if nothing else refers to it; return whether that was done."""
    mode = _mode()
    b, edge = (y._data, y._node) if y.__class__ is HOOKS.tensor else (y, None)
    recorded = mode.record and x._node.__class__ is Node
    if b.__class__ is not np.ndarray or b.dtype != x._data.dtype or not _fits(b.shape, x._data.shape):
        return False
    if (mode.record and not recorded and edge is not None) or not _may_overwrite(x, mode):
        return False
    a, node = x._data, x._node
    new_node = node
    if recorded:
        needs = [i for i, history in enumerate((node, edge)) if history is not None and history.needs]
        edges = [node, y if edge is None or edge is LEAF else edge]
        new_node = record(arith.add, a, [a, b], edges, needs, {})
    write_whole(partial(setattr, x, "_node", new_node), partial(np.add, a, b, out=a))
    return True


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Return whether one shape broadcasts to another."""
    extra = len(whole) - len(shape)
    return extra >= 0 and all(n in (1, m) for n, m in zip(shape, whole[extra:], strict=True))


def unary_over(op: Op, x: Any, over: Callable[[Any], Callable[[], Any]]) -> bool:
    """Apply an op that does not save its input in the memory of x, as `add_over`; `over(array)` returns a call in C."""
    mode = _mode()
    if x._data.dtype.kind != "f" or not _may_overwrite(x, mode):
        return False
    a, node = x._data, x._node
    new_node = record(op, a, [a], [node], [0] if node.needs else [], {}) if node.__class__ is Node else node
    write_whole(partial(setattr, x, "_node", new_node), over(a))
    return True


def apply(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply any op to Tensors and arrays; record the call if one of them has a history or requires a gradient."""
    single = len(inputs) == 1 and inputs[0].__class__ is HOOKS.tensor
    if single and op.keeps and op.results is None and not any(map(_holds_array, params.values())):
        return apply_with_params(op, inputs[0], params)
    values: list[Any] = []
    edges: list[Any] = []
    needs: list[int] = []
    recorded = False
    Tensor = HOOKS.tensor
    for i, x in enumerate(inputs):
        if x.__class__ is Tensor:
            value, node = x._data, x._node  # with no call in between, since another thread may rebind x
            values.append(value)
            if node is None or node is LEAF:
                edges.append(x)
                if node is LEAF:
                    needs.append(i)
            else:
                edges.append(node)
                recorded = True
                if node.needs:
                    needs.append(i)
        else:
            if x.__class__ not in NUMBERS and (x.__class__ is not _ndarray or x.dtype is _OBJECT):
                if hasattr(x, "__apply_op__"):
                    return HOOKS.apply_to_tracers(op, inputs, params)
                x = constant(op, x)
                edges.append(x)
                values.append(plain_number(x))
                continue
            values.append(x)
            edges.append(x)
    try:
        out = op.forward(*values, **params)
    except Exception as error:
        if (placed := move_constants(inputs)) is not None:
            return apply(op, placed, params)
        if (numbers := as_scalars(values)) is None:
            raise misfit(op, inputs, params, error) from None
        out, values = _forward(op, inputs, numbers, params), numbers
    if op.results is not None:
        return _several(op, out, inputs, values, edges, needs if needs or recorded or not inputs else None, params)
    if needs or recorded or not inputs:
        node = record(op, out, values, edges, needs, params)
    else:
        node = _record_on_tape(op, out, inputs, params) if TAPES else None
    result = wrap(out, node)
    if out.__class__ is np.ndarray and out.base is not None:
        _share(result, inputs)
        if op.put is not None and inputs[0].__class__ is Tensor:
            link(result, inputs[0], op, params, values[0])
    return result


def _several(
    op: Op,
    out: Any,
    inputs: tuple[Any, ...],
    values: list[Any],
    edges: list[Any],
    needs: Sequence[int] | None,
    params: dict[str, Any],
) -> tuple[Any, ...]:
    """Return the results of a call as Tensors; it is recorded unless `needs` is None."""
    out = results_of(op, out, params)
    if needs is not None:
        call = record(op, out, values, edges, needs, params)
    else:
        call = _record_on_tape(op, out, inputs, params) if TAPES else None
    results = results_with(call, out)
    for t, a in zip(results, out, strict=True):
        if a.__class__ is np.ndarray and a.base is not None:
            _share(t, inputs)
    return results


def results_with(call: Node | None, out: Sequence[Any]) -> tuple[Any, ...]:
    """Return the Tensors of a call's results."""
    nodes = [None] * len(out) if call is None else result_nodes(call)
    return tuple([wrap(a, node) for a, node in zip(out, nodes, strict=True)])


def _forward(op: Op, inputs: tuple[Any, ...], values: list[Any], params: dict[str, Any]) -> Any:
    try:
        return op.forward(*values, **params)
    except Exception as error:
        raise misfit(op, inputs, params, error) from None


def record(
    op: Op, out: Any, values: list[Any], edges: list[Any], needs: Sequence[int], params: dict[str, Any]
) -> Node | None:
    """Make the node of a call, unless nothing is being recorded.

    The caller's arrays that a rule will read are copied or fingerprinted, also in `values` and `edges`.
    """
    mode = _mode()
    if mode.tape is not None:
        return _record_on(mode.tape, mode, op, out, values, edges, needs, params)
    if not mode.record:
        return None
    note = None
    if mode.source:
        if mode.watch is not None:
            mode.watch.see_record(op, values, out, params, edges)
        note = take_note(mode.scope)
    if not needs or op.rules is None or out.dtype.kind not in "fc":
        return Node(op, tuple(edges), params, None, (), out.shape, out.dtype, note)
    keep = keep_of(op, len(edges), needs)
    saved, fingerprints = _save(keep, out, values, edges)
    if mode.verify:
        fingerprints = _fingerprint_all(saved, keep)
    owned = _copy_arrays(params) if params else params
    node = Node(op, tuple(edges), owned, saved, tuple(needs), out.shape, out.dtype, note)
    if fingerprints:
        node.fingerprints = fingerprints
        node.hooks = []  # makes the engine look: it skips the checks of nodes without hooks
    return node


def _record_on(
    tape: Tape,
    mode: Mode,
    op: Op,
    out: Any,
    values: list[Any],
    edges: list[Any],
    needs: Sequence[int],
    params: dict[str, Any],
) -> Node:
    """As `record`, on a tape: the caller's arrays are read again at every replay, so they stay themselves."""
    if params:
        for index in indices_in(params):
            if index.derived:
                tape.refuse_exit(
                    f"'{op.name}' with an index that was computed from another by NumPy",
                    "Compute the index with Tensors, as np.where and np.argsort do",
                )
    Tensor, began = HOOKS.tensor, tape.began
    for i, edge in enumerate(edges):
        kind = edge.__class__
        if kind is Node:
            if edge.stamp < began:
                tape.read(edge, values[i])
        elif kind is Tensor:
            tape.read(edge, values[i])
        elif kind is _ndarray:
            tape.note_borrowed(edge)
    note = take_note(mode.scope, 4, mode.note)
    if not edges:
        node = Node(op, (), params, None, (), out.shape, out.dtype, note)
        tape.note_draw(node, out)
        return node
    if mode.watch is not None and mode.record:
        mode.watch.see_record(op, values, out, params, edges)
    if not needs or not mode.record or op.rules is None or out.dtype.kind not in "fc":
        return Node(op, tuple(edges), params, None, (), out.shape, out.dtype, note)
    keep = keep_of(op, len(edges), needs)
    saved = [out if keep[0] else None, *edges]
    for i, value in enumerate(values, 1):
        if keep[i] and edges[i - 1].__class__ is not DynamicScalar:
            saved[i] = value
    node = Node(op, tuple(edges), params, tuple(saved), tuple(needs), out.shape, out.dtype, note)
    if mode.verify and (fingerprints := _fingerprint_all(saved, keep)):
        node.fingerprints, node.hooks = fingerprints, []
    return node


def _fingerprint_all(saved: Sequence[Any], keep: Sequence[bool]) -> list[Fingerprint]:
    """Return fingerprints of all elements of the saved arrays, see `raise_on_change`."""
    return [(i, digest, digest(a)) for i, a in enumerate(saved) if keep[i] and isinstance(a, np.ndarray)]


def _record_on_tape(op: Op, out: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Node | None:
    """Return the node of a call that no gradient flows through, if a function is being compiled here."""
    mode = _mode()
    tape = mode.tape
    if tape is None:
        return None
    Tensor = HOOKS.tensor
    values: list[Any] = []
    edges: list[Any] = []
    for x in inputs:
        if x.__class__ is Tensor:
            node = x._node
            values.append(x._data)
            edges.append(x if node is None or node is LEAF else node)
        else:
            values.append(x)
            edges.append(x)
    return _record_on(tape, mode, op, out, values, edges, (), params)


def copy_on_tape(a: Any, data: Any) -> Node | None:
    """Return the node of a copy, which a tape must see: of a caller's array or Tensor, or of a temporary.

    Args:
        a: the original.
        data: the copy.
    """
    edge = value = a if isinstance(a, np.ndarray) else data
    if a.__class__ is HOOKS.tensor:
        edge, value = a if a._node is None or a._node is LEAF else a._node, a._data
    elif a.__class__ in (DynamicScalar, float, int):  # the same ops for numbers that change and for constants
        value = np.asarray(plain_number(a))
        edge = record(arith.positive, value, [plain_number(a)], [a], (), _NO_PARAMS)
        if value.dtype == data.dtype:
            return edge
    return record(shape.astype, data, [value], [edge], (), {"dtype": data.dtype})


def _share(view: Any, inputs: tuple[Any, ...]) -> None:
    """Mark tensors that share memory: the first one that is assigned to gets a new buffer."""
    view._shared = True
    for x in inputs:
        if x.__class__ is HOOKS.tensor:
            x._shared = True


def keep_of(op: Op, n: int, needs: Sequence[int]) -> Sequence[bool]:
    """Return which of `(out, *inputs)` the rules read."""
    if not op.keeps:
        reads = getattr(op.rules, "reads", ())
        return [k in reads for k in range(n + 1)] if reads else (False,) * (n + 1)
    return op.keeps[1 if n == 1 else sum(1 << i for i in needs)]


def _save(
    keep: Sequence[bool], out: Any, values: list[Any], edges: list[Any]
) -> tuple[tuple[Any, ...], list[Fingerprint]]:
    """Collect `(out, *inputs)` for the rules: the values that they read, and otherwise the edges, for their shapes."""
    fingerprints: list[Fingerprint] = []
    saved = [out if keep[0] else None, *edges]
    for i, edge in enumerate(edges):
        if keep[i + 1]:
            if isinstance(edge, np.ndarray):
                values[i], fingerprint = edges[i], _ = borrow(i + 1, edge)
                fingerprints += fingerprint or ()
            elif is_duck_array(edge):
                values[i] = edges[i] = copy_array(edge)
            saved[i + 1] = values[i]
    return tuple(saved), fingerprints


def _copy_arrays(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with copies of the caller's arrays: indices and masks."""
    if any(map(_holds_array, params.values())):
        return {name: map_leaves(_copy_if_array, value) for name, value in params.items()}
    return params


def _holds_array(value: Any) -> bool:
    return value.__class__ is np.ndarray or (value.__class__ is tuple and np.ndarray in map(type, value))


def _copy_if_array(x: Any) -> Any:
    return x.copy() if x.__class__ is np.ndarray else x


def own_value(x: Any) -> Any:
    """Return a user function's result so that nothing else can change it: a copy of an array.

    For a Tensor it is a new Tensor with the same history.
    """
    if isinstance(x, np.ndarray):
        return np.array(x)
    if not isinstance(x, HOOKS.tensor):  # a number or a value of a transformation: neither can change
        return x.copy() if is_duck_array(x) else x
    if x._node is LEAF:
        return apply(shape.copy, (x,), {})
    data = x._data
    if x._node is None:
        data = np.array(data) if isinstance(data, np.ndarray) else data.copy() if is_duck_array(data) else data
    twin = wrap(data, x._node)
    twin.__class__ = x.__class__  # the classes have one layout
    twin._shared = x._shared = True
    return twin


def owning(f: Callable[..., Any], *, alone: bool = False) -> Callable[..., Any]:
    """Wrap a user's function so that nothing else holds its results, even if it returns an argument or keeps them.

    Args:
        f: the function.
        alone: run it as if no transformation ran around it.
    """

    @wraps(f, updated=())
    def owning_f(*args: Any, **kwargs: Any) -> Any:
        with isolate() if alone else nullcontext():
            held: dict[int, Any] = {0: f(*args, **kwargs)}
        if not isinstance(held[0], tuple):
            return _own_result(held, 0)
        held = dict(enumerate(held[0]))  # and no tuple any more that refers to them
        return tuple([_own_result(held, k) for k in range(len(held))])

    return owning_f


def _own_result(held: dict[int, Any], k: int) -> Any:
    """Return a held value, or a copy of it if something else holds it as well."""
    alone = isinstance(held[k], np.ndarray) and held[k].size > SMALL and is_unshared(held, k)
    return held[k] if alone else own_value(held[k])


def open_edge(edge: Any, value: Any) -> Any:
    """Turn an edge of a node into a value for the user: a Tensor, an array or a number."""
    if edge.__class__ is not Node:
        return edge
    has_value = value is not edge and not isinstance(value, Node)
    return wrap(value if has_value else _Forgotten(edge.shape, edge.dtype), edge)


class _Forgotten(ShapeDtype):
    """Takes the place of values that the consumer of a result did not save."""

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise GradError(
            f"the values of this {self.shape} {self.dtype} tensor were not saved by the op that read it, or were freed "
            "by backward; keep the tensor itself, or call backward(retain_graph=True)"
        )

    def __getattr__(self, name: str) -> Any:
        return self.__array__()
