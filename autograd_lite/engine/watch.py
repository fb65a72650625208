"""Stop where NaN begins: `raise_on_nan` checks every recorded operation and every derivative, and raises there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.duck_arrays import is_duck_array, to_numpy
from ..core.errors import NonFiniteError
from ..core.mode import MODE, Mode, enter_mode, leave_mode
from ..core.module_scopes import path_of
from ..core.multi_result import each
from ..core.node import Node, user_source
from ..core.op import Op
from ..tensors.tensor import Tensor
from .nonfinite import Fault, advice, fault_in, fault_in_rule, is_finite, number

_LETTERS = "xyz"
_INPUT = "a non-finite input"
_ITS_INPUT = "Look for it in the data, (~np.isfinite(x)).any(), and in what computed it"


@contextmanager
def raise_on_nan() -> Iterator[None]:
    """Raise at the operation, forward or backward, that turns finite values into NaN or an infinity.

    The error says why, for which values, and on which of the user's lines; lines are recorded inside, as in
    `record_source`. Blocks may be nested, and apply to this thread and task alone. Outside of them nothing is checked,
    so they cost nothing there.

    Only recorded operations are checked: not those inside `no_grad`, nor those on tensors none of which requires a
    gradient. If one of those produced a NaN, the first recorded operation that reads it raises, and says so. An
    infinity you wrote yourself, as in `np.where(mask, x, -np.inf)`, does not count. A value that a later `np.where`
    discards raises all the same; `autograd_lite.graph.find_nan(loss)` takes into account what came later.

    Raises:
        NonFiniteError: at the operation, or, in `backward`, at the derivative.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 0.0], requires_grad=True, name="x")
        >>> with ag.raise_on_nan():
        ...     (np.sqrt(x) * 2).sum().backward()
        Traceback (most recent call last):
        autograd_lite.core.errors.NonFiniteError: raise_on_nan: the derivative of sqrt at 0 is inf
          in the backward pass of sqrt, element [1], the first of 1 of 2
          'x' = 0
          of the operation at ...
          Keep the argument away from 0: np.sqrt(x + 1e-12), or np.sqrt(np.where(x > 0, x, 1))
    """
    watch = _Watch()
    entry = enter_mode(watch.begin)
    try:
        watch.errors = np.geterr()
        np.seterr(divide="ignore", over="ignore", invalid="ignore")  # warnings would come first, saying less
        yield
    finally:
        above = leave_mode(entry)
        if above is not None:  # otherwise NumPy's setting belongs to another thread, out of reach
            changes = (getattr(entry.change, "__self__", None) for entry in above)
            heir = next((change for change in changes if isinstance(change, _Watch)), None)
            if heir is None:
                np.seterr(**watch.errors)
            else:  # it began inside and is still open, so it restores NumPy's setting
                heir.errors = watch.errors


class _Watch:
    """The `Watch` of a block, which looks for NaN and infinities."""

    __slots__ = ("errors",)

    def __init__(self) -> None:
        self.errors: Any = {}  # NumPy's error state outside of the block

    def begin(self, mode: Mode) -> None:
        mode.source, mode.watch = True, self

    def see_record(self, op: Op, values: Sequence[Any], out: Any, params: dict[str, Any], edges: Sequence[Any]) -> None:
        """Check an operation that is being recorded."""
        if _finite(out):
            return
        fault = fault_in(op, values, out, params)
        if fault is None:
            _refuse_inputs(op, values, edges)
            return
        names = [_name_of(edge, i) for i, edge in enumerate(edges)]
        there = [f"  {name} = {text}" for name, text in zip(names, fault.operands, strict=False)]
        sentence = _began(edges, values, fault.sentence) if fault.from_infinity else fault.sentence
        raise _error(sentence, op, fault, there, user_source(), path_of(MODE.get().scope), edges)

    def observer(self) -> _Observer:
        """Return an observer for a backward pass."""
        return _Observer()


class _Observer:
    """Raises where a rule turns a finite cotangent into one that is not finite."""

    __slots__ = ("_g",)

    def begin(self, node: Node, g: Any) -> None:
        """Remember the cotangent that the rules will be given."""
        self._g = g

    def see_contribution(self, node: Node, argument: int, edge: Any, r: Any, total: Any) -> None:
        """Check the sum that a rule's result went into."""
        if isinstance(total, tuple):  # what its results hand on to a call was checked before
            return
        if not _finite(total) and _finite(self._g):
            self._raise(node, argument, _bare(total))

    def _raise(self, node: Node, argument: int, total: Any) -> None:
        edge = node.inputs[argument]
        out, *values = node.saved or (None, *node.inputs)
        pairs = zip(values, node.inputs, strict=True)
        inputs = [_bare(v) if v is not e or not isinstance(e, Node) else None for v, e in pairs]
        fault = fault_in_rule(node.op, argument, each(_bare, self._g), each(_bare, out), inputs, node.params)
        if fault is None:
            sentence = f"overflow where the gradients of {_name_of(edge, argument)} are added up"
            gs = self._g if isinstance(self._g, tuple) else (self._g,)
            if any(total.dtype.itemsize < to_numpy(_bare(g)).dtype.itemsize for g in gs if g is not None):
                sentence = f"the gradient of {_name_of(edge, argument)} is too large for {total.dtype}"
            if not _finite(out) or not all(map(_finite, inputs)):
                sentence = f"the derivative of {node.op.name} is not finite"
            fault = Fault.at(~np.isfinite(total), total, "overflow", sentence)
        names = [_name_of(e, i) for i, e in enumerate(node.inputs)]
        there = [f"  {name} = {text}" for name, text in zip(names, fault.operands, strict=False) if text]
        sentence = _began(node.inputs, inputs, fault.sentence)
        raise _error(sentence, node.op, fault, there, node.source, node.scope, node.inputs, backward=True)


