"""Who is to blame for a wrong gradient: run again with source lines recorded, and check each recorded op by itself."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.mode import enable_grad, no_grad, record_source
from ..core.multi_result import get_tuple_element
from ..core.node import Node, Source, user_source
from ..core.op import Op
from ..random import default_generator
from ..tensors.record import apply
from ..tensors.tensor import Tensor
from .comparison import Comparison, Tolerance
from .report import number
from .subject import bare, cotangents_like, differentiate, pull_back
from .tracebacks import place_of

Array = np.ndarray
_SECONDS = 1.5
_SMALL = 200


class Cut(NamedTuple):
    """A place where a recorded tensor left the graph."""

    exit: str
    source: Source

    def __str__(self) -> str:
        return f"{self.exit} at {self.source}"


class Trace(NamedTuple):
    """A run with source lines: its nodes in recorded order, all their values, and where history was cut."""

    leaves: list[Tensor]
    outputs: list[Any]
    nodes: list[Node]
    values: dict[Any, Array]
    cuts: list[Cut]


class Blame(NamedTuple):
    """An op whose own derivative rule is wrong: where it was called, the rule if the user wrote it, and the numbers."""

    op: Op
    source: Source | None
    rule: Source | None
    text: str


def trace(subject: Any) -> Trace | None:
    """Run a subject with source lines recorded; None if its values cannot be computed again from the record."""
    state = default_generator.state
    leaves = subject.variables()
    with record_source(), _watch_exits() as cuts:
        outputs = subject.on_tensors(leaves)
    default_generator.state = state
    stack = [out._node for out in outputs if isinstance(out, Tensor) and isinstance(out._node, Node)]
    seen = set(stack)
    nodes = []
    while stack:
        node = stack.pop()
        nodes.append(node)
        for edge in node.inputs:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    nodes.sort(key=lambda node: node.stamp)
    values: dict[Any, Any] = {}
    try:
        with no_grad(), np.errstate(all="ignore"):
            for node in nodes:
                out = node.op.forward(*_values(node, values), **node.params)
                values[node] = out if isinstance(out, tuple) else np.asarray(out)
    except Exception:  # an op that cannot run outside its own call
        return None
    for out in outputs:
        if isinstance(out, Tensor) and out._node in values:
            again = values[out._node]
            if again.shape != out.shape or not np.array_equal(again, bare(out), equal_nan=True):
                return None
    return Trace(leaves, outputs, nodes, values, list(dict.fromkeys(cuts)))


def _values(node: Node, values: dict[Any, Array]) -> list[Any]:
    return [
        values[edge] if isinstance(edge, Node) else edge._data if isinstance(edge, Tensor) else edge
        for edge in node.inputs
    ]


@contextmanager
def _watch_exits() -> Iterator[list[Cut]]:
    """Note every call inside that takes a recorded tensor out of the graph, by Python's profiling hook."""
    data: Any = Tensor.data
    exits = {
        Tensor.detach.__code__: ".detach()",
        Tensor.numpy.__code__: ".numpy()",
        Tensor._item.__code__: ".item() or float()",
        Tensor.tolist.__code__: ".tolist()",
        data.fget.__code__: ".data",
    }
    numbers = (Tensor.__float__, Tensor.__int__, Tensor.__complex__, Tensor._number)
    between = {method.__code__ for method in numbers}
    cuts: list[Cut] = []

    def look(frame: Any, event: str, arg: Any) -> None:
        if event != "call":
            return
        owner = frame.f_locals.get("self")
        if frame.f_code is no_grad.__enter__.__code__ and isinstance(owner, no_grad):
            source = user_source()
            if source is not None:
                cuts.append(Cut("no_grad()", source))
        elif frame.f_code in exits and isinstance(owner, Tensor) and owner.requires_grad:
            source, caller = user_source(), frame.f_back
            while caller.f_code in between:
                caller = caller.f_back
            if source is not None and (caller.f_code.co_filename, caller.f_lineno) == (source.file, source.line):
                cuts.append(Cut(exits[frame.f_code], source))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield cuts
    finally:
        sys.setprofile(before)


