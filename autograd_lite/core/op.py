"""The op record: one record holds every fact about one operation, and the tables in `ops/` are made of records.

Vocabulary of the rules, the same in every table: `g` is the incoming cotangent, `out` the result, `x, y` the inputs;
parameters are keywords. A rule is plain NumPy and is called with plain arrays in a first-order backward pass, and with
Tensors when the backward pass is itself recorded. So it never changes an array, never branches on a value, and uses
nothing beyond NumPy's protocols. The engine sums a rule's result to the shape of the input, casts it to its dtype and
accumulates, so that rules need not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from ..native.kernels import FASTEST, KERNELS, kernel
from . import batching
from .batching import BatchRule
from .duck_arrays import move_constants
from .frozen import Frozen
from .messages import misfit
from .op_tables import Table
from .rewrites import Rewrite
from .shape_arithmetic import ShapeDtype, expand_reduced, reduced_shape
from .traceback_folding import fold_error

OPS: Table[str, Op] = Table()
BY_UFUNC: Table[np.ufunc, Op] = Table()
BY_FUNCTION: Table[Callable[..., Any], Op] = Table()
COMPOSED: Table[Callable[..., Any], Callable[..., Any]] = Table()


class Kind(Enum):
    """The form of a rule, which decides how the engine applies it."""

    UNIT = "the cotangent passes unchanged"
    CONSTANT = "times a number"
    PARTIAL = "times the local partial derivative d(out, *inputs)"
    GATE = "as PARTIAL, with a mask for d: the cotangent where it is True, else exactly 0, even if the cotangent is inf"
    APPLIED = "the partial already applied, f(g, out, *inputs): linear in g and elementwise, so it serves vjp and jvp"
    REDUCED = "as PARTIAL, with g and out given back their reduced axes"
    VJP = "a vector-Jacobian product f(g, out, *inputs)"
    READ = "the cotangent of the input itself: the result of a rule that has been applied already"
    TOTAL = "as READ, with the input's cotangent so far added already"


class Rule(Frozen):
    """The derivative of an op with respect to one input.

    Attributes:
        kind: the form of `value`.
        value: a number or a function; see `Kind`.
        reads: the arrays that it reads: 0 for `out`, `i + 1` for input `i`. Only these are saved.
    """

    kind: Kind
    value: Any
    reads: frozenset[int] = frozenset()


class Read:
    """A `Rule` of the kind READ, cheaper to create."""

    __slots__ = ("value",)
    kind = Kind.READ

    def __init__(self, value: Any) -> None:
        self.value = value


class Total(Read):
    """A `Read` of the kind TOTAL."""

    __slots__ = ()
    kind = Kind.TOTAL


def read_rule(rule: Rule | Read, g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply a rule to arrays of any kind: the definition of each `Kind`."""
    if rule.kind is Kind.UNIT:
        return g
    if isinstance(rule, Read) or rule.kind is Kind.READ:
        return rule.value
    if rule.kind is Kind.CONSTANT:
        return g * rule.value
    if rule.kind is Kind.PARTIAL or rule.kind is Kind.GATE:
        return g * rule.value(*saved, **params)
    if rule.kind is Kind.REDUCED:
        rest = {name: value for name, value in params.items() if name != "keepdims"}
        shape, axis, keepdims = saved[1].shape, params["axis"], params["keepdims"]
        out = expand_reduced(saved[0], shape, axis, keepdims) if 0 in rule.reads else saved[0]
        return expand_reduced(g, shape, axis, keepdims) * rule.value(out, *saved[1:], **rest)
    return rule.value(g, *saved, **params)


class WrongCount(Exception):
    """Raised where a rule returns the wrong number of cotangents."""


def _wrong_count(rule: Callable[..., Any], cotangents: Sequence[Any], expected: int) -> WrongCount:
    name = getattr(rule, "__qualname__", repr(rule))
    return WrongCount(f"{name} was to return {expected} cotangents, one for each input; received {len(cotangents)}")


