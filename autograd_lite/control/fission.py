"""Loop fission: what needs no carry runs before a loop or after it, for all steps at once.

Of a body that multiplies entries of xs by a matrix that is the same at all steps, the products become one product
before the loop. The gradient by that matrix is a sum of products over the steps: the loop keeps their factors, and one
product after it adds them up, in another order than a loop in Python would. All other sums are made in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..compiler.recording_array import concrete
from ..core.indices import indices_in
from ..core.multi_result import get_tuple_element
from ..core.op import OPS, Op
from ..core.shape_arithmetic import ShapeDtype
from ..native.threaded_functions import matmul as product
from ..ops.arith import add, multiply
from ..ops.matrix_products import matmul
from ..tensors.record import apply
from ..tensors.tensor import Tensor
from .body import PLANNED_AFTER, Body, needed_for, values_of, with_tensors
from .closure_conversion import record_body
from .derivatives import only_inside
from .steps_in_plan import record_body_calls, record_steps

# A value of more elements is computed where it is read, since it costs more to pass it on; so is one that has more at
# all steps, since its memory would.
_SMALL, _MOST = 512, 1 << 20
# How often the parts outside of the loop run before they are planned.
_RUNS = 20
# The inputs that a value depends on: none that changes, those with xs, or those with the carry.
_FIXED, _SCANNED, _CARRIED = range(3)


class Fission:
    """A body in three: before the loop, in it, and after it.

    Args:
        body: of a scan, without effects.
        n, m: the number of carries, the first arguments, and that of carries and xs.
        length: the number of steps.
        sums: whether carries that are sums, and that nothing else reads, are added up after the loop.

    Attributes:
        worthwhile: whether anything but views is left out of the loop; if not, there is nothing else here.
        core: the body in the loop.
        num_carry, num_xs: how many of its arguments are.
    """

    def __init__(self, body: Body, n: int, m: int, length: int, sums: bool) -> None:
        self._body, self._n, self._m, self._length = body, n, m, length
        self._small = min(_SMALL, _MOST // length)
        self._inputs = tuple([i or f"unread {k}" for k, i in enumerate(body.program.inputs)])
        self._calls, self._graph = body.program.calls, body.program.graph
        self._read_by: dict[str, list[str]] = {}
        for i in body.order:
            for k in self._graph[i].inputs:
                self._read_by.setdefault(k, []).append(i)
        self._in_sums: set[str] = set()  # the sums themselves, and the products in them
        self._sums = self._accumulations() if sums else {}
        self._depends: dict[str, int] = dict.fromkeys(self._inputs[n:m], _SCANNED)
        self._depends |= dict.fromkeys(self._inputs[:n], _CARRIED)
        forced = self._forced_inside()
        carries = [body.outputs[k] for k in range(n) if k not in self._sums]
        inside = self._with_results(needed_for(body.program, [*carries, *forced]))
        within = [i for i in body.order if i in inside and self._of(i) == _CARRIED]
        self.worthwhile = any(not self._is_view(i) for i in body.order if i not in within)
        if self.worthwhile:
            self._divide(carries, set(within))

    def _of(self, i: str) -> int:
        return self._depends.get(i, _FIXED)

    def _with_results(self, part: set[str]) -> set[str]:
        """Add what takes results out of calls, which are not passed on as a whole."""
        calls = self._calls
        return part | {i for i in self._body.order if calls[i][0] is get_tuple_element and calls[i][1][0] in part}

    # ---- what may leave the loop ------------------------------------------------------------------------------------

    def _accumulations(self) -> dict[int, list[tuple[str, ...]]]:
        """Return the terms of carries that are nothing but sums over the steps, each with its factors."""
        terms_of = {}
        for k, end in enumerate(self._body.outputs[: self._n]):
            terms, now, sums = list[str](), self._inputs[k], set[str]()
            while now != end and len(self._read_by.get(now, ())) == 1:
                (reader,) = self._read_by[now]
                op, ids, _ = self._calls[reader]
                kinds = {(self._graph[i].shape, self._graph[i].dtype) for i in (*ids, reader)}
                if op is not add or len(set(ids)) != 2 or len(kinds) != 1 or now in self._body.outputs:
                    break
                terms.append(ids[1] if ids[0] == now else ids[0])
                now = reader
                sums.add(now)
            factors = list(map(self._factors, terms))
            if now != end or not terms or now in self._read_by or self._body.outputs.count(end) != 1:
                continue
            if all(len(f) == 2 or self._graph[f[0]].size <= self._small for f in factors):
                terms_of[k] = factors
                self._in_sums |= sums | {i for i, f in zip(terms, factors, strict=True) if len(f) == 2}
        return terms_of

    def _factors(self, i: str) -> tuple[str, ...]:
        """Return the factors of a product of which sums over steps are a product, too, or the term itself."""
        op, ids, _ = self._calls.get(i, (None, (), {}))
        if (op is not matmul and op is not multiply) or len(self._read_by[i]) != 1 or i in self._body.outputs:
            return (i,)
        a, b = (self._graph[k].shape for k in ids)
        is_product = len(a) == len(b) == 2 and a[1] == b[0] and (op is matmul or a[1] == 1)
        return ids if is_product else (i,)

    def _forced_inside(self) -> list[str]:
        """Note what each value depends on, and return what has to be computed in the loop."""
        forced = list[str]()
        for i in self._body.order:
            depends = max((self._of(k) for k in self._graph[i].inputs), default=_FIXED)
            if depends and i not in self._in_sums and not self._may_leave(i, forced):
                depends = _CARRIED
                forced.append(i)
            if depends:
                self._depends[i] = depends
        return forced

    def _may_leave(self, i: str, forced: Sequence[str]) -> bool:
        op, ids, params = self._calls[i]
        if op is get_tuple_element:
            return ids[0] not in forced
        if op.batch is None or next(indices_in(params), None) is not None:
            return False
        if op.results is not None and OPS.defined.get(op.name) is not op:
            return False
        if all(self._graph[k].size <= self._small for k in (i, *ids)):
            return len(ids) == len(self._graph[i].inputs)
        if self._is_view(i):
            return i not in self._body.outputs
        return op is matmul and self._of(ids[1]) == _FIXED and len(self._graph[ids[1]].shape) == 2

    def _is_view(self, i: str) -> bool:
        op, ids, params = self._calls[i]
        if not ids or op.results is not None or op is get_tuple_element:
            return False
        x = self._graph[ids[0]]
        return op.views(ShapeDtype(x.shape, x.dtype), dict(params))

    # ---- the three parts --------------------------------------------------------------------------------------------

    def _divide(self, carries: Sequence[str], within: set[str]) -> None:
        body, n, inputs = self._body, self._n, self._inputs
        in_loop = within | set(inputs[:n])
        ends = dict.fromkeys([*body.outputs[n:], *(i for terms in self._sums.values() for f in terms for i in f)])
        read = {k for i in within for k in self._graph[i].inputs} | set(carries)
        first = self._leading_to(read, in_loop)
        last = self._leading_to(ends, in_loop)
        first = self._with_results(first | {i for i in last if self._of(i) == _FIXED})
        last -= first
        later = {k for i in last for k in self._graph[i].inputs} | set(ends)
        passed = [i for i in body.order if i in first and i in read | later and self._calls[i][0].results is None]
        self._rows = sorted((later | set(ends)) & in_loop, key=lambda i: (i not in body.outputs, i))
        read_early = [i for i in (*inputs[n:], *passed) if i in read]
        slices = [i for i in read_early if self._of(i) == _SCANNED]
        carries_left = [i for k, i in enumerate(inputs[:n]) if k not in self._sums]
        self.num_carry, self.num_xs = len(carries_left), len(slices)
        self._taken = [*carries_left, *slices, *(i for i in read_early if self._of(i) == _FIXED)]
        values = dict(zip(inputs, body.examples, strict=True)) | values_of(body, [*passed, *self._rows])
        computed = {i: values[i] for i in read_early if i in self._calls}
        outputs, inside = [*carries, *self._rows], {*read, *within, *self._rows}
        program = only_inside(replace(body.program, inputs=tuple(self._taken)), inside, computed, outputs)
        self.core = Body(body.name, program, outputs, (), [values[i] for i in self._taken])
        self._early, self._engine_pass, self._late = inputs[n:], passed, [*inputs[n:], *passed, *self._rows]
        self._ends = [i for i in ends if i in last]
        self._known = {i: a for i, a in body.constants.items() if i in ends and i not in inputs}
        places = {i: k for k, i in reversed(list(enumerate(body.outputs[n:], n)))}
        specs = zip(self._rows, self.core.specs[self.num_carry :], strict=True)
        self._room = [(i, places.get(i), (self._length, *a.shape), a.dtype) for i, a in specs]
        self._before = self._at_all_steps(first, self._early, passed, values)
        self._after = self._at_all_steps(last, self._late, self._ends, values)

    def _leading_to(self, ends: Iterable[str], without: set[str]) -> set[str]:
        """Return the operations that lead to some values, up to others."""
        terms_of: set[str] = set()
        stack = list(ends)
        while stack:
            i = stack.pop()
            if i in self._calls and i not in terms_of and i not in without:
                terms_of.add(i)
                stack += self._graph[i].inputs
        return terms_of

    def _at_all_steps(
        self, within: set[str], inputs: Sequence[str], outputs: Sequence[str], values: Mapping[Any, Any]
    ) -> Body | None:
        """Return operations for all steps at once: what changes has an axis for them in front."""
        if not outputs:
            return None

        def run(*arrays: Tensor) -> list[Any]:
            env = {**self._body.constants, **dict(zip(inputs, arrays, strict=True))}
            for i in self._body.order:
                if i in within:
                    op, ids, params = self._calls[i]
                    read = with_tensors(params, iter([env[k] for k in self._graph[i].inputs[len(ids) :]]))
                    env[i] = _at_once(op, [env[k] for k in ids], [self._of(k) > _FIXED for k in ids], read)
            return [env[i] for i in outputs]

        def example(i: str) -> Any:
            return np.repeat(np.asarray(values[i])[None], self._length, axis=0) if self._of(i) else values[i]

        body = record_body(self._body.name, run, list(map(example, inputs)))
        body.runs = PLANNED_AFTER - _RUNS
        return body

    # ---- on arrays --------------------------------------------------------------------------------------------------

    def run(self, loop: Any, arrays: Sequence[Any], rows: Sequence[Any], reverse: bool) -> None:
        """Run all three.

        Args:
            loop: runs the core: takes its arguments, and where its results go.
            arrays: the inputs of the scan.
            rows: where its results go.
            reverse: whether the last step comes first.
        """
        n, outputs = self._n, self._body.outputs
        env: dict[Any, Any] = {**self._known, **dict(zip(self._inputs, arrays, strict=True))}
        ends = [_run(self._before, self._early, self._engine_pass, env)]
        taken = [env[i] for i in self._taken]
        for i, k, shape, dtype in self._room:
            env[i] = np.empty(shape, dtype) if k is None else rows[k]
        loop(taken, [*(rows[k] for k in range(n) if k not in self._sums), *(env[i] for i in self._rows)])
        ends.append(_run(self._after, self._late, self._ends, env))
        for k, i in enumerate(outputs[n:], n):
            if env[i] is not rows[k]:
                rows[k][...] = env[i]
        for k, terms in self._sums.items():
            inputs = [[self._every(env[i], i) for i in factors] for factors in terms]
            rows[k][...] = _total(arrays[k], inputs, reverse)
        for end in ends:
            end()

    def record(self, loop: Callable[[Sequence[Any]], Sequence[Any]], arrays: Sequence[Any], reverse: bool) -> list[Any]:
        """Record calls of all three.

        Args:
            loop: records that of the core: takes its arguments, and returns its results.
            arrays, reverse: as in `run`.
        """
        n, outputs = self._n, self._body.outputs
        env: dict[Any, Any] = {**self._known, **dict(zip(self._inputs, arrays, strict=True))}
        env.update(zip(self._engine_pass, record_body_calls(self._before, [env[i] for i in self._early]), strict=True))
        results = loop([env[i] for i in self._taken])
        env.update(zip(self._rows, results[self.num_carry :], strict=True))
        env.update(zip(self._ends, record_body_calls(self._after, [env[i] for i in self._late]), strict=True))
        carries = iter(results[: self.num_carry])
        totals = self._record_totals(arrays, env, reverse)
        return [
            *[totals[k] if k in totals else next(carries) for k in range(n)],
            *[self._every(env[i], i).copy() for i in outputs[n:]],
        ]

    def _record_totals(self, arrays: Sequence[Any], env: Mapping[Any, Any], reverse: bool) -> dict[int, Any]:
        """Record the calls that add up over the steps: terms in their order, then products."""
        rows = {k: [[self._every(env[i], i) for i in f] for f in terms] for k, terms in self._sums.items()}
        totals = {k: arrays[k] for k in self._sums}
        plain = {k: [f[0] for f in terms if len(f) == 1] for k, terms in rows.items()}
        if plain := {k: terms for k, terms in plain.items() if terms}:
            starts, xs = [arrays[k] for k in plain], [x for terms in plain.values() for x in terms]
            body = self._adder(
                [len(terms) for terms in plain.values()], [concrete(x) for x in starts], [concrete(x) for x in xs]
            )
            n = len(plain)

            def run(*values: Any) -> list[Any]:
                ends, xs = list(values[:n]), iter(values[n:])
                for j, terms in enumerate(plain.values()):
                    ends[j] = _total(ends[j], [[next(xs)] for _ in terms], reverse)
                return ends

            sums = record_steps(run, body, n, n + len(xs), self._length, reverse, [*starts, *xs])
            totals.update(zip(plain, sums, strict=True))
        for k, terms in rows.items():
            for a, b in (f for f in terms if len(f) == 2):
                pair = a.transpose(1, 0, 2).reshape(a.shape[1], -1), b.reshape(-1, b.shape[-1])
                totals[k] = totals[k] + product(*pair)
        return totals

    def _adder(self, counts: Sequence[int], starts: Sequence[Any], xs: Sequence[Any]) -> Body:
        """Return a body that adds terms to sums, of which each has as many as are counted."""

        def add_all(*values: Tensor) -> list[Tensor]:
            sums, terms = list(values[: len(counts)]), iter(values[len(counts) :])
            for k, count in enumerate(counts):
                for _ in range(count):
                    sums[k] = sums[k] + next(terms)
            return sums

        return record_body(self._body.name, add_all, [*starts, *[x[0] for x in xs]])

    def _every(self, a: Any, i: str) -> Any:
        return a if self._of(i) else np.broadcast_to(a, (self._length, *np.shape(a)))


def _at_once(op: Op, inputs: list[Any], flags: list[bool], params: dict[str, Any]) -> Any:
    """Apply an op for all steps; the inputs with a flag have an axis for them in front."""
    if op is get_tuple_element:
        return inputs[0][params["index"]]
    if not any(flags):
        return apply(op, tuple(inputs), params)
    if op is matmul and flags == [True, False] and inputs[1].ndim == 2:
        x, w = inputs
        return apply(op, (x.reshape(-1, x.shape[-1]), w), params).reshape(*x.shape[:-1], -1)
    assert op.batch is not None
    return op.batch(op, tuple(inputs), flags, params)


def _run(body: Body | None, inputs: Sequence[str], outputs: Sequence[str], env: dict[Any, Any]) -> Callable[[], None]:
    """Run a body once, and return what lets others use the memory of its results."""
    if body is None:
        return lambda: None
    arrays = [env[i] for i in inputs]
    key, step = body.step(arrays, 0)
    env.update(zip(outputs, step(*arrays)[0], strict=True))
    return partial(body.give_back, key, step)


def _total(start: Any, terms: Sequence[Sequence[Any]], reverse: bool) -> Any:
    """Return a sum over the steps: of terms in their order, then of products."""
    total = np.asarray(start)
    plain = [f[0][::-1] if reverse else f[0] for f in terms if len(f) == 1]
    if plain:
        rows = plain[0] if len(plain) == 1 else np.stack(plain, axis=1).reshape(-1, *total.shape)
        rows = np.concatenate([total[None], rows])
        total = np.add.accumulate(rows)[-1] if total.size == 1 else np.add.reduce(rows)
    for a, b in (f for f in terms if len(f) == 2):
        total = total + product(a.transpose(1, 0, 2).reshape(a.shape[1], -1), b.reshape(-1, b.shape[-1]))
    return total
