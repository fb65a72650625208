"""`check_op`: all the laws that our own ops are held to, for an op of yours."""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.docstrings import arguments_from
from ..core.messages import checked
from ..core.op import EachInput, Kind, Op
from ..core.shape_arithmetic import ShapeDtype, normalize_axes, normalize_axis
from . import laws
from .arrays import arrays_for, axes, axis, broadcastable_shapes, indices, shapes as shape_of_one, signature_shapes
from .blame import users_rule
from .deferred import composite, hypothesis, st
from .rows import Inconclusive, PropertyError, Row, Setting, as_row
from .tracebacks import plainly

# ---- what the record says about arguments ---------------------------------------------------------------------------


Shape = tuple[int, ...]
ParamStrategy = Callable[[list[np.ndarray]], Any]


@composite
def arguments(
    draw: Any,
    op: Op,
    *,
    shapes: Any = None,
    domain: Any = None,
    params: Mapping[str, Any] | None = None,
    kinks: str = "avoid",
    min_side: int = 1,
    extent: float = 8,
) -> Row:
    """Draw arguments for an op: arrays in its domain, of shapes that fit, and parameters.

    Args:
        op: the record.
        shapes: a signature such as "(n,k),(k,m)", a strategy for a tuple of shapes, or None: shapes that broadcast
            together for an elementwise op, any shape for a reduction, what the ufunc's signature says if it has one.
        domain: one, or a list with one for each input, instead of the record's; see `arrays`.
        params: parameters: a value, a strategy, or a function of the list of drawn arrays that returns either. Those
            of common names (axis, keepdims, index, …) are known.
        kinks: "avoid" (nowhere near a kink, tie or jump), "seek" (on them), or "any" (on them in a tenth of the draws).
        min_side: 0 to draw empty arrays as well.
        extent: the largest size of a number, where the domain is a named one.

    Raises:
        TypeError: if a parameter has neither a default nor a known strategy.

    Example:
        >>> from hypothesis import find
        >>> from autograd_lite.ops import trig
        >>> len(find(arguments(trig.sin), lambda row: True).inputs)
        1
    """
    if kinks not in ("avoid", "seek", "any"):
        raise ValueError(f"arguments: expected kinks among avoid, seek, any; received {kinks!r}")
    seek = kinks == "seek" or (kinks == "any" and draw(st.integers(0, 9)) == 9)
    has_kinks = bool(op.kinks or op.selects or _is_step(op))
    place = "seek" if seek else kinks if has_kinks else "any"
    drawn_shapes = draw(_shapes(op, shapes, min_side))
    domains = _domains(op, domain, len(drawn_shapes), place)
    inputs = draw(arrays_for(drawn_shapes, domains, kinks=place, extent=extent))
    if place == "avoid" and "x / y" in op.kinks:
        # Odd eighths over powers of two are never integers.
        powers = st.sampled_from([1.0, -1.0, 2.0, -2.0, 0.5, -0.5])
        inputs[1:] = [draw(arrays_for([a.shape], [powers]))[0] for a in inputs[1:]]
    parameters = {name: draw(_as_strategy(find(inputs))) for name, find in _parameters(op, params or {}).items()}
    if op.name in _OWN_INPUTS:
        inputs = _OWN_INPUTS[op.name](inputs, parameters)
    # The words of a record are a contract; a user who asks for symmetric numbers has not signed it.
    symmetric = () if domain is not None else tuple(i for i, word in enumerate(op.domain) if word in _SYMMETRIC)
    row = Row(tuple(inputs), parameters, symmetric=symmetric)
    hypothesis.assume(_fits(op, row))
    return row


def _fits(op: Op, row: Row) -> bool:
    """Return whether the shape rule takes these arguments, and so does the op where the record cannot tell."""
    try:
        op.infer(*(ShapeDtype(a.shape, a.dtype) for a in row.inputs), **row.params)
        is_sure = op.batch in (batching.elementwise, batching.reduction) and op.name not in _PARAMS_OF_OPS
        if not is_sure or not all(a.size for a in row.inputs):
            with np.errstate(all="ignore"):
                op.forward(*row.inputs, **row.params)
    except (ValueError, IndexError, TypeError, ZeroDivisionError, np.linalg.LinAlgError, RuntimeWarning):
        return False
    return True


