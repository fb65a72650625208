"""A `Body`: a function as data, which runs fast on arrays, and by its operations on Tensors and tracers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..compiler.execution_plan import Plan, make_plan
from ..compiler.passes.pass_pipeline import optimize
from ..compiler.source import Source
from ..core.indices import indices_in, with_indices
from ..core.mode import MODE, TAPES
from ..core.multi_result import get_tuple_element
from ..core.shape_arithmetic import ShapeDtype
from ..ir.pure_graph import PureGraph
from ..ir.pure_program import PureProgram
from ..ir.tape import OBSERVE
from ..random import Generator, rehearse_draws
from ..tensors.ndarray_methods import canonical_index
from ..tensors.record import apply, wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import wrap_any

Step = Callable[..., tuple[Any, ...]]
# A plan takes as long as some hundred runs without one of small arrays, and as some runs of large ones: those of more
# elements than an op computes in the time of its call.
PLANNED_AFTER = 100
_LEAST_RUNS, _SMALL = 4, 8192


class Body:
    """A function of arrays that returns arrays, as a program.

    Args:
        name: of the op that it belongs to.
        program: with `inputs` in the order of the arguments.
        outputs: the ids of the results.
        effects: the ids of draws and observations.
        examples: an array for each argument.

    Attributes:
        specs: of the results.
        derived: bodies that were derived from this one, by what they are for.
        options: of the passes that its plan goes through.
        runs: how often it has run without a plan.
    """

    def __init__(
        self,
        name: str,
        program: PureProgram,
        outputs: Sequence[str],
        effects: Sequence[str],
        examples: Sequence[Any],
    ) -> None:
        self.name, self.program, self.outputs, self.effects = name, program, tuple(outputs), tuple(effects)
        self.examples = list(examples)
        graph = program.graph
        self.specs = tuple(ShapeDtype(graph[i].shape, graph[i].dtype) for i in self.outputs)
        self.derived: dict[Any, Any] = {}
        self.runs = 0
        self.options: dict[str, Any] = {}
        needed = needed_for(program, (*self.outputs, *self.effects))
        self.order = [i for i in program.calls if i in needed]
        self._idle: dict[Any, list[Step]] = {}
        self._sources: dict[Any, Source] = {}
        self._movable: dict[Any, dict[int, str]] = {}

    @property
    def generators(self) -> list[Generator]:
        """The generators that it draws from."""
        params = [self.program.calls[i][2] for i in self.order]
        direct = [x for p in params for x in p.values() if isinstance(x, Generator)]
        inner = [x for p in params for x in p.values() if isinstance(x, Body)]
        return list(dict.fromkeys([*direct, *(g for body in inner for g in body.generators)]))

    def __repr__(self) -> str:
        return f"<{len(self.order)} operation{'' if len(self.order) == 1 else 's'}>#{self._digest}"

    @cached_property
    def _digest(self) -> str:
        """The same for bodies that do the same with the same constants."""
        ids = {*self.order}
        nodes = [(n.op, n.inputs, n.params, n.shape, n.dtype, n.value) for n in self.program.graph if n.id in ids]
        digest = hashlib.sha1(f"{[tuple(map(str, node)) for node in nodes]}{self.outputs}".encode())
        for i, value in self.program.bindings.items():
            array = value._data if isinstance(value, Tensor) and i in self.program.fixed else value
            if isinstance(array, (np.ndarray, np.generic)) and array.dtype != object:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:8]

    @cached_property
    def planned_after(self) -> int:
        """After how many runs a plan is worth its time: the fewer, the larger the arrays."""
        sizes = [
            math.prod(node.shape) for node in self.program.graph if not isinstance(next(iter(node.shape), 0), tuple)
        ]
        return max(_LEAST_RUNS, PLANNED_AFTER // (1 + max(sizes, default=0) // _SMALL))

    @cached_property
    def constants(self) -> dict[str, Any]:
        bindings = self.program.bindings.items()
        return {i: value._data if isinstance(value, Tensor) else value for i, value in bindings}

    # ---- as operations ----------------------------------------------------------------------------------------------

    def __call__(self, *inputs: Any) -> list[Any]:
        """Apply the operations to Tensors."""
        env = dict(self.constants)
        env |= {i: x for i, x in zip(self.program.inputs, inputs, strict=True) if i is not None}
        tape = MODE.get().tape if TAPES else None
        for i in self.order:
            op, ids, params = self.program.calls[i]
            node = self.program.graph[i]
            if op is OBSERVE and tape is not None:
                tape.note_observer(params["function"], [_edge(env[k]) for k in ids])
                continue
            values = tuple([env[k] for k in ids])
            again = getattr(getattr(op.forward, "__self__", None), "again", None)  # of the ops of this package
            if op is get_tuple_element:
                env[i] = values[0][params["index"]]
            elif again is not None:
                env[i] = again(*values)
            else:
                env[i] = apply(op, values, with_tensors(params, iter([env[k] for k in node.inputs[len(ids) :]])))
                if tape is not None and ids and i in self.effects:
                    tape.does_more(env[i])
        return [x if isinstance(x := env[i], Tensor) else wrap_any(x, None) for i in self.outputs]

    # ---- as calls of NumPy ------------------------------------------------------------------------------------------

    def step(self, arrays: Sequence[Any], num_kept: int) -> tuple[Any, Step]:
        """Return what computes the results for arrays that lie in memory as these do, and the key to give it back.

        It must not be called by two threads at a time; see `give_back`.

        Args:
            arrays: the arguments.
            num_kept: how many results, the first ones, are read after the next call.
        """
        key = num_kept, *[a.strides if a.__class__ is np.ndarray else a.__class__ for a in arrays]
        idle = self._idle.setdefault(key, [])
        if not idle and self.runs < self.planned_after:
            return None, self._one_by_one
        try:
            return key, idle.pop()
        except IndexError:
            source = self._sources.get(key)
            if source is None:
                source = self._sources[key] = Source(self.plan(arrays, range(num_kept)), moving=True)
            return key, source.instance()

    def plans(self) -> list[Plan]:
        """Return the plans that were made so far."""
        return [source.plan for source in self._sources.values()]

    def movable(self, key: Any) -> dict[int, str]:
        """Return the results of a step that can be written elsewhere; see `Source.movable`."""
        if key not in self._movable:
            self._movable[key] = self._sources[key].movable()
        return self._movable[key]

    def give_back(self, key: Any, step: Step) -> None:
        """Give a step back, so that it is used again."""
        if key is not None:
            self._idle[key].append(step)

    def _one_by_one(self, *arrays: Any) -> tuple[Any, ...]:
        """Compute the results by the forward functions of the ops, as long as a plan may not be worth making."""
        self.runs += 1
        values: dict[Any, Any] = {**self.constants, **dict(zip(self.program.inputs, arrays, strict=True))}
        for i in self.order:
            values[i] = self.program.compute(i, values)
        return tuple([values[i] for i in self.outputs]), ()

    def plan(self, arrays: Sequence[Any], kept_positions: Sequence[int]) -> Plan:
        """Plan how to compute the results for arrays that lie in memory as these do.

        Args:
            arrays: the arguments.
            kept_positions: the positions of results that are read after the next call.
        """
        program, n = self.program_for(arrays), len(self.outputs)
        outputs = program.graph.outputs
        return make_plan(program, outputs[:n], outputs[n:], kept_positions=kept_positions)

    def program_for(self, arrays: Sequence[Any]) -> PureProgram:
        """Return what the passes make of the program, for arguments that lie in memory as these do."""
        slots = {i: wrap(a, None) for i, a in zip(self.program.inputs, arrays, strict=True) if i is not None}
        graph = PureGraph(self.program.graph.nodes, (*self.outputs, *self.effects))
        bindings = MappingProxyType({**self.program.bindings, **slots})
        return optimize(replace(self.program, graph=graph, bindings=bindings), **self.options)[-1].program


class Runner:
    """Runs a body again and again, in one thread.

    Args:
        body: what runs.
        first: how many arguments, the first ones, may lie otherwise in memory from call to call.
        num_kept: how many results, the first ones, are read after the next call.
    """

    def __init__(self, body: Body, first: int, num_kept: int) -> None:
        self._body, self._first, self._kept = body, first, num_kept
        self._key: Any = None
        self._lies: Any = None
        self._step: Any = None
        self._globals: dict[str, Any] = {}
        self._before: dict[str, Any] = {}  # the step's own buffers, by name, in the place of which others are
        self._direct: list[tuple[str, Any]] = []
        self._copied: list[tuple[int, Any]] = []

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Compute the results."""
        self._prepare(arrays)
        results: tuple[Any, ...] = self._step(*arrays)[0]  # the second part are changes, which a body has not
        return results

    def into(self, rows: Sequence[Any], t: int, *arrays: Any) -> tuple[Any, ...]:
        """Compute the results, and let those that are not kept lie in entry t of arrays, the same at all calls."""
        if self._prepare(arrays):
            self._fill(rows)
        for name, row in self._direct:
            self._globals[name] = row[t]
        results: tuple[Any, ...] = self._step(*arrays)[0]
        for k, row in self._copied:
            row[t] = results[k]
        return results

    def _prepare(self, arrays: Sequence[Any]) -> bool:
        """Take a step for arrays that lie like these, and return whether it is another one than before."""
        lies: Any = [a.strides if a.__class__ is np.ndarray else None for a in arrays[: self._first]]
        if lies == self._lies and self._key is not None:
            return False
        self.end()
        self._key, self._step = self._body.step(arrays, self._kept)
        self._lies, self._before = lies, {}
        return True

    def _fill(self, rows: Sequence[Any]) -> None:
        """Find the results that the step can write to their final places instead of its own buffers."""
        movable = {} if self._key is None else self._body.movable(self._key)
        self._globals = getattr(self._step, "__globals__", {})
        self._direct, self._copied = [], []
        for k, row in enumerate(rows, self._kept):
            buffer = self._globals[movable[k]] if k in movable else None
            if buffer is not None and row.ndim > 1 and (row.strides[1:], row.dtype) == (buffer.strides, buffer.dtype):
                self._direct.append((movable[k], row))
                self._before[movable[k]] = buffer
            else:
                self._copied.append((k, row))

    def end(self) -> None:
        """Let others use what this one has used."""
        if self._key is not None:
            if self._before:
                self._globals.update(self._before)
            self._body.give_back(self._key, self._step)


