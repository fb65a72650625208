"""Patterns: expressions of ops that something else computes too, faster. The rows are on the records of the ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import combinations, takewhile
from typing import Any, NamedTuple

import numpy as np

from ...core.multi_result import get_tuple_element
from ...core.op import OPS, Op
from ...core.rewrites import Rewrite, Term, Variable
from ...ir.edits import constant, known_values, reading, rebuild, uses
from ...ir.flops import Sizes, counted_flops
from ...ir.graph_node import Kind, make_param
from ...ir.keys import value_key
from ...ir.layouts import Layout, Layouts, layout_of_call
from ...ir.pure_program import PureProgram

# What has been rewritten may be rewritten again, this often.
_MOST_TIMES = 8


def with_patterns(program: PureProgram) -> PureProgram:
    """Put in place of expressions what computes the same, bit for bit and lying in memory in the same way."""
    return _Rewriting(program, True).rewrite()


def with_inexact_patterns(program: PureProgram) -> PureProgram:
    """Put in place of expressions what computes the same up to rounding."""
    return _Rewriting(program, False).rewrite()


class Value:
    """The value of a variable of a rewrite, or of an op that it calls.

    Attributes:
        id: of the node, or of one that is to be made.
        constant: its value, an array or a number, if that never changes; else None.
    """

    __slots__ = ("constant", "id", "rewriting")

    def __init__(self, rewriting: _Rewriting, node_id: str, value: Any) -> None:
        self.rewriting, self.id, self.constant = rewriting, node_id, value

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.rewriting.nodes[self.id].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        return self.rewriting.nodes[self.id].dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.rewriting.nodes[self.id].size

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in memory one after the other, in the order of the axes."""
        layout = self.rewriting.layout(self)
        return layout is not None and layout.is_contiguous

    @property
    def call(self) -> tuple[Op | None, tuple[str, ...], dict[int, Value]]:
        """The call that this is one of several results of: its op, arguments, and results by number; no op if none."""
        return self.rewriting.call_of(self.id)

    def __apply_op__(self, op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> Value:
        return self.rewriting.call(op, inputs, params)


class _Row(NamedTuple):
    """A row of a table of rewrites, with the conditions that are checked first.

    Attributes:
        term, variables, after: see `Rewrite`.
        terms: the positions of arguments that must be operations, each with its op.
        constants: the positions of arguments that must be constants.
        equal: pairs of positions of arguments that must be the same.
    """

    term: Term
    variables: tuple[str, ...]
    after: Callable[..., Any]
    terms: tuple[tuple[int, Op], ...]
    constants: tuple[int, ...]
    equal: tuple[tuple[int, int], ...]


_NO_CALL = (None,)
_NO_RESULT: tuple[Any, Any, Any] = None, (), {}


@functools.cache
def _rows(rewrites: tuple[Rewrite, ...], exact: bool) -> list[_Row]:
    rows = []
    for row in rewrites:
        if row.exact is exact:
            args = row.pattern.args
            terms = tuple([(k, a.op) for k, a in enumerate(args) if isinstance(a, Term)])
            constants = tuple([k for k, a in enumerate(args) if isinstance(a, Variable) and a.name in row.constants])
            pairs = combinations(enumerate(args), 2)
            equal = tuple([(j, k) for (j, a), (k, b) in pairs if isinstance(a, Variable) and a == b])
            rows.append(_Row(row.pattern, row.variables, row.after, terms, constants, equal))
    return rows


class _Rewriting:
    """One walk over a program, from arguments to results."""

    def __init__(self, program: PureProgram, exact: bool) -> None:
        self._program, self._exact = program, exact
        self._layouts = Layouts(program)
        self._uses = uses(program.graph)
        self.nodes = {node.id: node for node in program.graph.nodes}  # and new ones
        self._calls: dict[str, Any] = dict(program.calls)
        self._changed: set[str] = set()
        self._made: set[str] = set()  # constants
        self._constants = known_values(program)
        self._rows: dict[Op, list[_Row]] = {}
        self._new: dict[str, Value] = {}  # what the row at hand has made
        self._layout_of: dict[str, Layout | None] = {}  # of new nodes
        self._same: dict[str, str] = {}
        self._root = ""

    def rewrite(self) -> PureProgram:
        """Rewrite what can be, and return the program that results; dead code is left to another pass."""
        order: list[str] = []
        same = self._same.keys()
        for node in self._program.graph.nodes:
            i = node.id
            if node.kind is Kind.OP:
                if same and not same.isdisjoint(node.inputs):
                    self.nodes[i], self._calls[i] = reading(node, self._calls[i], self._same)
                    self._changed.add(i)
                for _ in range(_MOST_TIMES if self._rows_of(i) else 0):
                    if i in self._same or not self._rewrite_node(i, order):
                        break
            if i not in self._same:
                order.append(i)
        if not self._same and not self._changed:
            return self._program
        outputs = [self._same.get(i, i) for i in self._program.graph.outputs]
        calls = {i: self._calls[i] for i in order if i in self._changed and i in self._calls}
        constants = {i: self._constants[i] for i in order if i in self._made}
        return rebuild(self._program, [self.nodes[i] for i in order], outputs, calls=calls, constants=constants)

    def _rewrite_node(self, i: str, order: list[str]) -> bool:
        """Try all rows of an op, and return whether one could be applied."""
        arguments = self._calls[i][1]
        for row in self._rows_of(i):
            bound: dict[str, Any] = {}
            if not self._may_match(row, arguments) or not self._matches(row.term, i, bound):
                continue
            self._root = i
            value = row.after(*[bound[name] for name in row.variables])
            if isinstance(value, Value) and self._may_replace(value, i):
                self._substitute(value, i, order)
                return True
            if self._new:
                self._forget()
        return False

    def _rows_of(self, i: str) -> list[_Row]:
        """Return the rows of an op, or those of the call out of which it takes a result."""
        op, arguments, _ = self._calls[i]
        if op is get_tuple_element:
            op = self._calls[arguments[0]][0]
        rows = self._rows.get(op)
        if rows is None:
            rows = self._rows[op] = _rows(op.rewrites, self._exact)
        return rows

    def _may_match(self, row: _Row, arguments: Sequence[str]) -> bool:
        """Decide quickly, since nearly always the answer is no."""
        n = len(arguments)
        for position in row.constants:
            if position < n and arguments[position] not in self._constants:
                return False
        for position, op in row.terms:
            if position >= n or self._calls.get(arguments[position], _NO_CALL)[0] is not op:
                return False
        return not row.equal or all(k >= n or arguments[j] == arguments[k] for j, k in row.equal)

    # ---- where a pattern is -----------------------------------------------------------------------------------------

    def _matches(self, term: Term, i: str, bound: dict[str, Any]) -> bool:
        node = self.nodes[i]
        if node.kind is not Kind.OP:
            return False
        op, arguments, params = self._calls[i]
        if op is not term.op or len(arguments) != len(term.args) or len(node.inputs) != len(arguments):
            return False
        if params.keys() != term.params.keys() or OPS.defined.get(op.name) is not op:
            return False
        for name, expected in term.params.items():
            if not isinstance(expected, Variable):
                if value_key(expected) != value_key(params[name]):
                    return False
            elif value_key(bound.setdefault(expected.name, params[name])) != value_key(params[name]):
                return False
        return all(self._argument_matches(expected, a, bound) for expected, a in zip(term.args, arguments, strict=True))

    def _argument_matches(self, expected: Any, i: str, bound: dict[str, Any]) -> bool:
        if isinstance(expected, Term):
            return self._uses[i] == 1 and self._matches(expected, i, bound)  # or it would be computed all the same
        bound_value = bound.get(expected.name)
        if bound_value is None:
            bound[expected.name] = Value(self, i, self._constants.get(i))
            return True
        return bool(bound_value.id == i)

    # ---- what takes its place ---------------------------------------------------------------------------------------

    def call(self, op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> Value:
        """Make the call of an op that a row asks for."""
        values = [x if isinstance(x, Value) else self._constant(x) for x in inputs]
        layout = layout_of_call(op, [self.layout(x) if x.constant is None else x.constant for x in values], params)
        ids = tuple([x.id for x in values])
        i = f"{self._root}.{len(self._calls) + len(self._constants)}"
        root = self.nodes[self._root]
        shape, dtype = ((), root.dtype) if layout is None else (layout.shape, layout.dtype)
        self.nodes[i] = root.replace(
            id=i,
            op=op.name,
            glyph=op.glyph,
            inputs=ids,
            params=tuple([make_param(name, params[name]) for name in sorted(params)]),
            shape=shape,
            dtype=dtype,
            flops=counted_flops(op, [self.nodes[k].shape for k in ids], shape, params, Sizes()),
            needs=(),
        )
        self._calls[i] = (op, ids, params)
        value = self._new[i] = Value(self, i, None)
        self._layout_of[i] = layout
        return value

    def call_of(self, i: str) -> tuple[Op | None, tuple[str, ...], dict[int, Value]]:
        """Return the op, the arguments, and the results so far of the call that a node takes a result out of."""
        op, arguments, _ = self._calls.get(i, _NO_RESULT)
        if op is not get_tuple_element:
            return None, (), {}
        results = {}
        for k in takewhile(lambda k: k != self._root, self.nodes):
            of, its, params = self._calls.get(k, _NO_RESULT)
            if of is op and its == arguments:
                results[params["index"]] = Value(self, k, None)
        return self._calls[arguments[0]][0], tuple(self._calls[arguments[0]][1]), results

    def _constant(self, x: Any) -> Value:
        i = f"{self._root}.{len(self._calls) + len(self._constants)}"
        self.nodes[i] = constant(i, x)
        self._constants[i] = x
        self._made.add(i)
        self._new[i] = Value(self, i, x)
        return self._new[i]

    def layout(self, value: Value) -> Layout | None:
        """Return how a value lies, if that is known."""
        return self._layout_of[value.id] if value.id in self._layout_of else self._layouts[value.id]

    def _may_replace(self, value: Value, i: str) -> bool:
        layout, expected = self.layout(value), self._layouts[i]
        if layout is None or expected is None:
            return False
        return layout == expected if self._exact else layout[:2] == expected[:2]

    def _forget(self) -> None:
        """Undo what a row has made that cannot be applied."""
        for i in self._new:
            del self.nodes[i]
            self._calls.pop(i, None)
            if i in self._made:
                self._made.remove(i)
                del self._constants[i]
        self._new = {}

    def _substitute(self, value: Value, i: str, order: list[str]) -> None:
        """Let a value take the place of an operation: under its id, if it is a new operation."""
        new, self._new = self._new, {}
        for k in new:
            if k != value.id:
                order.append(k)
                self._changed.add(k)
                self._uses.setdefault(k, 0)
        if value.id in new:
            self.nodes[i], self._calls[i] = self.nodes[value.id].replace(id=i), self._calls[value.id]
            self._changed.add(i)
            for k in self.nodes[i].inputs:
                self._uses[k] += 1
        else:
            self._same[i] = value.id
            self._uses[value.id] += self._uses[i]