class OpSubject:
    """One call of an op, as a subject: its differentiable inputs are the leaves, everything else stays as it was.

    Args:
        op: the op record.
        values: all its array inputs.
        params: its parameters.
        needs: which inputs to differentiate by; all floating ones with a rule if None.
    """

    plain = True

    def __init__(
        self, op: Op, values: Sequence[Any], params: dict[str, Any], needs: Sequence[int] | None = None
    ) -> None:
        self.op = op
        self.title = op.name
        self.params = params
        self.inputs = list(values)
        if needs is None:
            kinds = enumerate(np.asarray(v).dtype.kind for v in values)
            needs = [i for i, kind in kinds if kind in "fc" and op.rule(i) is not None]
        self.needs = list(needs)
        self.leaves = [np.array(self.inputs[i]) for i in self.needs]
        self.names = [f"input {i}" for i in self.needs]
        self.argnums = list(range(len(self.needs)))

    def _fill(self, values: Sequence[Any]) -> list[Any]:
        arrays = list(self.inputs)
        for i, value in zip(self.needs, values, strict=True):
            arrays[i] = value
        return arrays

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the recorded result."""
        with enable_grad():
            return _differentiable(apply(self.op, tuple(self._fill(tensors)), self.params))

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the result on plain arrays."""
        return list(map(np.array, _differentiable(self.op.forward(*self._fill(arrays), **self.params))))

    def variables(self) -> list[Tensor]:
        """Return fresh Tensors for the leaves."""
        return [Tensor(a, requires_grad=True, name=name) for a, name in zip(self.leaves, self.names, strict=True)]


def _differentiable(out: Any) -> list[Any]:
    """Return a result, or those of a call through which gradients flow."""
    return [a for a in out if a.dtype.kind in "fc"] if isinstance(out, (tuple, list)) else [out]


def _on_the_way(record: Trace, i: int | None) -> dict[Node, list[int]]:
    """Return the nodes that the gradient by leaf `i` comes through, with the inputs it comes by; all if i is None."""
    if i is None:
        return {node: list(node.needs) for node in record.nodes if node.needs}
    paths: dict[Any, list[int]] = {}
    for node in record.nodes:
        inputs = [n for n in node.needs if node.inputs[n] is record.leaves[i] or node.inputs[n] in paths]
        if inputs:
            paths[node] = inputs
    return paths


def blamed_op(record: Trace, i: int | None, tolerance: Tolerance) -> tuple[Blame | None, bool]:
    """Check each op by itself that the gradient by leaf `i` comes through, those nearest the result first.

    Returns:
        The first op whose rule is wrong, or None; and whether all could be checked.
    """
    end = time.perf_counter() + _SECONDS
    complete = True
    paths = _on_the_way(record, i)
    for node in reversed(record.nodes):
        if node not in paths or node.op is get_tuple_element:
            continue
        if time.perf_counter() > end:
            return None, False
        try:
            fault = _fault(OpSubject(node.op, _values(node, record.values), node.params, paths[node]), tolerance)
        except Exception:  # an op whose forward runs in its own call only
            complete = False
            continue
        if fault:
            i, text = fault
            return Blame(node.op, node.source, users_rule(node.op, i), text), True
    return None, complete


def users_rule(op: Op, i: int) -> Source | None:
    """Return where the user wrote the rule of an op for input `i`; None for a rule of ours."""
    rule = op.rule(i)
    pending: list[Any] = [] if rule is None else [rule.value]
    for value in pending:  # grows: wrappers of ours hold the user's function
        owner: Any = getattr(value, "__self__", None)
        if isinstance(value, types.FunctionType):
            place = place_of(value)
            if place is not None:
                return place
            pending += [cell.cell_contents for cell in value.__closure__ or ()]
        elif hasattr(owner, "user_rules"):  # a primitive
            pending += owner.user_rules(i)
    return None


