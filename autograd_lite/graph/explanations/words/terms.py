"""A derivative rule, or one op, read off a graph as a formula: terms, simplified where that reads better.

A term represents a value. The formula is true of the recorded computation, up to rounding: products are flattened,
`g - g * a` is written `g * (1 - a)`, explicit broadcasts are left out where broadcasting happens anyway, and the masks
that keep a NaN away from a zero cotangent are not shown.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .... import ops
from ....core.op import OPS, Op
from ....core.shape_arithmetic import Shape
from ....ir.graph_node import GraphNode, Kind, Param

V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A formula.

    Attributes:
        op: the op's name; empty on a leaf.
        args: its arguments.
        params: of the op.
        shape: of the value.
        kind: the kind of its dtype.
        leaf: for a leaf, the id of its node; empty for a number.
        value: for a number, the number.
        has_g: whether the cotangent is in it.
        carrier: with `local`, if the cotangent is in it: the term is `carrier * local`.
        local: see `carrier`.
        depth: the number of nested ops.
        thin: its shape without the broadcasts that would happen anyway.
    """

    op: str
    args: tuple[Term, ...]
    params: tuple[Param, ...]
    shape: Shape
    kind: str
    leaf: str = ""
    value: Any = None
    has_g: bool = False
    _carrier: Term | None = None
    _local: Term | None = None
    depth: int = 0
    thin: Shape = ()

    @property
    def carrier(self) -> Term:
        """The part of a product with the cotangent in it."""
        return self if self._carrier is None else self._carrier

    @property
    def local(self) -> Term:
        """What the carrier is multiplied with."""
        return ONE if self._local is None else self._local

    def param(self, name: str) -> Param | None:
        """Return a parameter by name."""
        return next((p for p in self.params if p.name == name), None)


def number(value: Any) -> Term:
    """Make the term of a number."""
    return Term("", (), (), (), np.asarray(value).dtype.kind, value=value)


ONE = number(1)


def leaf(node: GraphNode, has_g: bool = False) -> Term:
    """Make the term of a node without looking inside: its value if it is a number, otherwise its name."""
    value = None if has_g or node.kind is not Kind.CONSTANT or node.shape else _number(node.value)
    name = "" if value is not None else node.id
    return Term("", (), (), node.shape, node.dtype.kind, name, value, has_g, thin=node.shape)


def _number(text: str) -> Any:
    """Return the number or bool that a text spells, or None; `ast.literal_eval` would leave cyclic garbage."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float, complex):
        with contextlib.suppress(ValueError):
            number = kind(text)
            return number if kind is not int or abs(number) < 2**64 else None
    return None


def term_of(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Make the term of an op's node, in its simplest form."""
    simpler = _SIMPLER[node.op](node, args) if node.op in _SIMPLER else None
    return as_it_is(node, args) if simpler is None else simpler