# ---- shapes and domains ---------------------------------------------------------------------------------------------


def count_inputs(op: Op) -> int | None:
    """Return how many arrays an op takes, or None if any number."""
    if op.ufunc is not None:
        return op.ufunc.nin
    if isinstance(op.rules, EachInput):
        return None
    if op.rules is not None:
        return len(op.rules)
    parameters = _signature(op)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _signature(op: Op) -> list[inspect.Parameter]:
    return list(inspect.signature(op.forward).parameters.values())


def _shapes(op: Op, choice: Any, min_side: int) -> Any:
    choice = _OWN_SHAPES.get(op.name) if choice is None else choice
    if isinstance(choice, str):
        return signature_shapes(choice, loops=False, min_side=min_side)
    if choice is not None:
        return choice if hasattr(choice, "example") else st.just(tuple(choice))
    if op.ufunc is not None and op.ufunc.signature:
        return signature_shapes(op.ufunc.signature, min_side=min_side, max_loop_dims=1)
    n = count_inputs(op)
    if n is None:
        return st.integers(1, 3).flatmap(lambda k: shape_of_one(1, 2, min_side).map(lambda shape: (shape,) * k))
    return broadcastable_shapes(n, min_side=min_side, max_dims=3 if n == 1 else 2)


def _domains(op: Op, choice: Any, n: int, place: str) -> list[Any]:
    if choice is not None:
        return list(choice) if isinstance(choice, list) else [choice] * n
    stated = [_ALSO.get(word, word) for word in _OWN_DOMAINS.get(op.name, op.domain)] or ["any"]
    stated += stated[-1:] * (n - len(stated))
    stated = ["int" if _takes_no_floats(op, i) else domain for i, domain in enumerate(stated[:n])]
    # A tie or a jump lies between values that are equal or on the grid.
    return ["distinct" if place == "avoid" and domain == "any" else domain for domain in stated]


_INVERTED = ("inv", "det", "slogdet", "cofactor", "inverse_or_limit")
_OWN_SHAPES = {"solve": "(n,n),(n,m)", "cholesky": "(n,n)"} | dict.fromkeys(_INVERTED, "(n,n)")
_OWN_DOMAINS: dict[str, tuple[str, ...]] = {
    "where": ("bool", "any", "any"),
    "solve": ("invertible", "any"),
    "cholesky": ("spd",),
} | dict.fromkeys(_INVERTED, ("invertible",))
_SYMMETRIC = ("symmetric", "positive definite", "spd")
# Other words for the same domains.
_ALSO = {"positive definite": "spd", "symmetric": "spd", "full rank": "invertible"}


def _takes_no_floats(op: Op, i: int) -> bool:
    """Return whether input `i` of a ufunc can only be an integer."""
    return op.ufunc is not None and not any(loop.partition("->")[0][i] == "d" for loop in op.ufunc.types)


def _is_step(op: Op) -> bool:
    """Return whether some derivative is zero everywhere."""
    rules = op.rules if isinstance(op.rules, tuple) else ()
    return any(rule is not None and rule.kind is Kind.CONSTANT and rule.value == 0 for rule in rules)


# ---- parameters -----------------------------------------------------------------------------------------------------


def _as_strategy(value: Any) -> Any:
    return value if hasattr(value, "example") else st.just(value)


def _always(value: Any) -> ParamStrategy:
    return lambda inputs: value


