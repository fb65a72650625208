"""Results with a history: a call of a compiled function that is recorded is a `Call`, or several independent ones.

A replay computes the results, and residuals for their rules in memory that no later replay writes into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..compiler.trace import Recording
from ..core.fingerprints import borrow
from ..core.mode import MODE
from ..core.multi_result import Several, result_node
from ..core.node import LEAF, Node, take_note
from ..core.op import Op
from ..ir.reverse import Reverse
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .body import Body
from .function_call import Call, InnerHooks, Params, zeros_of

COMPUTED = object()  # the origin of a result of an operation, neither an argument nor a leaf


class Part(NamedTuple):
    """Results that share operations, which no other results do.

    Attributes:
        reverse: what gradients flow through on the way to them.
        results: their ids.
        residuals: the ids of the values that the rules read, computed together with them.
        gone: for each of these the reference to its node, which is made when something asks for it.
        inputs: which of the inputs gradients flow to, or the rules read.
        take: takes results and residuals out of all that the replay returns.
        inner: the positions of results that others are computed from.
        calls: by the places of those inputs that are the same: what the part is as an op, and where gradients flow to.
    """

    reverse: Reverse
    results: tuple[str, ...]
    residuals: tuple[str, ...]
    gone: tuple[Callable[[], None], ...]
    inputs: Sequence[int]
    take: Callable[[Sequence[Any]], Any]
    inner: tuple[int, ...]
    calls: dict[Any, tuple[Op, Call, tuple[int, ...]]]


class History:
    """Makes the results of a compiled function that have a history.

    Args:
        f: the function, for its name.
        recording: of the run.
        options: of the passes that its backward pass goes through.

    Attributes:
        traced: the recording, with the residuals after the results.
    """

    def __init__(self, f: Callable[..., Any], recording: Recording, options: dict[str, Any]) -> None:
        self._name, self._options = getattr(f, "__name__", type(f).__name__), options
        program, n = recording.program, len(recording.results)
        inputs_of_program = program.inputs[: len(program.inputs) - len(recording.slots)]
        leaves = {i: None for i, x in program.bindings.items() if isinstance(x, Tensor) and x._node is LEAF}
        origins = {i: k for k, i in enumerate(inputs_of_program) if i is not None}
        self._taken = [*origins.values()]
        self._leaves = [program.bindings[i] for i in leaves if i not in origins]
        self._inputs = [*origins, *[i for i in leaves if i not in origins]]
        self._reverse = whole = Reverse(program, recording.results, leaves, as_recorded=True)
        program, input_places = whole.program, {i: k for k, i in enumerate(self._inputs)}
        residuals = [i for i in whole.reads if i not in input_places]
        places = {i: n + k for k, i in enumerate(residuals)} | {
            i: k for k, i in reversed(list(enumerate(recording.results)))
        }
        self._parts = []
        for reverse, group in whole.parts(recording.results):
            inputs = sorted([input_places[i] for i in reverse.wrt.union(reverse.reads).intersection(input_places)])
            beside = tuple([i for i in reverse.reads if i not in input_places and i not in group])
            read = {program.calls[i][1][k] for i, needs in reverse.needs.items() for k in needs}
            inner = tuple([k for k, i in enumerate(group) if i in read])
            take = _taker([places[i] for i in (*group, *beside)])
            self._parts.append(Part(reverse, tuple(group), beside, (_drop,) * len(beside), inputs, take, inner, {}))
        bindings = {**program.bindings, **origins}
        self._origins = [
            (i, COMPUTED if i in whole.needs else bindings[i] if i in leaves else None) for i in recording.results
        ]
        self._effects = recording.effects
        graph = program.graph
        graph = graph.of_part(graph.nodes, (*graph.outputs[:n], *residuals, *graph.outputs[n:]))
        self.traced = recording._replace(program=replace(program, graph=graph), saved=tuple(residuals))

    def describe(self) -> list[str]:
        """Return what `explain` says of it."""
        calls = [call for part in self._parts for _, call, _ in part.calls.values()]
        backs = [back for call in calls for back, _ in call.backs.values() if back is not None]
        plans = [plan for back in backs for plan in back.body.plans()]
        return [
            f"gradients flow to {len(self._reverse.wrt)} tensors, through {len(self._reverse.needs)} operations",
            *(f"a backward pass from outside, of {len(plan.calls)} calls of NumPy" for plan in plans),
        ]

    def results(self, values: Sequence[Any], arguments: Sequence[Any], as_tensors: bool) -> list[Any]:
        """Return the results of a call.

        Args:
            values: of the results and residuals.
            arguments: the arguments that are arrays and Tensors.
            as_tensors: whether results without a history are Tensors.
        """
        arrays: list[Any] = []
        edges: list[Any] = []
        for k in self._taken:
            x = arguments[k]
            if x.__class__ is Tensor or isinstance(x, Tensor):
                node = x._node
                edges.append(x if node is None or node is LEAF else node)
                arrays.append(x._data)
            else:
                edges.append(x)
                arrays.append(x)
        edges += self._leaves
        arrays += [leaf._data for leaf in self._leaves]
        recorded: dict[str, Tensor] = {}
        for part in self._parts:
            self._record(part, values, arrays, edges, recorded)
        results: list[Any] = []
        for (i, origin), value in zip(self._origins, values, strict=False):
            if origin is COMPUTED:
                results.append(recorded[i])
            elif origin is not None:
                results.append(arguments[origin] if isinstance(origin, int) else origin)
            else:
                results.append(wrap(value, None) if as_tensors else np.array(value)[()])
        return results

    def _record(
        self, part: Part, values: Sequence[Any], arrays: list[Any], edges: list[Any], tensors: dict[str, Tensor]
    ) -> None:
        """Record a part, and add its results."""
        if len(part.inputs) < len(edges):
            arrays, edges = [arrays[k] for k in part.inputs], [edges[k] for k in part.inputs]
        same: Any = None
        if len(set(map(id, edges))) < len(edges):
            first: dict[int, int] = {}
            same = tuple([first.setdefault(id(edge), k) for k, edge in enumerate(edges)])
        if (entry := part.calls.get(same)) is None:
            entry = part.calls[same] = self._call(part, same or range(len(edges)))
        op, call, needs = entry
        if same is not None:
            distinct = sorted(set(same))
            arrays, edges = [arrays[k] for k in distinct], [edges[k] for k in distinct]
        out = Several.of(part.take(values), call.shape, call.dtype)
        saved, inputs, fingerprints = [out, *edges], edges, ()
        for k in call.inputs_read:
            saved[k + 1] = arrays[k]
            if isinstance(edges[k], np.ndarray):  # the caller's
                inputs = edges.copy() if inputs is edges else inputs
                inputs[k], fingerprint = borrow(k + 1, edges[k])
                saved[k + 1], fingerprints = inputs[k], (*fingerprints, *(fingerprint or ()))
        mode = MODE.get()
        note = take_note(mode.scope) if mode.source else None
        hooks = {k: InnerHooks() for k in part.inner} if part.inner else None
        params = Params(hooks) if hooks else {}
        node: Any = Node(op, tuple(inputs), params, tuple(saved), needs, out.shape, out.dtype, note)  # type: ignore[arg-type]
        if fingerprints:
            node.fingerprints, node.hooks = fingerprints, []  # see `record`
        refs = []
        for k, i in enumerate(part.results):
            new = result_node(node, k)
            refs.append(ref(new))
            t = tensors[i] = wrap(out[k], new)
            t._shared = True
            if hooks and k in hooks:
                new.hooks = hooks[k]
        node.results = (*refs, *part.gone)

    def _call(self, part: Part, same: Sequence[int]) -> tuple[Op, Call, tuple[int, ...]]:
        """Return a part as an op, and the inputs that gradients flow to.

        Args:
            part: the part.
            same: for each of its inputs the first one that is the same Tensor.
        """
        distinct = {k: position for position, k in enumerate(sorted(set(same)))}
        ids = [self._inputs[k] for k in part.inputs]
        places = {i: distinct[k] for i, k in zip(ids, same, strict=True)}
        program, slots = part.reverse.program, tuple([ids[k] for k in distinct])
        examples = [zeros_of(program.graph[i]) for i in slots]
        body = Body(
            self._name, replace(program, inputs=slots), [*part.results, *part.residuals], self._effects, examples
        )
        body.options = self._options
        call = Call(body, len(part.results), part.reverse, places, in_plan=True)
        return call.as_op(), call, tuple(sorted({places[i] for i in part.reverse.wrt}))


def _taker(places: Sequence[int]) -> Callable[[Sequence[Any]], Any]:
    return itemgetter(*places) if len(places) > 1 else lambda values: [values[k] for k in places]


def _drop() -> None:
    """Stand for a reference to a node that is not made yet."""
