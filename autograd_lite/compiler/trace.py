"""A recording: one run of a function on slots for its arguments, as a program, with its captures and effects.

Whatever makes data of a function makes a recording of it first: `compile`, the backward pass of a compiled function,
and, with stricter demands, `scan`, `cond` and `while_loop` (see `control.closure_conversion`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.collector import collector_at_rest
from ..core.depth import isolate, outside
from ..core.duck_arrays import LAZY, is_lazy
from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import Obstacle, Rejected
from ..core.multi_result import get_tuple_element
from ..core.node import LEAF, Node
from ..core.undo import open_undo
from ..engine.walk import edge_of
from ..ir.build import NOTHING, build_from
from ..ir.captured_arrays import CapturedArrays
from ..ir.graph_node import Kind
from ..ir.host_record import ARGUMENTS, HostState, abstract_of, values_in
from ..ir.pure_graph import PureGraph
from ..ir.pure_program import PureProgram
from ..ir.slot_nodes import slot_tensor
from ..ir.tape import Recorder
from ..random import Generator, rehearse_draws, remember_draws
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.views import knows_views
from ..tree import items, leaves
from .abstract_values import Result
from .executed_lines import watch_lines
from .guard_collector import GuardCollector
from .guards import Guard, Guards

Draws = dict[Generator, list[Any]] | None
_NUMBERS = (bool, int, float, complex)
# With how many numbers a function must have done the same, before others come with every call.
ENOUGH = 2
_SEEDS = "it seeds a generator of random numbers, or sets its state"


class Recording(NamedTuple):
    """The record of one run of a function.

    Attributes:
        program: the operations.
        out: the value returned.
        results: the ids of the Tensors in that.
        captured: the Tensors from outside that ops have read.
        effects: the ids of the random draws and of observed values.
        host_state: everything read and written outside of Tensors.
        slots: the Tensors and numbers that were read there, which the program takes after its arguments.
        put: the ids of the Tensors that were put back there.
        assigned: the leaves that were assigned to, each with the id of its last value.
        written: those of them that were written in place, each with whether nothing else was assigned to it.
        gradients: the leaves whose `.grad` changed, each with the id of the gradient, or None.
        before: the leaves whose `.grad` was used, each with its `.grad` before the run.
        backward: whether there was a backward pass.
        masks: whether it might have masked NaN although no operation was invalid.
        overwritten: what the leaves held that were assigned to, by id.
        start: the moment when it began.
        has_history: whether gradients flow from results to arguments or captured Tensors.
        saved: the ids of what a later backward pass would read.
        obstacle: the reason why the function cannot be replayed, or "".
        path: the branches that it took, as far as they depend on values read before.
        guards: on everything that Python code has read, see `GuardCollector`, by `Guard.identity`.
        unguarded: why something that it has read cannot be compared, or "".
        changed: what of that the run itself has changed, or "".
    """

    program: PureProgram
    out: Any
    results: tuple[str, ...]
    captured: tuple[Tensor, ...]
    effects: tuple[str, ...]
    host_state: HostState
    slots: tuple[Any, ...] = ()
    put: tuple[str, ...] = ()
    assigned: tuple[tuple[Tensor, str], ...] = ()
    written: tuple[tuple[Tensor, bool], ...] = ()
    gradients: tuple[tuple[Tensor, str | None], ...] = ()
    before: tuple[tuple[Tensor, Tensor | None], ...] = ()
    backward: bool = False
    masks: bool = False
    overwritten: Mapping[int, Any] = MappingProxyType({})
    start: int = 0
    has_history: bool = False
    saved: tuple[str, ...] = ()
    obstacle: str = ""
    path: tuple[Any, ...] = ()
    guards: Mapping[Any, Guard] = MappingProxyType({})
    unguarded: str = ""
    changed: str = ""


def difference(first: Recording, second: Recording) -> str:
    """Return what two runs on arguments of one kind did differently, apart from their data; "" if nothing."""
    a, b = first.program.graph, second.program.graph
    if a != b:  # perhaps in names alone, which Tensors may get between two calls
        plain, other = (replace(g, nodes=tuple([replace(node, name="") for node in g.nodes])) for g in (a, b))
        if plain != other:
            return _first_difference(plain, other)
    gradients = [{id(g): leaf for leaf, g in traced.before if g is not None} for traced in (first, second)]
    inputs = frozenset(first.program.inputs)
    for i, x in first.program.bindings.items():
        y = second.program.bindings.get(i)
        if x is y or i in inputs or (isinstance(x, _NUMBERS) and not isinstance(x, np.generic)):
            continue  # of a Python number the graph holds the value
        if id(x) in gradients[0] and gradients[0][id(x)] is gradients[1].get(id(y)):
            continue  # the gradient that was there before
        x, y = (t._data if isinstance(t, Tensor) else t for t in (x, y))
        if not (isinstance(x, (np.ndarray, np.generic)) and isinstance(y, (np.ndarray, np.generic))):
            return f"{a[i].name or 'a captured value'} is another object"
        if x.tobytes() != y.tobytes():
            return f"{a[i].name or 'an array'} of shape {x.shape}, made inside, has other values"
    puts, others = ([(p.key, abstract_of(p.value)) for p in t.host_state.puts.values()] for t in (first, second))
    if puts != others:
        return f"other values were put into {next(a[0] for a, b in zip(puts, others, strict=False) if a != b)!r}"
    return "" if _plain(first.out) == _plain(second.out) else "it returned something else than Tensors, which differs"


def _first_difference(a: PureGraph, b: PureGraph) -> str:
    """Return where two graphs begin to differ."""
    pairs = zip(a.nodes, b.nodes, strict=False)
    last = (a.nodes if len(a) > len(b) else b.nodes)[min(len(a), len(b)) - 1]
    place, other = next(((n, m) for n, m in pairs if n != m), (last, last))
    reader = next((n for n in a if place.id in n.inputs), place) if place.weak else place
    where = f" at {reader.source}" if reader.source else ""
    if place.weak and other.weak and place.value != other.value:
        return f"{reader.op or 'a result'}{where} takes the number {other.value}, and {place.value} before"
    return f"{reader.op or 'a constant'}{where} is another computation, or has another number in it"


def merge(first: Recording, second: Recording) -> Recording:
    """Merge two runs that did the same: return the second, with the values that never change marked as fixed.

    An array that each run has made for itself, of the same values, is a constant of the code. One that both have found,
    or a view of it, is the caller's, who may change it.
    """
    inputs = frozenset(first.program.inputs)
    constants = {
        i for i, x in first.program.bindings.items() if i not in inputs and _are_apart(x, second.program.bindings[i])
    }
    return second._replace(program=replace(second.program, fixed=second.program.fixed | constants))


def _are_apart(x: Any, y: Any) -> bool:
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x is not y and not np.may_share_memory(x, y)
    return isinstance(x, np.generic)


def _plain(out: Any) -> Any:
    """Return what a function returned that is not a Tensor, so that it can be compared."""
    return [
        (path, (x.shape, x.dtype, x.tobytes()) if isinstance(x, (np.ndarray, np.generic)) else x)
        for path, x in items(out)
        if not isinstance(x, (Tensor, Result))
    ]


def slot_of(a: Any) -> tuple[Tensor, Tensor]:
    """Return the slot of an argument in the program, and the Tensor that the function gets."""
    t = wrap(a._data if isinstance(a, Tensor) else a, None)
    return t, slot_tensor(t, t._data)


def leaf_of(a: Tensor) -> tuple[Tensor, Tensor]:
    """As `slot_of` for an argument that requires a gradient: a leaf is both."""
    t = wrap(a._data, LEAF)
    t._name, t._stamp, t._shared = a.name, 0, True
    t._grad = getattr(a, "_grad", None) if a._node is LEAF else None
    return t, t


def clear_slots(slots: Iterable[Tensor]) -> None:
    """Take the values from what stood for arguments, which nothing needs once a replay is made."""
    for t in slots:
        if t._node is None:
            t._data = np.broadcast_to(np.zeros((), t.dtype), t.shape)


def trace(
    f: Callable[..., Any],
    slots: Sequence[Tensor],
    call: Callable[[Sequence[DynamicScalar]], Any],
    memo: dict[Any, Any] | None = None,
    objects: Iterable[Any] = (),
    sees_code: bool = False,
    like: Sequence[PureGraph] = (),
) -> Recording:
    """Run a function once, and return the recording.

    Args:
        f: the function, for its name.
        slots: the Tensors that stand for the arguments; see `slot_of` and `leaf_of`.
        call: runs the function with the numbers of `memo[ARGUMENTS]`. If it raises, its assignments and draws are
            undone, so that it can run again.
        memo: results of functions of numbers that are not to run again; see `HostState.call`.
        objects: among the arguments, of which the function may read attributes.
        like: the graphs of runs with other numbers among the arguments, which this one must repeat. Two of them: a
            branch on whether an argument is a Python number would not show with one.
        sees_code: whether to see which of the code that the function can reach has run, which takes time.
    """
    tape = Recorder(f, memo=memo)
    with collector_at_rest():
        guards = GuardCollector(f, objects)
    tape.operands = operands = CapturedArrays(trace.__code__)
    sees_code = sees_code or guards.is_partial
    with watch_lines(guards.codes if sees_code else (), guards.lines()) as ran:
        numbers = [tape.host_state.argument(k, x) for k, x in enumerate((memo or {}).get(ARGUMENTS, ()))]
        out, draws = run(tape, lambda: call(numbers))
    rows = guards.rows_of(ran) if sees_code else guards.rows
    rows += guards.elements(operands)  # which may find more that cannot be compared
    recording = _recording(tape, out, slots, guards.why(ran) or _SEEDS * tape.seeds)
    recording = recording._replace(guards={row.identity(): row for row in rows}, changed=Guards(rows).why_broken())
    if like and sum(_is_same_but_for_numbers(recording.program, graph) for graph in like) < ENOUGH:
        _take_back(tape, draws)
        raise Rejected
    tape.release_values()
    tape.forget()
    return recording


def _recording(tape: Recorder, out: Any, slots: Sequence[Tensor], unguarded: str) -> Recording:
    """Return the recording of a run; the arguments are those of `trace`, or attributes of the result."""
    results = [t for t in leaves(out) if isinstance(t, Tensor)]
    before = tuple(tape.gradients.values())
    gradients = [(leaf, leaf.grad) for leaf, g in before if leaf.grad is not g]
    last = {id(a.leaf): a for a in tape.assignments}
    put = [t for one in tape.host_state.puts.values() for t in values_in(one.value) if isinstance(t, Tensor)]
    changes = [*(a.value for a in last.values()), *(g for _, g in gradients if g is not None), *put]
    edges = [edge_of(t) for t in results if t.requires_grad]
    ended_edges, reached = _reachable(tape.roots), _reachable(edges)
    open_edges = _reachable(edges, ended_edges) if ended_edges else reached
    leads = any(edge.__class__ is not Node and edge._node is LEAF for edge in open_edges)
    outputs = [*results, *changes, *tape.effects]
    obstacle = unguarded or _obstacle(tape, results, slots, leads, not ended_edges.isdisjoint(reached))
    obstacle = obstacle or (_later(tape, reached) if leads else "")
    if not obstacle:
        outputs = tape.settle(outputs)

    def is_fixed(t: Tensor) -> bool:
        """Return whether a Tensor was filled inside, and not changed afterward."""
        return t._node is None and not tape.is_captured(t) and id(t) not in last

    program = program_of(tape, [] if obstacle else outputs, [*slots, *tape.host_state.arrays.values()], is_fixed)
    scalars = [value for value in program.bindings.values() if value.__class__ is DynamicScalar]
    inputs = {id(t) for t in slots} | tape.host_state.arrays.keys()
    captured = tuple(t for i, t in tape.outside.items() if i not in inputs)
    ids = iter(program.graph.outputs)
    return Recording(
        program=program,
        out=out,
        results=tuple(islice(ids, len(results))),
        assigned=tuple((a.leaf, next(ids, "")) for a in last.values()),
        gradients=tuple((leaf, None if g is None else next(ids, "")) for leaf, g in gradients),
        put=tuple(islice(ids, len(put))),
        effects=tuple(islice(ids, len(tape.effects))),
        captured=captured,
        host_state=tape.host_state,
        slots=(*tape.host_state.arrays.values(), *scalars),
        written=_written_in_place(tape),
        before=before,
        backward=tape.backward,
        masks=tape.masks,
        overwritten=dict(tape.overwritten),
        start=tape.began,
        has_history=leads,
        obstacle=obstacle,
        path=(
            tape.host_state.path,
            [(t.shape, t.dtype, t.requires_grad) for t in captured],
            [g is not None for _, g in before],
        ),
        unguarded=unguarded,
    )


def _written_in_place(tape: Recorder) -> tuple[tuple[Tensor, bool], ...]:
    writes, assignments = Counter(map(id, tape.written)), Counter(id(a.leaf) for a in tape.assignments)
    written = {id(t): t for t in tape.written}.values()
    for t in written:
        knows_views(t)
    return tuple((t, writes[id(t)] == assignments[id(t)]) for t in written)


def run(tape: Recorder, call: Callable[[], Any]) -> tuple[Any, Draws]:
    """Run a function on a tape; if it raises, undo its effects.

    Returns:
        Its result, and the states of generators before each of its draws.
    """
    undo = open_undo()
    with rehearse_draws() if tape.rehearses else remember_draws() as draws:
        try:
            with tape.running(), isolate():
                out = call()
        except BaseException:
            _take_back(tape, draws)
            raise
        if undo is not None and tape.host_state.final:  # no call comes before this one, so no interrupt does
            undo.clear()
        return out, draws


def program_of(
    tape: Recorder,
    results: Sequence[Tensor],
    inputs: Sequence[Any],
    is_fixed: Callable[[Tensor], bool] = lambda _: True,
) -> PureProgram:
    """Return the operations on a tape as a program, whose inputs end with the dynamic scalars that it reads.

    Args:
        tape: of the run.
        results: the results, on the tape.
        inputs: the slots of the arguments.
        is_fixed: whether a Tensor that is not one of them never changes its value.
    """
    graph = outside(build_from, (results,), {"values": False}) if results else NOTHING
    ids: dict[int, str] = {}
    fixed, late, scalars = set[str](), list[str](), list[str]()
    for i, value in graph.bindings.items():
        if value.__class__ is Node:
            if value.stamp > tape.returned:
                late.append(i)
        elif value.__class__ is DynamicScalar:
            scalars.append(i)
        else:
            ids[id(value)] = i
            if isinstance(value, Tensor) and is_fixed(value):
                fixed.add(i)
    input_ids = [ids.get(id(x)) for x in inputs]
    return PureProgram._of(graph, [*input_ids, *scalars], fixed=fixed.difference(input_ids), late=late)


def _is_same_but_for_numbers(program: PureProgram, like: PureGraph) -> bool:
    """Return whether two runs did the same, but for numbers that now come with every call."""
    graph = program.graph
    scalars = _with_tensors_of(graph, {i for i, value in program.bindings.items() if value.__class__ is DynamicScalar})
    numbers = _with_tensors_of(like, {n.id for n in like if n.kind is not Kind.OP and not n.shape})
    if len(graph.outputs) != len(like.outputs):
        return False
    pairs, same = list(zip(graph.outputs, like.outputs, strict=True)), dict[str, str]()
    while pairs:
        i, k = pairs.pop()
        x, y = graph[i], like[k]
        if i in scalars:
            if y.kind is Kind.OP and k not in numbers:
                return False
        elif i in same:
            if same[i] != k:
                return False
        elif replace(x, id=k, inputs=y.inputs) != y or len(x.inputs) != len(y.inputs):
            return False
        else:
            same[i] = k
            pairs += zip(x.inputs, y.inputs, strict=True)
    return len(set(same.values())) == len(same)


def _with_tensors_of(graph: PureGraph, numbers: set[str]) -> set[str]:
    """Return the ids of numbers, and of values computed from nothing else."""
    ids = set(numbers)
    for n in graph.nodes:
        if n.kind is Kind.OP and n.inputs and ids.issuperset(n.inputs):
            ids.add(n.id)
    return ids


def _take_back(tape: Recorder, draws: Draws) -> None:
    """Undo what a run has done."""
    tape.undo()
    for generator, states in (draws or {}).items():
        if states:  # one that has none was to be read when an interrupt came
            generator._stream().bit_generator.state = states[0]  # as no call of the function


def _obstacle(tape: Recorder, results: Sequence[Tensor], slots: Sequence[Tensor], leads: bool, frees: bool) -> str:
    """Return the reason why a function cannot be replayed, or "".

    Args:
        tape, results, slots: of the run.
        has_history: whether gradients flow from results to leaves from outside, on a path that no `backward` has ended.
        frees: whether it has ended some ways from results.
    """
    if LAZY and is_lazy(*(t._data for t in results)):
        raise Obstacle("it gives arrays that another library computes on demand")
    if tape.older:
        return (
            "it reads a captured tensor that has a history, which would be computed once and for all. Pass that as an "
            "argument"
        )
    values_in = {id(t) for t in slots if t._node is LEAF}
    if values_in & tape.gradients.keys() or any(id(a.leaf) in values_in for a in tape.assignments):
        return "it changes an argument that requires a gradient, or its .grad. Capture that in place of passing it"
    if not leads:
        return ""
    if any(a.leaf._node is LEAF for a in tape.assignments):
        return (
            "a result has a history that leads to a captured tensor, and the function changes one. Call backward inside"
        )
    if frees:
        return "a result has a history of which the function's own call of backward has freed a part"
    return ""


def _later(tape: Recorder, reached: Collection[Any]) -> str:
    """Return the reason why a later backward pass through these edges is not the same for all calls, or "".

    Args:
        tape: of the run.
        reached: the edges.
    """
    nodes = [edge for edge in reached if edge.__class__ is Node]
    drawing = [edge_of(t) for t in tape.effects]
    drawing += [edge.inputs[0] for edge in drawing if edge.__class__ is Node and edge.op is get_tuple_element]
    if not set(drawing).isdisjoint(nodes):
        return "gradients flow through an operation that draws, whose rule may draw the same again"
    if any(edge.__class__ is DynamicScalar for node in nodes for edge in node.inputs):
        return "a gradient depends on a number that is read at every call"
    return ""


def _reachable(edges: Iterable[Any], stops: Collection[Any] = ()) -> set[Any]:
    """Return the edges that gradients reach from these, which are included, without those where a path ends."""
    stack = [edge for edge in edges if edge not in stops]
    reached = set(stack)
    while stack:
        node = stack.pop()
        for i in node.needs if node.__class__ is Node else ():
            edge = node.inputs[i]
            if edge not in reached and edge not in stops:
                reached.add(edge)
                stack.append(edge)
    return reached