def run_body(body: Body, *inputs: Any) -> list[Any]:
    """Return the results of a body, as arrays of arrays, and as Tensors or tracers of these."""
    if any(hasattr(x, "__apply_op__") for x in inputs):
        results = body(*inputs)
        return results if any(isinstance(x, Tensor) for x in inputs) else [t._data for t in results]
    runner = Runner(body, len(inputs), 0)
    results = [np.array(x) for x in runner(*inputs)]
    runner.end()
    return results


def rearrange(body: Body, inputs: Sequence[int], outputs: Sequence[int]) -> Body:
    """Return a body that takes these arguments in this order, and returns these results."""
    program = replace(body.program, inputs=tuple(body.program.inputs[k] for k in inputs))
    examples = [body.examples[k] for k in inputs]
    return Body(body.name, program, [body.outputs[k] for k in outputs], body.effects, examples)


def widen(body: Body, positions: Sequence[int], examples: Sequence[Any]) -> Body:
    """Return a body with more arguments, of which it reads those at these positions."""
    inputs: list[str | None] = [None] * len(examples)
    for k, i in zip(positions, body.program.inputs, strict=True):
        inputs[k] = i
    program = replace(body.program, inputs=tuple(inputs))
    return Body(body.name, program, body.outputs, body.effects, examples)


def needed_for(program: PureProgram, ids: Sequence[str]) -> set[str]:
    """Return the ids of the nodes that these depend on, and theirs."""
    needed = set(ids)
    for node in reversed(program.graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    return needed


def values_of(body: Body, ids: Sequence[str]) -> dict[str, Any]:
    """Return the values of some nodes for the examples of a body's arguments; no stream of random numbers advances."""
    program, pairs = body.program, zip(body.program.inputs, body.examples, strict=True)
    values = body.constants | {i: x for i, x in pairs if i is not None}
    needed = needed_for(program, ids)
    with rehearse_draws(), np.errstate(all="ignore"):
        for i in program.calls:
            if i in needed:
                values[i] = program.compute(i, values)
    return {i: values[i] for i in ids}


def _edge(x: Any) -> Any:
    return x if not isinstance(x, Tensor) or x._node is None else x._node


def with_tensors(params: Mapping[str, Any], read: Iterator[Any]) -> dict[str, Any]:
    """Return parameters with the Tensors that indices are read from."""
    if next(indices_in(params), None) is None:
        return dict(params)
    return {k: canonical_index(v) if k == "index" else v for k, v in with_indices(params, read).items()}
