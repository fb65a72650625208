"""One line, one property test: a function's gradients, tried on many inputs that Hypothesis draws and shrinks."""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.docstrings import arguments_from
from ..core.node import user_source
from ..random import set_seed
from .arrays import MATRICES, arrays_for, broadcastable_shapes, signature_shapes, simplest
from .check import check_grads
from .deferred import composite, hypothesis, st
from .module import check_module
from .report import GradientMismatch, literal
from .rows import expression
from .tracebacks import standing_at, users_lines

Shape = tuple[int, ...]

# How many examples, and which; "default" leaves that to the Hypothesis profile that is loaded (100 if none is).
PROFILES: dict[str, dict[str, Any]] = {
    "quick": {"max_examples": 20},
    "default": {},
    "ci": {"max_examples": 200, "derandomize": True},
}
# Differences below are rounding, and those above passed because the finite difference is blurred: to climb from there
# would cost the variety of half the examples.
_TELLING = (1e-9, 1e-6)
_SIMPLEST = "the simplest that Hypothesis found to fail"


def property_test(
    f: Callable[..., Any],
    inputs: Any = None,
    *,
    domain: Any = "real",
    dtype: Any = np.float64,
    kwargs: Mapping[str, Any] | Callable[..., Mapping[str, Any]] | None = None,
    loops: bool = True,
    min_side: int = 1,
    seek_kinks: float = 0.1,
    profile: str | None = None,
    examples: int | None = None,
    name: str | None = None,
    **check: Any,
) -> Callable[[], None]:
    """Make a pytest function that checks the gradients of `f` on inputs that Hypothesis draws.

    Args:
        f: a function of arrays; it may return an array of any shape.
        inputs: what the arguments are: a number of arrays that broadcast together (by default as many as f must be
            given); a signature as of a generalized ufunc, "(n,k),(k,m)->(n,m)"; a list of shapes; or a strategy for
            a tuple of shapes. One array has any shape of 0 to 3 axes.
        domain: one, or a list with one for each argument; see `strategies`. "distinct" for functions that pick by
            rank (sort, median): at a tie they follow a convention that no difference quotient can confirm.
        dtype: of the floating arguments.
        kwargs: further arguments, a dict or a function of the drawn arrays that returns one; its values may be
            strategies: `kwargs=lambda x: dict(axis=gst.axis(x))`.
        loops: with a signature: whether arguments get leading axes as well, where f turns out to take them.
        min_side: 0 to try empty arrays as well.
        seek_kinks: which share of the examples is put on kinks, ties and zeros.
        profile: "quick" (20 examples), "default" (100, or what the loaded Hypothesis profile says) or "ci" (200, the
            same in every run); by default the environment variable AUTOGRAD_LITE_PROFILE, or "default".
        examples: how many examples, instead of the profile's.
        name: what the test calls itself.
        check: passed on to `check_grads`: order, wrt, rtol, kinks, …

    Returns:
        A function without arguments, which pytest collects under the name that it is assigned to. It raises
        `GradientMismatch` for the smallest, roundest inputs that were found to fail.

    Example:
        >>> test_product = property_test(lambda x, y: np.sin(x) * y, examples=10)
        >>> test_product()
    """
    called = name or _name_of(f)
    spec = Specification(f, inputs, domain, kwargs)
    strategy = functools.partial(
        calls,
        spec,
        name=called,
        dtype=dtype,
        kwargs=kwargs,
        loops=loops,
        min_side=min_side,
        seek=round(100 * seek_kinks),
    )

    def judge(call: Call) -> None:
        report = check_grads(f, *call.args, kwargs=call.kwargs or None, raise_=False, **check)
        _judge(report, call)

    digest = repr((getattr(f, "__module__", ""), getattr(f, "__qualname__", ""), inputs, domain, dtype, sorted(check)))
    return _as_test(judge, f, functools.partial(_as_assignments, f), called, digest, strategy, profile, examples)