class EachInput(Frozen):
    """The rules of an op of any number of inputs, indexed like a tuple of them."""

    vjp_of: Callable[[int], Callable[..., Any]]
    together: Callable[..., Sequence[Any]] | None = None  # all their cotangents at once; the engine prefers it
    totals: bool = False  # whether `together` takes the cotangents so far, `so_far=`, and may add to them itself
    # The cotangents of some inputs at once, `(needs, g, saved, params)`, and with `totals` `so_far` and `masks`, see
    # `at_once`; the engine prefers it to all others.
    asked: Callable[..., Sequence[Any]] | None = None
    reads: frozenset[int] = frozenset()  # as in `Rule`, whichever cotangents are asked for

    def __getitem__(self, i: int) -> Rule:
        return Rule(Kind.VJP, self.vjp_of(i), self.reads)

    def at_once(
        self,
        g: Any,
        saved: tuple[Any, ...],
        params: dict[str, Any],
        needs: tuple[int, ...],
        so_far: dict[int, Any] | None = None,
        masks: bool = True,
    ) -> dict[int, Rule | Read | None]:
        """Apply the rules for several inputs, in time linear in their number.

        Args:
            g, saved, params: of the node.
            needs: the inputs whose cotangents are needed.
            so_far: the cotangents so far, of inputs that have one already. An op with many steps, such as a loop, adds
                its contributions one by one, as the steps would, and removes from the dict the inputs that it has not
                added to.
            masks: whether NaN is masked where a cotangent is 0, for such an op.
        """
        totals = self.totals and so_far is not None
        if self.asked is not None:
            more = (so_far, masks) if self.totals else ()
            cotangents = self.asked(needs, g, saved, params, *more)
            if len(cotangents) != len(needs):
                raise _wrong_count(self.asked, cotangents, len(needs))
            if so_far:
                return _readings(needs, dict(zip(needs, cotangents, strict=True)), so_far)
            return {i: None if r is None else Read(r) for i, r in zip(needs, cotangents, strict=True)}
        if self.together is None:
            return {i: Read(self.vjp_of(i)(g, *saved, **params)) for i in needs}
        cotangents = self.together(g, *saved, **params, so_far=so_far) if totals else self.together(g, *saved, **params)
        if len(cotangents) != len(saved) - 1:
            raise _wrong_count(self.together, cotangents, len(saved) - 1)
        if totals and so_far:
            return _readings(needs, cotangents, so_far)
        return {i: None if cotangents[i] is None else Read(cotangents[i]) for i in needs}


def _readings(needs: Sequence[int], cotangents: Any, so_far: dict[int, Any] | None) -> dict[int, Rule | Read | None]:
    if so_far:
        return {i: None if cotangents[i] is None else (Total if i in so_far else Read)(cotangents[i]) for i in needs}
    return {i: None if cotangents[i] is None else Read(cotangents[i]) for i in needs}


def jointly(vjps: Callable[..., Sequence[Any]], totals: bool = False) -> EachInput:
    """Return the rules of an op that computes the cotangents of all its inputs at once."""
    return EachInput(lambda i: lambda *arrays, **params: vjps(*arrays, **params)[i], vjps, totals)


def by_need(
    asked: Callable[..., Sequence[Any]], reads: frozenset[int] = frozenset(), totals: bool = False
) -> EachInput:
    """Return the rules of an op that computes the cotangents of the inputs that need one; see `EachInput`."""
    one = lambda i: lambda g, *saved, **params: asked((i,), g, saved, params)[0]  # noqa: E731
    return EachInput(one, asked=asked, reads=reads, totals=totals)