def _parameters(op: Op, params: Mapping[str, Any]) -> dict[str, ParamStrategy]:
    """Return for each parameter a function of the inputs that returns a strategy or a value."""
    strategies: dict[str, ParamStrategy] = {}
    special = _PARAMS_OF_OPS.get(op.name, {})
    named = [] if op.ufunc is not None else [p for p in _signature(op) if p.kind is p.KEYWORD_ONLY]
    for parameter in named:
        name = parameter.name
        if name in params:
            value = params[name]
            strategies[name] = value if callable(value) and not hasattr(value, "example") else _always(value)
        elif name in special:
            strategies[name] = special[name]
        elif name == "axis":
            strategies[name] = _canonical_axes if op.batch is batching.reduction else _one_axis
        elif name in _COMMON:
            strategies[name] = _COMMON[name]
        elif parameter.default is not parameter.empty:
            strategies[name] = _always(parameter.default)
        else:
            raise TypeError(
                f"arguments({op.name}): expected a value, a strategy or a function of the inputs for the parameter "
                f"{name!r}, of which nothing is known; pass params={{{name!r}: …}}"
            )
    return strategies


def _canonical_axes(inputs: list[np.ndarray]) -> Any:
    ndim = inputs[0].ndim
    return axes(ndim).map(lambda drawn: normalize_axes(drawn, ndim))


def _one_axis(inputs: list[np.ndarray]) -> Any:
    ndim = inputs[0].ndim
    hypothesis.assume(ndim > 0)
    return axis(ndim).map(lambda drawn: normalize_axis(drawn, ndim))


def _indices_of_first(inputs: list[np.ndarray]) -> Any:
    return indices(inputs[0].shape).map(lambda i: i if isinstance(i, tuple) else (i,))


def _widths(inputs: list[np.ndarray]) -> Any:
    width = st.tuples(st.integers(0, 2), st.integers(0, 2))
    return st.lists(width, min_size=inputs[0].ndim, max_size=inputs[0].ndim).map(tuple)


_COMMON: dict[str, ParamStrategy] = {
    "keepdims": lambda inputs: st.booleans(),
    "dtype": lambda inputs: None,
    "ddof": lambda inputs: 0,
    "decimals": lambda inputs: st.sampled_from([0, -1]),
    "index": _indices_of_first,
    "k": lambda inputs: st.integers(-2, 2),
    "offset": lambda inputs: st.integers(-2, 2),
    "upper": lambda inputs: st.booleans(),
}
_PARAMS_OF_OPS: dict[str, dict[str, ParamStrategy]] = {
    "leaky_relu": {"slope": lambda inputs: st.sampled_from([0.5, 0.01, 0.0])},
    "elu": {"alpha": lambda inputs: st.sampled_from([1.0, 0.5])},
    "reshape": {"shape": lambda inputs: st.permutations(inputs[0].shape).map(lambda s: (*s, 1))},
    "transpose": {"axes": lambda inputs: st.permutations(range(inputs[0].ndim)).map(tuple)},
    "broadcast_to": {"shape": lambda inputs: st.integers(1, 3).map(lambda n: (n, *inputs[0].shape))},
    "astype": {"dtype": lambda inputs: np.dtype("float64")},
    "pad": {"width": _widths, "value": lambda inputs: st.sampled_from([0.0, 1.5])},
    "array": {"shape": lambda inputs: (len(inputs),)},
    "concatenate": {"axis": _one_axis},
    "scatter_add": {"shape": lambda inputs: inputs[0].shape, "index": _indices_of_first},
}


def _index_result(inputs: list[np.ndarray], params: Mapping[str, Any]) -> np.ndarray:
    return np.array(inputs[0][params["index"]])


# Ops whose inputs must fit their parameters, or each other.
_OWN_INPUTS: dict[str, Callable[[list[np.ndarray], Mapping[str, Any]], list[np.ndarray]]] = {
    "scatter_add": lambda inputs, params: [_index_result(inputs, params)],
    "index_update": lambda inputs, params: [inputs[0], -_index_result(inputs, params)],
    "zero_mask": lambda inputs, params: [np.array(a) for a in np.broadcast_arrays(*inputs)],
}


# ---- check_op -------------------------------------------------------------------------------------------------------