def _fault(subject: OpSubject, tolerance: Tolerance) -> tuple[int, str] | None:
    """Return the input whose rule is wrong and the numbers that show it, or None."""
    with np.errstate(all="ignore"):
        weights = cotangents_like(subject.on_arrays(*subject.leaves), 1)
        run = differentiate(subject, weights)
        comparison = Comparison(subject, weights, run.grads, tolerance, "auto")
        small = sum(a.size for a in subject.leaves) <= _SMALL
        for i in subject.argnums:
            rng = np.random.default_rng(i)
            for finding in comparison.by_elements(i) if small else comparison.by_directions(i, rng):
                verdict = finding.verdict
                if verdict.kind == "wrong" or (verdict.kind == "kink" and not verdict.passed):
                    where = subject.names[i] + (f" at {list(finding.k)}" if finding.k else "")
                    return subject.needs[i], (
                        f"its rule for {where} gives {number(verdict.analytic)}, finite differences of the op alone "
                        f"{number(verdict.estimate.value)}"
                    )
    return None


def born_nan(record: Trace, weights: Sequence[Array]) -> tuple[Node | None, str]:
    """Return the op in which what becomes a NaN arises, in the forward pass or going backward, and a sentence on it."""
    for node in record.nodes:
        if node.op is get_tuple_element:
            continue
        inputs = [v for v in _values(node, record.values) if np.asarray(v).dtype.kind in "fc"]
        outs = _differentiable(record.values[node])
        if any(np.isnan(v).any() for v in outs) and not any(np.isnan(v).any() for v in inputs):
            return node, f"the value itself is NaN: {_name_of_op(node)} makes one, in the forward pass"
    pending: dict[Any, Any] = {}  # of a call a list
    for out, w in zip(record.outputs, weights, strict=True):
        if isinstance(out, Tensor) and out._node in record.values:
            pending[out._node] = pending[out._node] + w if out._node in pending else np.array(w)
    for node in reversed(record.nodes):
        g = pending.pop(node, None)
        if g is None or not node.needs:
            continue
        if node.op is get_tuple_element:
            gs = pending.setdefault(node.inputs[0], [np.zeros_like(a) for a in record.values[node.inputs[0]]])
            gs[node.params["index"]] += g
            continue
        subject = OpSubject(node.op, _values(node, record.values), node.params, node.needs)
        tensors = subject.variables()
        with np.errstate(all="ignore"):
            grads = pull_back(subject.on_tensors(tensors), _differentiable(g), tensors, create_graph=False)
        for i, r in zip(node.needs, grads, strict=True):
            r = np.zeros_like(subject.inputs[i]) if r is None else bare(r)
            if not np.isfinite(r).all():
                return node, _birth(node, r, subject.inputs)
            edge = node.inputs[i]
            if isinstance(edge, Node):
                pending[edge] = pending[edge] + r if edge in pending else r
    return None, ""


def _birth(node: Node, r: Array, values: Sequence[Any]) -> str:
    """Describe where the backward pass of an op first gives a result that is not finite."""
    k = tuple(int(n) for n in np.argwhere(~np.isfinite(r))[0])
    at = [number(float(np.real(np.broadcast_to(v, r.shape)[k]))) for v in values if _fits(v, r.shape)]
    where = f", where its input is {' and '.join(at)}" if at else ""
    if np.isnan(r[k]):
        sentence = f"a NaN is born in the backward pass of {_name_of_op(node)}{where}."
    else:
        sentence = f"the slope of {_name_of_op(node)}, is infinite{where}; inf * 0 or inf - inf then makes a NaN of it."
    return (
        f"{sentence}\nIn a branch that np.where does not choose, give the op a harmless input too: "
        "f(np.where(ok, x, 1.0)).\nFor a length that may be 0 use np.linalg.norm, whose gradient there is 0"
    )


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(np.shape(value), shape) == shape
    except ValueError:
        return False


def _name_of_op(node: Node) -> str:
    where = f", at {node.source}" if node.source else ""
    return f"`{node.op_name}`{where}"