def grad_property(inputs: Any = None, **options: Any) -> Callable[..., Any]:
    """Turn the decorated function into a property test of its own gradients.

    Args:
        inputs: what to draw, such as the signature "(n,k),(k)"; None for arrays that broadcast together.
        options: further arguments of `property_test`, such as `examples`.

    Example:
        >>> @grad_property("(n,k),(k)", examples=10)
        ... def test_scores(x, w):
        ...     return np.tanh(x @ w)
        >>> test_scores()
    """
    if callable(inputs) and not hasattr(inputs, "example"):
        return property_test(inputs, **options)
    return lambda f: property_test(f, inputs, **options)


@arguments_from(property_test)
def module_test(
    factory: Callable[[], Any],
    inputs: Any,
    *,
    domain: Any = (-2.0, 2.0),
    dtype: Any = np.float64,
    min_side: int = 1,
    seek_kinks: float = 0.0,
    profile: str | None = None,
    examples: int | None = None,
    name: str | None = None,
    **check: Any,
) -> Callable[[], None]:
    """Make a pytest function that checks the gradients of a module: of its inputs and of every named parameter.

    Args:
        factory: makes the module; called anew, with the default generator seeded, for every example.
        inputs: usually a signature, "(b,3)"; otherwise what `property_test` takes.
        domain: by default numbers of a size that does not saturate a tanh.
        dtype: of the inputs.
        name: what the test calls itself.
        check: passed on to `check_module`.

    Returns:
        A function without arguments that pytest collects.

    Example:
        >>> import nn
        >>> test_dense = module_test(lambda: nn.layers.Dense(2, dtype="float64"), "(b,3)", examples=3)
        >>> test_dense()
    """
    called = name or _name_of(factory)
    spec = Specification(factory, inputs, domain)
    arguments = functools.partial(
        calls, spec, name=called, dtype=dtype, kwargs=None, loops=False, min_side=min_side, seek=round(100 * seek_kinks)
    )

    def make(call: Call) -> Any:
        set_seed(call.kwargs["seed"])
        return factory()

    def describe(call: Call) -> str:
        module = make(call)
        f = getattr(module, "call", module)
        return f"module = {module!r}\n{_as_assignments(f, call)}"

    def judge(call: Call) -> None:
        module = make(call)
        report = check_module(module, *call.args, raise_=False, **check)
        _judge(report, call)

    digest = repr((getattr(factory, "__module__", ""), getattr(factory, "__qualname__", ""), inputs, domain, dtype))
    return _as_test(judge, factory, describe, called, digest, lambda: _with_seed(arguments()), profile, examples)


@composite
def _with_seed(draw: Any, arguments: Any) -> Call:
    call: Call = draw(arguments)
    return Call(call.name, call.args, {"seed": draw(st.integers(0, 1000))})


# ---- how a test is put together -------------------------------------------------------------------------------------


def _as_test(
    judge: Callable[[Call], None],
    f: Callable[..., Any],
    describe: Callable[[Call], str],
    name: str,
    digest: str,
    strategy: Callable[[], Any],
    profile: str | None,
    examples: int | None,
) -> Callable[[], None]:
    """Give a test its name, its place, its key in the database of examples, and its settings."""
    made_at = user_source()
    last: list[Call] = []  # Hypothesis ends with the simplest call that fails

    def test(call: Call) -> None:
        last[:] = [call]
        judge(call)

    def run() -> None:
        __tracebackhide__ = True
        with users_lines(made_at):
            try:
                wrapped()
            except Exception as error:
                with suppress(Exception):  # to make the module again may be what fails
                    _tell(error, describe(last[0]) if last else "")
                raise

    test.__name__ = test.__qualname__ = name if name.startswith("test") else f"test_{name}"
    test.__module__ = getattr(f, "__module__", None) or __name__
    test.__doc__ = f"The gradients of {name} are right."
    # Every test is made of the same function, so Hypothesis must be able to tell them apart.
    test._hypothesis_internal_add_digest = digest.encode()  # type: ignore[attr-defined]
    wrapped = _settings(profile, examples)(hypothesis.given(call=strategy())(test))
    runner: Callable[[], None] = functools.update_wrapper(run, wrapped)
    # Where pytest looks for the test: the line that made it, not ours.
    runner.__wrapped__ = f if made_at is None else standing_at(made_at)  # type: ignore[attr-defined]
    return runner