# The one law about all rows together: an array that is declared must be read on some row.
IDLE = "reads no more"
LAWS: dict[str, Callable[[Setting], Any]] = {
    "value": laws.value,
    "infer": laws.infer,
    "reads": laws.reads,
    "writes": laws.writes,
    "raw": laws.raw,
    "scalars": laws.scalars,
    "strict": laws.strict,
    "first": laws.first,
    "linear in g": laws.linear_in_g,
    "float32": laws.float32,
    "tensors": laws.tensors,
    "engine": laws.engine,
    "layout": laws.layout,
    "linear": laws.linear,
    "tangent": laws.tangent,
    "batch": laws.batch,
    "selects": laws.selects,
    "second": laws.second,
    IDLE: laws.idle,
}
# Those that are not about rules; all others are looked at for a cotangent of each result, too, if there are several.
_OF_VALUES = ("value", "infer", "layout", "linear", "batch", "selects")
# Enough to see that a rule is wrong, and fast: nothing is recorded.
FIRST_ORDER = ("value", "infer", "reads", "writes", "raw", "strict", "first", IDLE)
# The names of exemptions in a row that stand for several laws.
_EXEMPTIONS = {"difference": ("first", "second", "linear", "tangent", "linear in g")}


@dataclasses.dataclass(frozen=True)
class OpReport:
    """What `check_op` found.

    Attributes:
        op: the op's name.
        laws: how often each law was looked at.
        faults: the laws that the op breaks, each with a text.
        seconds: how long it took.

    Example:
        >>> import autograd_lite as ag
        >>> double = ag.elementwise(lambda x: 2 * x, lambda out, x: 2.0, name="double")
        >>> check_op(double, [np.array([0.5, -2.0])]).ok
        True
    """

    op: str
    laws: Mapping[str, int]
    faults: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the op keeps every law."""
        return not self.faults

    def __repr__(self) -> str:
        rows = max(self.laws.values(), default=0)
        verdict = "\n".join(self.faults) or f"keeps all {len(self.laws)} laws"
        return f"{self.op}: {verdict} ({rows} rows, {self.seconds:.2g} s)"


@arguments_from(arguments)
@plainly
@checked
def check_op(
    op: Op,
    cases: Iterable[Any] | None = None,
    *,
    laws: Sequence[str] | None = None,
    examples: int = 20,
    shapes: Any = None,
    domain: Any = None,
    params: Mapping[str, Any] | None = None,
    raise_: bool = True,
) -> OpReport:
    """Hold an op record to the laws of our own tables: values, shape rule, raw rules, derivatives, modes, flags.

    The rules are looked at raw, before the engine repairs shapes and dtypes; those of an op of several results with a
    cotangent for each result alone, for every pair of them, and for all. The laws, in the order they are tried:

    - value, infer: the arrays that the op states, the same each time; the shape rule predicts their shapes and dtypes
    - reads, reads no more, writes: a rule reads the arrays of its `saves`, and no others; nothing is written
    - raw, scalars, float32: shape and dtype of a rule's result; NumPy scalars; precision in float32
    - strict, tensors, engine: a rule uses the protocols alone, and every reader gets the same bits
    - first, second, linear in g: derivatives against finite differences with error bars; linear in the cotangent
    - tangent, batch, layout: forward mode, batching rule and layouts of memory agree with the plain reading
    - linear, selects: the flags are true

    Args:
        op: the record.
        cases: rows: each a `Row`, an array, inputs in a tuple or list, or `(inputs, params)` with the parameters as
            `forward` takes them. Without them Hypothesis draws `strategies.arguments(op, …)`, away from kinks.
        laws: names of laws; all if None.
        examples: how many rows to draw where no cases are given.
        raise_: raise at the first fault; if False, collect one fault a law.

    Returns:
        A report.

    Raises:
        PropertyError: (an AssertionError) saying which law is broken, how, and on which row.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> gaussian = ag.elementwise(
        ...     lambda x: np.exp(-(x**2)), lambda out, x: -2 * x * out, name="gaussian", saves="ox"
        ... )
        >>> check_op(gaussian, [np.array([0.5, -1.0])]).ok
        True
    """
    names = tuple(LAWS) if laws is None else tuple(laws)
    unknown = [name for name in names if name not in LAWS]
    if unknown:
        raise ValueError(f"check_op: expected laws among {', '.join(LAWS)}; received {', '.join(map(repr, unknown))}")
    start = time.perf_counter()
    session = _Session(op, names, raise_, drawn=cases is None)
    if cases is not None:
        for case in cases:
            session.check(as_row(case, op))
    else:
        # Numbers of a moderate size: where a tanh is flat, its derivative is all rounding.
        rows = arguments(op, shapes=shapes, domain=domain, params=params, extent=2)
        _search(op, session.check, examples, rows)
    session.conclude()
    return OpReport(op.name, session.counts, tuple(session.faults.values()), time.perf_counter() - start)


class _Session:
    """One run of `check_op`: the rows that were looked at, and the faults that were found."""

    def __init__(self, op: Op, names: Sequence[str], raise_: bool, drawn: bool) -> None:
        self.op, self.names, self.raise_, self.drawn = op, names, raise_, drawn
        self.counts = dict.fromkeys(names, 0)
        self.faults: dict[str, str] = {}
        self._idle: set[tuple[int, int]] | None = None

    def check(self, row: Row) -> None:
        """Look at every law on one row."""
        try:
            setting = Setting(self.op, row)
        except Exception as error:  # forward itself fails
            self._blame(self.names[0], error, row)
            return
        for name in self.names:
            exempt = name in row.exempt or any(name in _EXEMPTIONS.get(other, ()) for other in row.exempt)
            if exempt or name in self.faults:
                continue
            self.counts[name] += 1
            for s in [setting] if name in _OF_VALUES else setting.by_results():
                try:
                    idle = LAWS[name](s)
                except Exception as error:
                    if isinstance(error, Inconclusive) and self.drawn:
                        hypothesis.reject()
                    self._blame(name, error, row)
                    break
                if name == IDLE and s.argnums:
                    self._idle = idle if self._idle is None else self._idle & idle

    def conclude(self) -> None:
        """Report what only all rows together show."""
        for i, k in sorted(self._idle or ()):
            array = "the result" if k == 0 else f"input {k - 1}"
            message = f"the rule for input {i} declares that it reads {array}, and does so on no row"
            self._blame(IDLE, PropertyError(message), None)

    def _blame(self, name: str, error: Exception, row: Row | None) -> None:
        message = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        text = f"op '{self.op.name}' breaks the law '{name}': {message}"
        if row is not None:
            text += f"\n  on        {row.label + ': ' if row.label else ''}{row!r}"
        if self.raise_:
            broken = PropertyError(text)
            rules = self.op.rules if isinstance(self.op.rules, tuple) else ()
            broken.places = list(filter(None, (users_rule(self.op, i) for i in range(len(rules)))))[:1]
            raise broken from (None if isinstance(error, AssertionError) else error)
        self.faults[name] = text


def repeatable(examples: int) -> Any:
    """Return settings of Hypothesis under which every run draws the same, and says nothing of its own."""
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        phases=[phase for phase in hypothesis.Phase if phase.name != "explain"],
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def _search(op: Op, check: Callable[[Row], None], examples: int, rows: Any) -> None:
    """Try drawn rows, the same in every run; the first that breaks a law is shrunk before it is shown."""

    def keeps_the_laws(row: Row) -> None:
        check(row)

    try:
        repeatable(examples)(hypothesis.given(row=rows)(keeps_the_laws))()
    except hypothesis.errors.Unsatisfiable:
        raise ValueError(
            f"check_op({op.name}): expected arguments that fit to be found; none of those drawn did. Pass cases=, or "
            'say what fits: shapes="(n,n),(n)", domain=["spd", "real"], params={…}'
        ) from None
