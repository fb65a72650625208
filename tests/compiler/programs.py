"""Random programs: a Hypothesis strategy of functions of arrays, with all that a function can do that is compiled.

A program is a list of steps, each a name in `STEPS` and a few integers; a step reads values that are there (an integer
picks one of them, whatever it is) and adds one. Steps fit whatever they read: two arrays that do not broadcast are
summed first. So every list of steps is a program, and Hypothesis can leave any of them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import autograd_lite as ag

# Results that would have more elements are not made.
_MOST = 400


class Step(NamedTuple):
    """One step: what it does, and numbers that say with what."""

    name: str
    numbers: tuple[int, ...]


class Argument(NamedTuple):
    """An argument of a program: what it is like, and how its values are drawn; two of one `key` are one array."""

    shape: tuple[int, ...]
    dtype: str
    layout: str
    values: str
    key: int

    def array(self, salt: int) -> np.ndarray:
        """Return it with other values for each salt."""
        rng = np.random.default_rng((self.key, salt))
        wide = tuple(2 * n for n in self.shape)
        a = rng.normal(size=wide)
        if self.values == "odd":
            a = rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, np.inf, -np.inf, np.nan], size=wide)
        elif self.values == "whole":
            a = rng.integers(-2, 3, wide).astype(float)
        kind = np.dtype(self.dtype)
        with np.errstate(all="ignore"):
            a = a > 0 if kind.kind == "b" else (a + 1j * np.flip(a) if kind.kind == "c" else a).astype(kind)
        plain = a[tuple(slice(0, n) for n in self.shape)].copy()
        if self.layout == "F":
            return plain.copy("F")
        if self.layout == "strided":
            return a[tuple(slice(0, None, 2) for _ in self.shape)]
        if self.layout == "reversed":
            return plain[tuple(slice(None, None, -1) for _ in self.shape)]
        if self.layout == "spread" and self.shape:
            return np.broadcast_to(plain[:1], self.shape)
        return plain


class Program(NamedTuple):
    """A random program.

    Attributes:
        arguments: what it takes.
        steps: what it does.
        results: which values it returns.
        changes: what happens to what it has captured before each of its calls.
        history: whether results may be differentiated by the one that calls it.
    """

    arguments: tuple[Argument, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    changes: tuple[int, ...]
    history: bool

    def inputs(self, salt: int) -> list[np.ndarray]:
        """Return arguments; equal keys are one array."""
        made = {argument: argument.array(salt) for argument in self.arguments}
        return [made[argument] for argument in self.arguments]

    def __call__(self, outside: Outside, *args: Any) -> Any:
        """Run on Tensors."""
        values = [*args, outside.w, outside.v, outside.raw]
        for step in self.steps:
            values.append(_done(step, values, outside))
        found = [t for i in self.results if isinstance(t := values[i % len(values)], ag.Tensor)]
        return tuple(found if self.history else [t.detach() for t in found])


class Outside:
    """What a program has captured, and what it changes."""

    def __init__(self) -> None:
        self.w = ag.tensor(np.array([[0.5, -1.5, 2.0], [1.0, 0.0, -0.25]]), requires_grad=True, name="w")
        self.v = ag.tensor(np.array([1.0, -2.0, 0.5], np.float32), name="v")
        self.raw = np.array([[3.0], [-1.0]])
        self.generator = ag.Generator(7)
        self.seen: list[np.ndarray] = []

    def change(self, how: int) -> None:
        """Change what is captured, as a user might between two calls."""
        if how & 1:
            self.w.assign(np.roll(self.w._data, 1) * 0.75)
        if how & 2:
            self.raw += 0.5
        if how & 4:
            self.v.assign(-self.v._data)
        if how & 8:
            self.w.grad = None

    def state(self) -> list[np.ndarray]:
        """Return all of it as arrays, apart from what has been observed."""
        grad = self.w.grad
        position = self.generator.state["state"]["state"] % 2**60
        return [self.w.numpy(), self.v.numpy(), self.raw.copy(), np.array(position)] + (
            [] if grad is None else [grad.numpy()]
        )


# ---- steps ----------------------------------------------------------------------------------------------------------


def _done(step: Step, values: list[Any], outside: Outside) -> Any:
    """Return the value that a step adds: its result, or the first that it reads if it cannot be applied to that."""
    x = _tensor(values[step.numbers[0] % len(values)])
    try:
        made = STEPS[step.name](values, outside, x, *step.numbers[1:])
    except (TypeError, ValueError, IndexError, NotImplementedError, ag.GradError):  # what does not fit, at every call
        return x
    return made if isinstance(made, ag.Tensor) and made.size <= _MOST else x


def _tensor(x: Any) -> Any:
    return ag.tensor(x) if isinstance(x, np.ndarray) else x


def _ones(shape: Any) -> Any:
    return ag.tensor(np.ones(shape))  # an array that each run makes anew


def _zeros(shape: Any) -> Any:
    return ag.tensor(np.zeros(shape))


def _pair(values: list[Any], x: Any, k: int) -> tuple[Any, Any]:
    """Return two values that broadcast."""
    y = values[k % len(values)]  # perhaps an array
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        y = _tensor(y).sum()
    return x, y


def _numeric(x: Any) -> Any:
    return x.astype(float) if x.dtype.kind == "b" else x


def _real(x: Any) -> Any:
    return x.real if x.dtype.kind == "c" else _numeric(x)


def _float(x: Any) -> Any:
    return x if x.dtype.kind in "fc" else x.astype(float)


def _axis(x: Any, k: int) -> int | None:
    return None if k % (x.ndim + 1) == x.ndim else k % (x.ndim + 1)


def unary(*functions: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda values, outside, x, k: functions[k % len(functions)](x)


def binary(*functions: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda values, outside, x, k, which: functions[which % len(functions)](*_pair(values, x, k))


def _view(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    shape = x.shape
    return [
        lambda: x.T,
        lambda: x.reshape(-1),
        lambda: x.reshape(shape[::-1]),
        lambda: x[::-1],
        lambda: x[..., k % max(shape[-1], 1)],
        lambda: x[1:],
        lambda: x[None],
        lambda: x[..., None],
        lambda: np.broadcast_to(x, (2, *shape)),
        lambda: np.swapaxes(x, 0, -1),
        lambda: np.moveaxis(x, 0, -1),
        lambda: x.reshape(1, *shape, 1),
        lambda: np.squeeze(x),
        lambda: x.T.T,
        lambda: x.reshape(-1).reshape(shape),
        lambda: x[...],
        lambda: ag.stop_gradient(x),
    ][which % 17]()


def _reduced(values: list[Any], outside: Outside, x: Any, k: int, which: int, keep: int) -> Any:
    x = _numeric(x)
    functions = [np.sum, np.mean, np.max, np.min, np.prod, np.var, ag.logsumexp, np.std]
    return functions[which % len(functions)](x, axis=_axis(x, k), keepdims=bool(keep & 1))


def _product(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    y = _tensor(values[k % len(values)])
    x, y = _numeric(x), _numeric(y)
    if which % 3 == 0:
        return np.outer(x, y)
    if which % 3 == 1:
        return x @ y
    return x.reshape(-1, x.shape[-1]) @ y.reshape(x.shape[-1], -1)


def _with_number(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    number = [1, 1.0, 0.0, -0.0, -1, 2.0, 0.5, 3, 0][k % 9]
    return [
        lambda: x * number,
        lambda: number * x,
        lambda: x + number,
        lambda: number - x,
        lambda: x - number,
        lambda: x / number,
        lambda: x**number,
        lambda: number / x,
        lambda: np.maximum(x, number),
        lambda: x > number,
    ][which % 10]()


def _with_constant(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    shape = x.shape[k % (x.ndim + 1) :]
    made = [
        lambda: _ones(shape),
        lambda: _zeros(shape),
        lambda: ag.tensor(np.full(shape, 2.0)),
        lambda: -_zeros(shape),
        lambda: np.cumsum(_ones(shape), axis=-1),
        lambda: np.exp(_ones(shape) * 0.5),
    ][k % 6]()
    return [lambda: x * made, lambda: made * x, lambda: x + made, lambda: x - made, lambda: x / made, lambda: made - x][
        which % 6
    ]()


def _indexed(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    i = _real(_tensor(values[k % len(values)])).astype(int).reshape(-1) % x.shape[0]
    return [lambda: x[i], lambda: x[np.array([0, -1, 0])], lambda: x[i, ..., 0], lambda: np.take(x, i, axis=-1)][
        which % 3
    ]()


def _joined(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    y = _tensor(values[k % len(values)])
    return [
        lambda: np.concatenate([x, y]),
        lambda: np.stack([x, x, y]),
        lambda: np.concatenate([x.reshape(-1), y.reshape(-1), x.reshape(-1)]),
        lambda: np.where(*_pair(values, x > 0, k), x),
        lambda: np.where(_real(x) > 0, x, 0.0),
    ][which % 5]()


def _ordered(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    x = _numeric(x)
    axis = k % max(x.ndim, 1)
    return [
        lambda: np.sort(x, axis=axis),
        lambda: np.cumsum(x, axis=axis),
        lambda: np.flip(x, axis=axis),
        lambda: np.roll(x, 1, axis=axis),
        lambda: ag.softmax(x, axis=axis),
        lambda: ag.log_softmax(x, axis=axis),
        lambda: np.argmax(x, axis=axis),
        lambda: np.diff(x, axis=axis),
        lambda: np.clip(x, -0.5, 0.5),
        lambda: np.pad(x, 1),
    ][which % 10]()


def _cast(values: list[Any], outside: Outside, x: Any, k: int) -> Any:
    x = x if k % 5 in (2, 4) else _real(x)
    return x.astype([np.float64, np.float32, x.dtype, np.float16, np.complex128][k % 5])


# ---- derivatives of what a few steps compute ------------------------------------------------------------------------


def _inner(values: list[Any], outside: Outside, k: int, which: int) -> Callable[[Any], Any]:
    """Return a function of one Tensor, which captures a value: the steps are some of the pure ones."""

    def f(x: Any) -> Any:
        y = _tensor(values[k % len(values)])
        inside = [x, y]
        for j in range(3):
            name = ("unary", "binary", "with_number", "reduced", "view", "with_constant", "joined")[(which + 3 * j) % 7]
            numbers = ((which >> j) % len(inside), k + j, which + 5 * j, k)
            inside.append(_done(Step(name, numbers[: ARITY[name]]), inside, outside))
        return _real(inside[-1]).sum()

    return f


def _derived(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    x = _real(x)
    x = x if x.dtype.kind == "f" else x.astype(float)
    f = _inner(values, outside, k, which)
    if x.size > 12:
        x = x.reshape(-1)[:12]
    return [
        lambda: ag.grad(f)(x),
        lambda: ag.grad(lambda t: (ag.grad(f)(t) ** 2).sum())(x),
        lambda: ag.jvp(f)((x,), (_ones(x.shape),))[1],
        lambda: ag.vmap(f)(np.stack([x, x * 2])),
        lambda: ag.hessian(lambda t: f(t.reshape(x.shape)))(x.reshape(-1)),
        lambda: ag.vmap(ag.grad(f))(np.stack([x, -x])),
    ][k % 6]()


# ---- control flow ---------------------------------------------------------------------------------------------------


def _controlled(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    x = _float(_real(x))
    s = np.tanh(_float(_real(_tensor(values[k % len(values)]))).sum()).astype(x.dtype)
    zero = x.sum() * 0

    def step(carry: Any, t: Any) -> Any:
        return carry * 0.5 + t.sum() * s, np.sin(t) + carry

    return [
        lambda: ag.scan(step, zero, x)[1],
        lambda: ag.cond(x.sum() > 0, lambda t: np.sin(t) * s, lambda t: t * 2, x),
        lambda: ag.while_loop(lambda c: c[0] < 1 + k % 3, lambda c: (c[0] + 1, np.tanh(c[1]) * s), (0, x))[1],
        lambda: ag.fori_loop(0, 3, lambda i, c: c * 0.5 + s, x),
        lambda: ag.grad(lambda t: ag.scan(step, zero, t)[1].sum())(x),
        lambda: ag.grad(lambda t: ag.cond(t.sum() > 0, np.sin, lambda u: u * s, t).sum())(x),
        lambda: ag.vmap(lambda t: ag.cond(t.sum() > 0, np.sin, lambda u: u * s, t))(x),
        lambda: ag.scan(step, zero, x, max_bytes=100)[0],
    ][which % 8]()


# ---- effects --------------------------------------------------------------------------------------------------------


def _effect(values: list[Any], outside: Outside, x: Any, k: int, which: int) -> Any:
    which %= 7
    if which == 0:
        ag.observe(lambda a: outside.seen.append(np.array(a)), x)
    elif which == 1:
        return ag.random.normal(x.shape, generator=outside.generator)
    elif which == 2:
        return ag.random.uniform((2, 3), generator=outside.generator) * x
    elif which == 3:
        with ag.no_grad():
            outside.v.assign(_real(x).sum(axis=None) * _ones(3))
    elif which == 4 and x.requires_grad:
        _real(x).sum().backward(retain_graph=True)
    elif which == 5 and outside.w.grad is not None:
        with ag.no_grad():
            outside.w.assign(outside.w - 0.1 * outside.w.grad)
        outside.w.grad = None
    elif which == 6:
        with ag.no_grad():
            outside.w.assign_add(_real(x).mean())
    return x


STEPS: dict[str, Callable[..., Any]] = {
    "unary": unary(
        np.sin, np.tanh, np.exp, np.negative, np.abs, np.square, np.sqrt, ag.relu, np.sign, np.log, np.positive,
        np.copy, lambda x: np.negative(-x), lambda x: np.abs(-x), lambda x: x * x, lambda x: ag.gelu(x), np.conj,
        np.isnan, ag.sigmoid,
    ),
    "binary": binary(
        np.add, np.multiply, np.subtract, np.divide, np.maximum, np.arctan2, np.greater,
        lambda x, y: np.power(_float(x), y),  # of integers it may raise, as their values are
        lambda x, y: x * y + x, lambda x, y: (x - y) ** 2, np.equal,
    ),
    "view": _view,
    "reduced": _reduced,
    "product": _product,
    "with_number": _with_number,
    "with_constant": _with_constant,
    "indexed": _indexed,
    "joined": _joined,
    "ordered": _ordered,
    "cast": _cast,
    "derived": _derived,
    "controlled": _controlled,
    "effect": _effect,
}  # fmt: skip
ARITY = dict.fromkeys(STEPS, 3) | {"unary": 2, "cast": 2, "reduced": 4}


# ---- the strategy ---------------------------------------------------------------------------------------------------

_SHAPES = ((), (3,), (2, 3), (1, 3), (2, 1), (4,), (2, 2, 3), (3, 3), (0,), (1,), (2, 0, 3))
_INTEGERS = st.integers(0, 60)

arguments = st.builds(
    Argument,
    st.sampled_from(_SHAPES),
    st.sampled_from(("f8", "f4", "i8", "?", "c16", "f2")),
    st.sampled_from(("C", "F", "strided", "reversed", "spread")),
    st.sampled_from(("normal", "whole", "odd")),
    st.integers(0, 2),
)


def _steps(names: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.sampled_from(names).flatmap(
        lambda name: st.builds(Step, st.just(name), st.tuples(*[_INTEGERS] * ARITY[name]))
    )


def programs(*, effects: bool = True, most: int = 14) -> st.SearchStrategy[Program]:
    """Return the strategy: programs of at most this many steps, with effects and draws or without."""
    names = tuple(name for name in STEPS if effects or name != "effect")
    return st.builds(
        Program,
        st.lists(arguments, max_size=3).map(tuple),
        st.integers(1, most).flatmap(lambda n: st.lists(_steps(names), min_size=n, max_size=n)).map(tuple),
        st.lists(_INTEGERS, min_size=1, max_size=5).map(lambda found: (*found, -1)),
        st.tuples(*[st.integers(0, 15)] * 4),
        st.sampled_from((False, False, False, True)),
    )