def _tell(error: Exception, drawn: str) -> None:
    """Let an error say which inputs were drawn, in place of Hypothesis's note about our own argument."""
    theirs = ("Failing test case", "Falsifying example")
    error.__notes__ = [note for note in getattr(error, "__notes__", []) if not note.startswith(theirs)]
    if isinstance(error, GradientMismatch):
        error.facts.insert(0, ("inputs", f"{drawn}\n({_SIMPLEST})"))
    elif drawn and not isinstance(error, hypothesis.errors.HypothesisException):
        error.__notes__.insert(0, f"inputs, {_SIMPLEST}:\n  {drawn}".replace("\n", "\n  "))


def _settings(profile: str | None, examples: int | None) -> Any:
    chosen = profile or os.environ.get("AUTOGRAD_LITE_PROFILE", "default")
    if chosen not in PROFILES:
        raise ValueError(f"property_test: expected a profile among {', '.join(PROFILES)}; received {chosen!r}")
    options = PROFILES[chosen] | ({} if examples is None else {"max_examples": examples})
    health = hypothesis.HealthCheck
    return hypothesis.settings(
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,  # true on CI services: a decorator for a test that the user cannot reach
        suppress_health_check=[health.too_slow, health.differing_executors],
        phases=[phase for phase in hypothesis.Phase if phase.name != "explain"],
        **options,
    )