class Op(Frozen):
    """One operation and every fact about it.

    Attributes:
        name: NumPy's name where NumPy has one, otherwise the field's.
        forward: arrays positional, parameters by keyword, one array out.
        rules: one `Rule` or None (no derivative) for each array input; `EachInput` for an op that takes any
            number of arrays; None when the op has no derivative at all.
        infer: the shape rule, `ShapeDtype`s and parameters in, `ShapeDtype` out, no data touched.
        bind: NumPy's signature in, `(array inputs, canonical parameters)` out; None when there are only arrays.
        ufunc: the ufunc that this op is; `forward` is it too, or one with faster loops.
        numpy_functions: other NumPy functions that call this op, with `bind`'s signature.
        linear: linear in all its array inputs jointly, so that its jvp is the op itself.
        multilinear: linear in each array input while the others are held, as a product; its jvp follows from that.
        jvp: `f(tangents, out, *inputs, **params)`, the tangent of `out`; a tangent is None where it is zero. Stated
            only where neither partials nor linearity give it; without it two vjps are used.
        value_and_jvp: `f(tangents, *inputs)`, the results and their tangents in one run, of an op that must not run
            twice, since it draws random numbers or is observed.
        batch: the batching rule, see `batching`; without it the examples go one by one.
        holomorphic: on complex inputs, differentiable in the complex sense. The rule of an op that is not (abs, real,
            conj) must define its cotangent: for a real loss L and x = a + ib a cotangent inside the engine is
            dL/da - i dL/db, the conjugate of the gradient that users see, so that holomorphic rules need no conjugate.
        selects: may drop values, so that a NaN in the inputs need not show in the result; see the masks in the engine.
        domain: per input, the values for which the op is defined: any, positive, unit, nonzero, …
        kinks: the points where it is not differentiable, as text.
        cost: FLOPs: per element of the largest of the inputs and the result, or a function of the shapes of the inputs,
            the shape of the result and the parameters, see `ir.flops`; None if unknown, which counts as 1.
        commutes: whether the order of its inputs does not matter.
        glyph: its symbol in pictures.
        onnx: the ONNX operator it maps to, if there is one.
        keeps: for each set of inputs that need a gradient, which of `(out, *inputs)` are saved; empty for `EachInput`.
        view: whether the result lies in the memory of the first input, or a function of that input's shape and dtype
            and of the parameters that decides; for arrays among them it may get anything that has a `shape`.
        results: for an op that returns a tuple of arrays, their number, or a function of the parameters that gives it.
            Its rules get a tuple of cotangents `g`, None where a result has none, and a tuple `out`; `infer` and `jvp`
            return tuples too, and so does `batch`.
        result_names: the names of the results, such as "Q" and "R", if they have names.
        put: `put(x, y, **params)`, x with y at the elements that `op(x, **params)` reads; for an op whose results are
            views of x in NumPy, through which x can be written.
        depends: `(i, inputs, out, **params) -> (indptr, members)`: the elements of input i that each element of the
            result may depend on, in CSR, by the `ShapeDtype`s; for large ops that are neither dense nor structural.
        rewrites: expressions with this op outermost that another expression equals, see `rewrites`.
        c: the ufunc's loop as an expression of C, equal to the bit, or expressions by the kinds of dtypes that they
            are for, as "fc"; "" where the loop is called. See `compiler.c_code.expressions` for the names in braces.
    """

    _unguarded: ClassVar[tuple[str, ...]] = ("forward", "infer", "bind")  # run at every replay, or depend on shapes

    name: str
    forward: Callable[..., Any]
    rules: tuple[Rule | None, ...] | EachInput | None
    infer: Callable[..., Any]
    bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    ufunc: np.ufunc | None = None
    numpy_functions: tuple[Callable[..., Any], ...] = ()
    linear: bool = False
    multilinear: bool = False
    jvp: Callable[..., Any] | None = None
    value_and_jvp: Callable[..., tuple[Sequence[Any], Sequence[Any]]] | None = None
    batch: BatchRule | None = None
    holomorphic: bool = True
    selects: bool = False
    domain: tuple[str, ...] = ()
    kinks: str = ""
    cost: float | Callable[..., float] | None = None
    commutes: bool = False
    glyph: str = ""
    onnx: str = ""
    keeps: tuple[tuple[bool, ...], ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    view: bool | Callable[..., bool] = False
    put: Callable[..., Any] | None = None
    depends: Callable[..., Any] | None = None
    results: int | Callable[..., int] | None = None
    result_names: tuple[str, ...] = ()
    c: str | Mapping[str, str] = ""

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        """Apply the op to arrays, or let an input's `__apply_op__` do so (Tensors record the call)."""
        for x in inputs:
            hook = getattr(x, "__apply_op__", None)
            if hook is not None:
                try:
                    return hook(self, inputs, params)
                except Exception as error:
                    __tracebackhide__ = True
                    raise fold_error(error)  # noqa: B904 it is the error itself
        try:
            return self.forward(*inputs, **params)
        except Exception as error:
            if (placed := move_constants(inputs)) is not None:
                return self(*placed, **params)
            raise misfit(self, inputs, params, error) from None

    def rule(self, i: int) -> Rule | None:
        """Return the derivative rule for input `i`."""
        return None if self.rules is None else self.rules[i]

    def views(self, x: Any, params: dict[str, Any]) -> bool:
        """Return whether the result of a call lies in the memory of its first input."""
        return self.view if isinstance(self.view, bool) else self.view(x, **params)

    def result_text(self, index: int, whose: str = "") -> str:
        """Return the name of a result, or its number: "Q" or "[0]"; as a part of `whose`, "qr.Q" or "qr[0]"."""
        if index < len(self.result_names):
            return f"{whose}.{self.result_names[index]}" if whose else self.result_names[index]
        return f"{whose}[{index}]"

    @property
    def is_elementwise(self) -> bool:
        """True if each element of the result is computed from one element of each input."""
        return self.batch is batching.elementwise

    @property
    def differentiable(self) -> bool:
        """Whether the op has a derivative with respect to any input."""
        return self.rules is not None

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        return _op_named, (self.name,)


def _op_named(name: str) -> Op:
    return OPS[name]


# ---- constructors of ops, for the tables ----------------------------------------------------------------------------


class applied(Frozen):
    """Mark a partial that is cheaper, or safer, in applied form: `applied(lambda g, out, x, y: g / y)`.

    Args:
        values: the partial, `f(g, out, *inputs, **params)`, which returns the cotangent of one input: `g`, the
            cotangent of the result, times the derivative.
        named: the same by its name, `partial=f`.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> halve = ag.elementwise(lambda x: x / 2, applied(lambda g, out, x: g / 2), name="halve")
        >>> ag.grad(halve)(3.0)
        np.float64(0.5)
    """

    function: Callable[..., Any]


class gate(Frozen):
    """Mark a partial that is a mask: `gate(lambda out, x: out > 0)`."""

    function: Callable[..., Any]


def _reads(saves: str) -> frozenset[int]:
    return frozenset("oxyzuvwst".index(c) for c in saves)


def _elementwise_rule(partial: Any, saves: str) -> Rule | None:
    if partial is None:
        return None
    if isinstance(partial, applied):
        return Rule(Kind.APPLIED, partial.function, _reads(saves))
    if isinstance(partial, gate):
        return Rule(Kind.GATE, partial.function, _reads(saves))
    if callable(partial):
        return Rule(Kind.PARTIAL, partial, _reads(saves))
    return Rule(Kind.UNIT, 1) if partial == 1 else Rule(Kind.CONSTANT, partial)


def _per_input(saves: str | Sequence[str], n: int) -> Sequence[str]:
    return [saves] * n if isinstance(saves, str) else saves


def _keep_table(rules: Sequence[Rule | None]) -> tuple[tuple[bool, ...], ...]:
    """Return for each set of inputs that need a gradient (as a bit mask) which of `(out, *inputs)` must be saved."""
    n = len(rules)
    table = []
    for mask in range(1 << n):
        read = frozenset().union(*(r.reads for i, r in enumerate(rules) if r is not None and mask >> i & 1))
        table.append(tuple(k in read for k in range(n + 1)))
    return tuple(table)


def _register(op: Op) -> Op:
    if op.name in OPS.defined:
        raise ValueError(f"op '{op.name}' is defined twice")
    OPS[op.name] = op
    if op.ufunc is not None:
        BY_UFUNC[op.ufunc] = BY_UFUNC[FASTEST.get(op.ufunc, op.ufunc)] = op
    for function in op.numpy_functions:
        BY_FUNCTION[function] = op
    return op


def _broadcast_infer(forward: Callable[..., Any]) -> Callable[..., ShapeDtype]:
    """Broadcast the shapes; find the dtype by running the op on one element per input."""

    def infer(*specs: ShapeDtype, **params: Any) -> ShapeDtype:
        shape = np.broadcast_shapes(*(s.shape for s in specs))
        with np.errstate(all="ignore"):
            dtype = np.asarray(forward(*(np.ones(1, s.dtype) for s in specs), **params)).dtype
        return ShapeDtype(shape, dtype)

    return infer


def elementwise(
    function: np.ufunc | Callable[..., Any],
    *partials: Any,
    name: str | None = None,
    saves: str | Sequence[str] = "",
    bind: Callable[..., Any] | None = None,
    **facts: Any,
) -> Op:
    """Define an elementwise op by its local partial derivatives, one for each input.

    Args:
        function: the ufunc, or a function of arrays that broadcasts like one.
        partials: for each input a number, a function `d(out, *inputs, **params)`, the same in `applied` form
            or as a `gate`, or None for an input that no gradient flows to.
        name: the op's name; a ufunc brings its own.
        saves: which arrays the partials read, of "o" (out), "x", "y", "z", "u", "v"; one string for all, or one each.
        bind: see `Op`.
        facts: further fields of `Op`.
    """
    ufunc = function if isinstance(function, np.ufunc) else None
    rules = tuple(_elementwise_rule(p, s) for p, s in zip(partials, _per_input(saves, len(partials)), strict=True))
    facts = {"batch": batching.elementwise, "cost": 1, **facts}
    return _register(
        Op(
            name=name or function.__name__,
            forward=function if ufunc is None else FASTEST.get(ufunc, ufunc),
            rules=rules,
            infer=_broadcast_infer(function),
            bind=bind,
            ufunc=ufunc,
            keeps=_keep_table(rules),
            **facts,
        )
    )


def nondifferentiable(
    function: np.ufunc | Callable[..., Any],
    *,
    name: str | None = None,
    infer: Callable[..., Any] | None = None,
    **facts: Any,
) -> Op:
    """Define an op that is recorded but has no derivative: comparisons, tests, integer arithmetic, argmax."""
    ufunc = function if isinstance(function, np.ufunc) else None
    if infer is None:
        facts = {"batch": batching.elementwise, "cost": 1, **facts}
    op = Op(name or function.__name__, function, None, infer or _broadcast_infer(function), ufunc=ufunc, **facts)
    return _register(op)


def reduction(
    name: str,
    forward: Callable[..., Any],
    partial: Any,
    *,
    saves: str = "",
    **facts: Any,
) -> Op:
    """Define a reduction over `axis` (canonical: None or a tuple) by its local partial derivatives.

    Args:
        name: the op's name.
        forward: `f(x, *, axis, keepdims, **params)`.
        partial: `d(out, x, *, axis, **params)` with `out` broadcastable against `x`, or `structural`'s vjp in
            `applied` form for a sum that needs no partial.
        saves: of "o", "x".
        facts: further fields of `Op`.
    """
    facts = {"batch": batching.reduction, "cost": 1, **facts}
    rule = Rule(Kind.VJP, partial.function, _reads(saves)) if isinstance(partial, applied) else None
    rules = (rule or Rule(Kind.REDUCED, partial, _reads(saves)),)

    def infer(x: ShapeDtype, *, axis: Any, keepdims: bool, **params: Any) -> ShapeDtype:
        with np.errstate(all="ignore"):
            one = forward(np.ones((1,) * x.ndim, x.dtype), axis=axis, keepdims=keepdims, **params)
        return ShapeDtype(reduced_shape(x.shape, axis, keepdims), np.asarray(one).dtype)

    return _register(Op(name, forward, rules, infer, keeps=_keep_table(rules), **facts))


def structural(
    name: str,
    forward: Callable[..., Any],
    *vjps: Callable[..., Any] | None,
    infer: Callable[..., Any],
    saves: str | Sequence[str] = "",
    together: Callable[..., Sequence[Any]] | None = None,
    asked: Callable[..., Sequence[Any]] | None = None,
    **facts: Any,
) -> Op:
    """Define an op by its vector-Jacobian products.

    Args:
        name: the op's name.
        forward: arrays positional, parameters by keyword.
        vjps: for each input `f(g, out, *inputs, **params)`, or None. An array that is not in `saves` arrives as
            its edge, which has `shape`, `dtype`, `ndim` and `size` but no values.
        infer: the shape rule.
        saves: as in `elementwise`.
        together: instead of `vjps`, for an op of any number of inputs: one function that returns all their cotangents.
        asked: instead of `vjps`, one that returns those of some inputs; see `EachInput`.
        facts: further fields of `Op`.
    """
    if together is not None:
        return _register(Op(name, forward, jointly(together), infer, **facts))
    if asked is not None:
        return _register(Op(name, forward, by_need(asked, _reads("".join(saves))), infer, **facts))
    rules = tuple(
        None if f is None else Rule(Kind.VJP, f, _reads(s))
        for f, s in zip(vjps, _per_input(saves, len(vjps)), strict=True)
    )
    return _register(Op(name, forward, rules, infer, keeps=_keep_table(rules), **facts))


def composes(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function, written in plain NumPy, as the implementation of NumPy functions for Tensors."""

    def register(composed: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            COMPOSED[function] = composed
        return composed

    return register


def fuse(name: str, expression: Callable[..., Any]) -> Callable[..., Any]:
    """Return the kernel that computes an expression of arrays in one pass, or the expression if there is no kernel.

    Args:
        name: the name of the kernel, which gives the same bits as the expression.
        expression: runs on Tensors, and without a kernel on arrays.
    """
    if name in KERNELS:
        COMPOSED[KERNELS[name]] = expression
    return kernel(name, expression)