def _error(
    sentence: str,
    op: Op,
    fault: Fault,
    there: list[str],
    source: Any,
    scope: str,
    edges: Sequence[Any],
    *,
    backward: bool = False,
) -> NonFiniteError:
    place = f"element {list(fault.index)}, the first of {fault.count} of {fault.size}" if fault.index else "a scalar"
    lines = [
        f"raise_on_nan: {sentence}",
        f"  in {'the backward pass of ' if backward else ''}{op.name}, {place}",
        *there,
    ]
    if source is not None:
        lines.append(f"  at {source}" if not backward else f"  of the operation at {source}")
    if scope:
        lines.append(f"  in module {scope}")
    hint = _ITS_INPUT if fault.reason == _INPUT else ""
    hint = hint or advice(op, fault, backward=backward, parameters=_parameters(edges))
    lines += [f"  {hint}"] if hint else []
    return NonFiniteError(
        "\n".join(lines),
        op=op.name,
        reason=fault.reason,
        source=source,
        scope=scope,
        index=fault.index,
        backward=backward,
    )


def _parameters(edges: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that some edges were computed from."""
    seen, stack = set(map(id, edges)), list(edges)
    while stack:
        edge = stack.pop()
        if isinstance(edge, Node):
            new = [e for e in edge.inputs if isinstance(e, (Node, Tensor)) and id(e) not in seen]
            seen.update(map(id, new))
            stack += new
        elif isinstance(edge, Tensor) and edge.requires_grad and isinstance(edge._data, np.ndarray):
            yield f"'{edge.name}'" if edge.name else "a parameter", edge._data


def _began(edges: Sequence[Any], values: Sequence[Any], sentence: str) -> str:
    """Begin the sentence with the input that was not finite to begin with, if no recorded operation made it."""
    for i, (edge, value) in enumerate(zip(edges, values, strict=True)):
        if value is not None and not isinstance(edge, Node) and not _finite(value):
            a = to_numpy(_bare(value))
            bad = a[~np.isfinite(a)]
            return f"{_name_of(edge, i)} was not finite to begin with: it came with {number(bad[0])}, and {sentence}"
    return sentence


def _refuse_inputs(op: Op, values: Sequence[Any], edges: Sequence[Any]) -> None:
    """Raise if an input is NaN, and so came from outside; infinities may be intended, but not in a parameter."""
    for i, (value, edge) in enumerate(zip(values, edges, strict=True)):
        a = to_numpy(value)
        if a.dtype.kind not in "fc" or is_finite(a):
            continue
        is_parameter = isinstance(edge, Tensor) and edge.requires_grad
        bad = ~np.isfinite(a) if is_parameter else np.isnan(a)
        if bad.any():
            fault = Fault.at(bad, a, _INPUT, "")
            who = "it was made before raise_on_nan" if isinstance(edge, Node) else "no recorded operation made it"
            sentence = f"{_name_of(edge, i)} came with {number(fault.value)} into {op.name}: {who}"
            raise _error(sentence, op, fault, [], user_source(), path_of(MODE.get().scope), edges)


def _name_of(edge: Any, i: int) -> str:
    name = getattr(edge, "name", None) if isinstance(edge, Tensor) else None
    if name:
        return f"'{name}'"
    kind = f" (from {edge.op_name})" if isinstance(edge, Node) else ""
    return f"{_LETTERS[i] if i < len(_LETTERS) else f'input {i}'}{kind}"


def _bare(value: Any) -> Any:
    array = value._data if isinstance(value, Tensor) else value
    return to_numpy(array) if is_duck_array(array) else array


def _finite(value: Any) -> bool:
    """True if a value is finite, or stands for several arrays (see `tensors.tracers`) and is checked further in."""
    if isinstance(value, tuple):  # the results of a call, or their cotangents
        return all(v is None or _finite(v) for v in value)
    array = value._data if value.__class__ is Tensor else value
    array = to_numpy(array) if is_duck_array(array) else array
    return is_finite(array) if array.__class__ is np.ndarray or isinstance(array, np.generic) else True