def _name_of(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", type(f).__name__)
    return "function" if name == "<lambda>" else str(name)


def _as_assignments(f: Callable[..., Any], call: Call) -> str:
    """Return the arguments one by one, in a form that can be pasted."""
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {i}" for i in range(len(names), len(call.args))]
    pairs = [*zip(names, call.args, strict=False), *call.kwargs.items()]
    return "\n".join(f"{name} = {literal(value)}" for name, value in pairs)


def _judge(report: Any, call: Call) -> None:
    """Fail, or tell Hypothesis what kind of example it was and how near it came to failing."""
    entries = report.inputs.values()
    for label, seen in (
        ("a kink", any(e.n_kink for e in entries)),
        ("something inconclusive", any(e.n_inconclusive for e in entries)),
        ("an array without axes", any(np.ndim(a) == 0 for a in call.args)),
        ("an empty array", any(np.size(a) == 0 for a in call.args)),
    ):
        if seen:
            hypothesis.event(label)
    if report.failures:
        if report.failures[0].verdict == "inconclusive":
            # One point where finite differences say nothing, such as a flat tanh, is not a verdict on f. If most
            # are like that, Hypothesis fails the test because it finds nothing to try.
            hypothesis.reject()
        raise report.failures[0]
    worst = max((e.max_rel_err for e in entries), default=0.0)
    if _TELLING[0] < worst < _TELLING[1]:
        hypothesis.target(math.log10(worst), label="relative difference")


# ---- which arrays a function is tested with -------------------------------------------------------------------------


class Call:
    """A function with arguments; it prints as the call.

    Example:
        >>> Call("affine", (np.ones((1, 2)), np.array([0.5, 2.0])), {"axis": 0})
        affine([[1., 1.]], [0.5, 2.], axis=0)
    """

    __slots__ = ("args", "kwargs", "name")

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def __repr__(self) -> str:
        parts = [expression(a) for a in self.args] + [f"{k}={expression(v)}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(parts)})"


class Specification:
    """What `property_test` was told about the arguments of a function.

    Args:
        f: the function.
        inputs: see `property_test`.
        domain: see `property_test`.
        kwargs: see `property_test`.
    """

    def __init__(self, f: Callable[..., Any], inputs: Any, domain: Any, kwargs: Any = None) -> None:
        self.f = f
        self.inputs = _count(f, kwargs) if inputs is None else inputs
        many = isinstance(domain, list)
        self.domains: list[Any] = list(domain) if many else [domain] * (self.count() or 1)
        if self.count() not in (None, len(self.domains)):
            raise ValueError(
                f"property_test: expected one domain, or a list with one for each of {self.count()} arguments; "
                f"received {domain!r}"
            )
        self._loops: list[bool] | None = None

    def count(self) -> int | None:
        """Return how many arrays there are, or None where only the strategy knows."""
        if isinstance(self.inputs, int):
            return self.inputs
        if isinstance(self.inputs, str):
            return self.inputs.partition("->")[0].count("(")
        return None if hasattr(self.inputs, "example") else len(self.inputs)

    def shapes(self, *, loops: bool, min_side: int, kwargs: Mapping[str, Any]) -> Any:
        """Return a strategy for the shapes of all arguments."""
        if isinstance(self.inputs, int):
            return broadcastable_shapes(self.inputs, min_side=min_side, max_dims=3 if self.inputs == 1 else 2)
        if isinstance(self.inputs, str):
            flags = self._batched_arguments(kwargs) if loops else [False] * len(self.domains)
            return signature_shapes(self.inputs, loops=flags, min_side=min_side)
        if hasattr(self.inputs, "example"):
            return self.inputs
        return st.just(tuple(self.inputs))

    def _batched_arguments(self, kwargs: Mapping[str, Any]) -> list[bool]:
        """Return which arguments may have leading axes: those with which the function then keeps its signature.

        `x @ w + b` takes batches of x and of w; a batch of b would be added to the rows.
        """
        if self._loops is None:
            self._loops = [self._takes_batches(i, kwargs) for i in range(len(self.domains))]
        return self._loops

    def _takes_batches(self, i: int, kwargs: Mapping[str, Any]) -> bool:
        inputs, arrow, outputs = str(self.inputs).replace(" ", "").partition("->")
        cores, lengths = [], iter((3, 4, 5, 6, 7, 11))
        named: dict[str, int] = {}
        for part in inputs.split("(")[1:]:
            letters = [c.rstrip("?") for c in part.partition(")")[0].split(",") if c]
            cores.append([int(c) if c.isdigit() else named.setdefault(c, next(lengths, 2)) for c in letters])
        arrays = [_example(tuple(core), domain) for core, domain in zip(cores, self.domains, strict=True)]
        if any(a is None for a in arrays) or any(callable(v) or hasattr(v, "example") for v in kwargs.values()):
            return False
        try:
            with np.errstate(all="ignore"):
                alone = np.shape(self.f(*arrays, **kwargs))
                arrays[i] = np.stack([arrays[i]] * 2)
                batched = np.shape(self.f(*arrays, **kwargs))
        except Exception:  # whatever a function raises that takes no batches
            return False
        return batched == (2, *alone) if arrow and outputs else True


def _count(f: Callable[..., Any], kwargs: Any) -> int:
    """Return how many arguments a function must be given that `kwargs`, which takes the same arrays, does not give."""
    try:
        parameters = inspect.signature(kwargs if callable(kwargs) else f).parameters.values()
    except (TypeError, ValueError):
        return getattr(f, "nin", 1)
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    defaults = {} if callable(kwargs) else kwargs or {}
    return max(1, sum(p.default is p.empty and p.name not in defaults for p in needed))


def _example(shape: Shape, domain: Any) -> Any:
    """Return one array of a domain, or None for one that only a strategy knows."""
    if hasattr(domain, "example"):
        return None
    if domain in MATRICES:
        return np.broadcast_to(np.eye((1, *shape)[-2], shape[-1]).reshape(shape[-2:]), shape)
    return np.full(shape, simplest(domain), float)


@composite
def calls(
    draw: Any,
    spec: Specification,
    *,
    name: str,
    dtype: Any,
    kwargs: Any,
    loops: bool,
    min_side: int,
    seek: int,
) -> Call:
    """Draw a call; `seek` of a hundred lie on kinks, ties and zeros."""
    sought = seek > 0 and draw(st.integers(0, 99)) >= 100 - seek
    fixed = {} if callable(kwargs) else dict(kwargs or {})
    shapes: Sequence[Shape] = draw(spec.shapes(loops=loops, min_side=min_side, kwargs=fixed))
    domains = spec.domains if len(spec.domains) == len(shapes) else [spec.domains[0]] * len(shapes)
    drawn = draw(arrays_for(shapes, domains, kinks="seek" if sought else "any"))
    args = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn)
    values = kwargs(*args) if callable(kwargs) else fixed
    return Call(name, args, {k: draw(v) if hasattr(v, "example") else v for k, v in values.items()})