def as_it_is(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Make the term of an op's node without simplifying."""
    return _make(node.op, args, node.params, node.shape, node.dtype.kind)


def _make(op: str, args: tuple[Term, ...], params: tuple[Param, ...], shape: Shape, kind: str) -> Term:
    has_g, depth, carrier, local = False, 0, None, None
    for a in args:
        has_g, depth = has_g or a.has_g, max(depth, a.depth)
    if has_g:
        carrier, local = _factor(op, args, params, shape)
    if carrier is not None and local is not None:
        thin = thin_shape((carrier, local))
    elif is_elementwise(op):
        thin = thin_shape(args)
    else:
        inner = _narrow(op, args, shape)
        thin = shape if inner is None else inner.thin
    return Term(op, args, params, shape, kind, "", None, has_g, carrier, local, depth + 1, thin)


def by_name(table: Mapping[Op, V]) -> dict[str, V]:
    """Return a table of records by the names of the ops, as nodes of graphs have them."""
    return {op.name: value for op, value in table.items()}


def is_elementwise(op: str) -> bool:
    """Return whether an op works element by element, so that its arguments are broadcast."""
    record = OPS.get(op)
    return record is not None and record.is_elementwise


# ---- simpler forms --------------------------------------------------------------------------------------------------


def _where(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    condition, yes, no = args
    chosen = yes if condition.value else no
    if condition.value is not None:
        return chosen if chosen.shape == node.shape else None
    # Inside, it is known what the same condition chooses.
    args = (condition, _resolve(yes, condition, True), _resolve(no, condition, False))
    return _make("where", args, (), node.shape, node.dtype.kind)


_NESTED = 8


def _resolve(t: Term, condition: Term, holds: bool, steps: int = _NESTED) -> Term:
    """Resolve choices by a condition inside a term where it is known to hold, or not to."""
    if t.op == "where" and t.args[0] is condition:
        return t.args[1] if holds else t.args[2]
    if not steps or not is_elementwise(t.op):
        return t
    args = tuple([_resolve(a, condition, holds, steps - 1) for a in t.args])
    same = all(a is b for a, b in zip(args, t.args, strict=True))
    return t if same else _make(t.op, args, t.params, t.shape, t.kind)


def _getitem(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    index = next((p.value for p in node.params if p.name == "index"), None)
    if not isinstance(index, tuple) or not all(i is None or i is Ellipsis or i == slice(None) for i in index):
        return None
    # It only inserts new axes.
    return args[0] if args[0].shape == node.shape else _make("reshape", args, (), node.shape, node.dtype.kind)


def _matmul(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    signs = [a.op == "negative" for a in args]
    if not any(signs):
        return None
    inner = tuple(a.args[0] if minus else a for a, minus in zip(args, signs, strict=True))
    product = _make("matmul", inner, (), node.shape, node.dtype.kind)
    return product if all(signs) else _make("negative", (product,), (), node.shape, node.dtype.kind)


def _power(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    exponent = args[1].value
    if exponent == 1 and args[0].shape == node.shape:
        return args[0]
    if exponent == 2 and args[0].shape == node.shape:
        return _make("square", args[:1], (), node.shape, node.dtype.kind)
    return None


def _same(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    return args[0] if args[0].shape == node.shape else None


def _transpose(node: GraphNode, args: tuple[Term, ...]) -> Term | None:
    (a,) = args
    outer, inner = _axes(node.params), _axes(a.params) if a.op == "transpose" else None
    if outer is None or inner is None:
        return None
    return a.args[0] if all(inner[i] == n for n, i in enumerate(outer)) else None


def _axes(params: tuple[Param, ...]) -> tuple[int, ...] | None:
    return next((p.value for p in params if p.name == "axes" and isinstance(p.value, tuple)), None)


def _softmax_pullback(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Write out (g - Σ g y) y, which one op computes."""
    g, y = args
    axis = node.params[0].value % len(node.shape)
    reduced = tuple(1 if i == axis else n for i, n in enumerate(node.shape))
    along = Param("axis", f"({axis},)", (axis,)), Param("keepdims", "True", True)
    total = _make("sum", (_plain("multiply", g, y),), along, reduced, g.kind)
    return _plain("multiply", _plain("subtract", g, total), y)


def _gelu_pullback(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Write out g (Φ(x) + x φ(x)), which one op computes, with Φ and φ of the normal distribution."""
    x, g = args
    below = _plain("multiply", number(0.5), _plain("erfc", _plain("multiply", x, number(-math.sqrt(0.5)))))
    bell = _plain("exp", _plain("multiply", _plain("multiply", number(-0.5), x), x))
    dense = _plain("multiply", _plain("multiply", number(1 / math.sqrt(2 * math.pi)), x), bell)
    return _plain("multiply", g, _plain("add", below, dense))


def _direction(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Write out x / hypot(x, y), for which one op knows the limits."""
    return _plain("divide", args[0], _plain("hypot", *args))


def _turning(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Write out x / (x² + y²), as in `_direction`."""
    squares = [_plain("multiply", a, a) for a in args]
    return _plain("divide", args[0], _plain("add", *squares))


def _silu_slope(node: GraphNode, args: tuple[Term, ...]) -> Term:
    """Write out σ(x) (1 + x (1 - σ(x))), which one op computes."""
    (x,) = args
    s = _plain("sigmoid", x)
    rest = _plain("multiply", x, _plain("subtract", number(1), s))
    return _plain("multiply", s, _plain("add", number(1), rest))


_SIMPLER: Mapping[str, Callable[..., Term | None]] = by_name(
    {
        ops.elementwise_activations.silu_slope: _silu_slope,
        ops.trig.turning: _turning,
        ops.trig.direction: _direction,
        ops.softmax.softmax_pullback: _softmax_pullback,
        ops.gelu.gelu_pullback: _gelu_pullback,
        ops.selection.where: _where,
        ops.matrix_products.matmul: _matmul,
        ops.index.getitem: _getitem,
        ops.shape.transpose: _transpose,
        ops.arith.conjugate: lambda node, args: args[0].args[0] if args[0].op == "conjugate" else None,
        ops.arith.power: _power,
        ops.arith.negative: lambda node, args: None if args[0].value is None else number(-args[0].value),
        ops.arith.positive: _same,
        ops.shape.copy: _same,
        ops.zero_mask.zero_mask: _same,
        # A truth value counts as 0 or 1 wherever a number is expected.
        ops.shape.astype: lambda node, args: args[0] if args[0].kind == "b" or args[0].value is not None else None,
        ops.arith.reciprocal: lambda node, args: _make("divide", (ONE, *args), (), node.shape, node.dtype.kind),
        ops.shape.reshape: _same,
        ops.shape.broadcast_to: _same,
    }
)

# ---- the cotangent in front -----------------------------------------------------------------------------------------


def _factor(op: str, args: tuple[Term, ...], params: tuple[Param, ...], shape: Shape) -> tuple[Term | None, ...]:
    """Write a term with the cotangent in it as carrier * local; (None, None) if it is only its own carrier."""
    first, *rest = args
    other = rest[0] if rest else ONE
    if op == "negative":
        return first.carrier, _times(number(-1), first.local)
    if op == "multiply" and not (first.has_g and other.has_g):
        a, b = (first, other) if first.has_g else (other, first)
        return a.carrier, _times(a.local, b)
    if op == "divide" and first.has_g and not other.has_g:
        return first.carrier, _over(first.local, other)
    if op in ("add", "subtract") and first.has_g and other.has_g and first.carrier is other.carrier:
        local = _plain(op, first.local, other.local)
        return first.carrier, local
    if op in ("broadcast_to", "reshape") and not first.local.shape and first.local is not ONE:
        return _make(op, (first.carrier,), params, shape, first.kind), first.local
    return None, None


def _plain(op: str, *args: Term) -> Term:
    shape = np.broadcast_shapes(*(a.shape for a in args))
    return _make(op, args, (), shape, "f")


def _times(a: Term, b: Term) -> Term:
    return b if a is ONE else a if b is ONE else _plain("multiply", a, b)


def _over(a: Term, b: Term) -> Term:
    return a if b is ONE else _plain("divide", a, b)


def gate(term: Term) -> Term | None:
    """Return the factor of the carrier in a choice between multiples of the cotangent."""
    if not term.has_g:
        return None
    if term.op != "where" or term.args[0].has_g:
        return term.local
    chosen = [_slope(a) for a in term.args[1:]]
    return None if None in chosen else _plain("where", term.args[0], *chosen)  # type: ignore[arg-type]


def _slope(term: Term) -> Term | None:
    if not term.has_g:
        return term if term.value == 0 else None
    return gate(term)


# ---- products -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Product:
    """A product with everything in its place.

    Attributes:
        negative: whether there is a minus in front.
        above: the factors with their powers, in order.
        below: the same for what they are divided by.
    """

    negative: bool
    above: tuple[tuple[Term, int], ...]
    below: tuple[tuple[Term, int], ...]


# Flattening stops here: products in rules are short, unless they were never meant to be read.
_STEPS = 100


def product_of(term: Term) -> Product:
    """Flatten a product, with the carrier of the cotangent in front."""
    negative, above, below = False, _Powers(), _Powers()
    stack, steps = [(term, 1)], 0
    while stack:
        t, power = stack.pop()
        steps += 1
        if steps > _STEPS and t is not term:
            (above if power > 0 else below).add(t, abs(power))
        elif t.has_g and t._carrier is not None:
            stack += [(t.local, power), (t.carrier, power)]
        elif t.op == "multiply":
            stack += [(t.args[1], power), (t.args[0], power)]
        elif t.op == "divide":
            stack += [(t.args[1], -power), (t.args[0], power)]
        elif t.op == "negative":
            negative ^= bool(power % 2)
            stack.append((t.args[0], power))
        elif t.op == "square":
            stack.append((t.args[0], 2 * power))
        elif _is_minus(t):
            negative ^= bool(power % 2)
            if t.value != -1:
                (above if power > 0 else below).add(number(-t.value), abs(power))
        elif t.value is None or t.value != 1:
            (above if power > 0 else below).add(t, abs(power))
    return Product(negative, above.factors(), below.factors())


def _is_minus(term: Term) -> bool:
    return isinstance(term.value, (int, float)) and not isinstance(term.value, bool) and term.value < 0


class _Powers(dict[Any, Any]):
    """Factors in order of appearance, with equal ones merged."""

    def add(self, term: Term, power: int) -> None:
        key = term.leaf or (("number", repr(term.value)) if term.value is not None else id(term))
        before = self.get(key)
        self[key] = (term, power + (before[1] if before else 0))

    def factors(self) -> tuple[tuple[Term, int], ...]:
        return tuple(self.values())


# ---- shapes ---------------------------------------------------------------------------------------------------------


def expansion(before: Shape, after: Shape) -> tuple[bool, ...] | None:
    """Return where a reshape inserts axes of length 1, as a flag for each axis of the result; None if it does more.

    Example:
        >>> expansion((3, 2), (3, 1, 2))
        (False, True, False)
    """
    flags: list[bool] = []
    old = list(before)
    spare = len(after) - len(before)
    for n in after:
        if old and old[0] == n and not (n == 1 and spare):
            old.pop(0)
            flags.append(False)
        elif n == 1 and spare:
            spare -= 1
            flags.append(True)
        else:
            return None
    return None if old else tuple(flags)


def narrow(term: Term) -> Term:
    """Return a term without its outermost broadcast, where broadcasting happens anyway."""
    inner = _narrow(term.op, term.args, term.shape)
    return term if inner is None else inner


def _narrow(op: str, args: tuple[Term, ...], shape: Shape) -> Term | None:
    if op not in ("broadcast_to", "reshape"):
        return None
    (inner,) = args
    if op == "broadcast_to":
        deeper = _narrow(inner.op, inner.args, inner.shape) if inner.op == "reshape" else None
        return inner if deeper is None else deeper
    new = expansion(inner.shape, shape)
    return inner if new is not None and True not in new[new.count(True) :] else None


def thin_shape(terms: Sequence[Term]) -> Shape:
    """Return the shape of elementwise work on terms before they are spread."""
    shapes = {t.thin for t in terms}
    return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)


def can_narrow(terms: Sequence[Term], shape: Shape | None) -> list[bool]:
    """Return which terms need not be spread for elementwise work to give that shape; None if any shape will do."""
    free = [False] * len(terms)
    shapes = [t.shape for t in terms]
    for i, t in enumerate(terms):
        shape_of_t, shapes[i] = shapes[i], t.thin
        free[i] = shape is None or np.broadcast_shapes(*shapes) == shape
        shapes[i] = t.thin if free[i] else shape_of_t
    return free
