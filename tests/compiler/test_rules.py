"""A function with a rule of its own is compiled like any other, to the bits that it has on arrays; or else called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..laws.reading import same_bits
from .eager import eager

X = np.linspace(0.3, 1.7, 5)


def newton(f: Callable[[Any, Any], Any], slope: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def solve(a: Any) -> Any:
        x = a
        for _ in range(12):
            x = x - f(x, a) / slope(x, a)
        return x

    return solve


def by_jacobian(a: Any) -> Any:
    x = a
    for _ in range(3):
        h = lambda x: x * np.exp(x) - a * x[::-1]  # noqa: E731
        x = x - np.linalg.solve(ag.jacobian(h)(x), h(x))
    return x


def by_grad(a: Any) -> Any:
    h = lambda x: np.tanh(x) + x**3 * np.exp(a) - a  # noqa: E731
    return newton(lambda x, _: h(x), lambda x, _: ag.grad(lambda x: h(x).sum())(x))(a)


def by_modes(x: Any) -> Any:
    out, tangent = ag.jvp(lambda y: np.sin(y) ** 2.5)((x,), (np.cos(x),))
    return out * tangent + ag.vmap(lambda y: np.expm1(y) * y)(x)


# Functions of NumPy and of ours: on bare arrays the first compute with NumPy's loops, on Tensors with others.
TRACED: dict[str, Callable[[Any], Any]] = {
    "newton": newton(lambda x, a: x**3 - a, lambda x, a: 3 * x * x),
    "kepler": newton(lambda e, m: e - 0.5 * np.sin(e) - m, lambda e, m: 1 - 0.5 * np.cos(e)),
    "loops": lambda x: np.log(np.exp(x) + np.expm1(x) * np.log1p(x)) ** 1.3 + 1.1**x + np.power(x, x) * np.tanh(x),
    "linalg": lambda x: np.linalg.solve(np.outer(x, x) + np.eye(5), x) * np.linalg.norm(x),
    "numbers": lambda x: x * (x.sum() ** 1.7 + np.sin(x[0])),
    "containers": lambda x: {"a": [np.sin(x), x.sum()], "n": np.argsort(x)},
    "nested": lambda x: TRACED_INSIDE(np.exp(x)) * x,
    "grad": by_grad,
    "jacobian": by_jacobian,
    "modes": by_modes,
    "scan": lambda x: ag.scan(lambda c, e: (np.sin(c) * e, c), x[0], x)[1] + x,
}
TRACED_INSIDE = ag.custom_vjp(lambda x: np.log(x) * np.sin(x))
TRACED_INSIDE.def_vjp(lambda g, out, x: (g * np.cos(x),))


def total(out: Any) -> Any:
    return sum((leaf * np.arange(1.0, 1 + leaf.size).reshape(leaf.shape)).sum() for leaf in ag.tree.leaves(out))


def pulled(g: Any, out: Any, x: Any) -> Any:
    """Return something that reads all there is; whether it is a derivative does not matter here."""
    first = ag.tree.leaves(g)[0]
    return (first * x + total(out) * x,)


def pushed(tangents: Any, out: Any, x: Any) -> Any:
    return ag.tree.map(lambda y: y * tangents[0].sum(), out)


def ruled(f: Callable[[Any], Any], kind: str, **options: Any) -> Any:
    made = ag.primitive(f, **options) if kind == "primitive" else getattr(ag, kind)(f)
    if kind == "custom_jvp":
        made.def_jvp(pushed)
    elif kind == "custom_vjp":
        made.def_vjp(pulled)
    else:
        made.def_vjp(lambda *args: pulled(*args)[0])
    return made


WAYS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "call": lambda f: lambda x: total(f(x)) * x,
    "grad": lambda f: ag.grad(lambda x: total(f(x))),
    "jvp": lambda f: lambda x: ag.jvp(lambda y: total(f(y)))((x,), (x,)),
    "vmap": lambda f: lambda x: ag.vmap(ag.grad(lambda y: total(f(y))))(np.stack([x, 1.1 * x])),
    "hvp": lambda f: lambda x: ag.hvp(lambda y: total(f(y)))(x, x),
}
KINDS = ("custom_jvp", "custom_vjp", "primitive")


def arrays_in(tree: Any) -> list[Any]:
    return [np.asarray(x) for x in ag.tree.leaves(tree)]


def compiled_like(f: Callable[[Any], Any], want: Callable[[Any], Any]) -> list[Any]:
    """Return the calls of a plan, after some calls which gave the bits of an eager run."""
    compiled = ag.compile(f)
    for k in range(5):
        x = X * (1 + 0.1 * k)
        for a, b in zip(arrays_in(compiled(x)), arrays_in(want(x)), strict=True):
            assert same_bits(a, b), k
    assert len(compiled.traces) == 1
    return list(compiled.traces[0].replay.plan.calls)


def is_traced(name: str, kind: str, way: str) -> None:
    runs: list[int] = []

    def f(x: Any) -> Any:
        runs.append(0)
        return TRACED[name](x)

    g, h = ruled(f, kind), ruled(TRACED[name], kind)
    calls = compiled_like(WAYS[way](g), eager(WAYS[way](h)))
    several = 2 if way == "vmap" else 1  # each of two runs calls it with arrays first
    assert len(runs) <= 2 * (several + 1), "called in a replay"
    assert not [call for call in calls if getattr(call.function, "__self__", None) is g]


SAMPLE = [(name, "custom_jvp", "grad") for name in TRACED] + [
    ("kepler", kind, way) for kind in KINDS for way in WAYS if (kind, way) != ("custom_jvp", "grad")
]
# A product of matrices adds up in another order in a batch, so those of "linalg" go one by one.
PRODUCT = [
    row
    for row in ((name, kind, way) for name in TRACED for kind in KINDS for way in WAYS)
    if row not in SAMPLE and row[::2] != ("linalg", "vmap")
]


@pytest.mark.parametrize(("name", "kind", "way"), SAMPLE)
def test_a_function_that_tensors_can_read_is_part_of_the_plan(name: str, kind: str, way: str) -> None:
    is_traced(name, kind, way)


@pytest.mark.ci
@pytest.mark.parametrize(("name", "kind", "way"), PRODUCT)
def test_so_is_it_in_every_way(name: str, kind: str, way: str) -> None:
    is_traced(name, kind, way)


def filled(x: Any) -> Any:
    out = np.empty(x.size)
    for k in range(x.size):
        out[k] = x[k] ** 2
    return out


def until(x: Any) -> Any:
    y = x
    while float(np.abs(y * y - x).max()) > 1e-12:
        y = (y + x / y) / 2
    return y


LEFT = ag.tensor(np.ones(5), requires_grad=True)


def noted(x: Any) -> Any:
    LEFT.grad = None
    (LEFT * x).sum().backward()
    return LEFT.grad.numpy() * x


# Functions that a recording cannot hold: they look at values, write into arrays, draw, or change what is outside.
CALLED: dict[str, Callable[[Any], Any]] = {
    "a branch": lambda x: x * 2 if x.sum() > 6 else x * 3,
    "a loop": until,
    "a buffer": filled,
    "bare arrays": lambda x: np.frombuffer(np.asarray(x).tobytes()) * 2,
    "lists": lambda x: np.array([float(y) ** 2 for y in x]),
    "a mask": lambda x: x[x > 1.0].sum() * x,
    "a leaf": noted,
    "a class": lambda x: x * (2 if type(x) is np.ndarray else 3),
}


@pytest.mark.parametrize("name", CALLED)
def test_any_other_function_is_called_at_every_replay(name: str) -> None:
    runs: list[int] = []

    def f(x: Any) -> Any:
        assert type(x) in (np.ndarray, ag.Tensor)
        runs.append(0)
        return CALLED[name](x)

    g, h = ruled(f, "custom_vjp"), ruled(CALLED[name], "custom_vjp")
    for way in ("call", "grad"):
        before = len(runs)
        calls = compiled_like(WAYS[way](g), eager(WAYS[way](h)))
        assert len(runs) - before >= 5
        assert [getattr(call.function, "__self__", None) for call in calls].count(g) == 1


def test_draws_of_a_function_that_is_tried_are_those_of_an_eager_run() -> None:
    seen: list[Any] = []
    f = ruled(lambda x: x * ag.random.normal(x.shape), "custom_vjp")
    for g in (lambda x: f(x) * 1.0, ag.compile(lambda x: f(x) * 1.0)):
        ag.set_seed(0)
        seen.append([np.asarray(g(X)) for _ in range(5)])
    np.testing.assert_array_equal(*seen)


def test_an_opaque_function_is_not_tried() -> None:
    kinds: set[type] = set()

    def f(x: Any) -> Any:
        kinds.add(type(x))
        return np.sin(x)

    compiled_like(WAYS["grad"](ruled(f, "primitive", opaque=True)), eager(WAYS["grad"](ruled(np.sin, "primitive"))))
    assert kinds == {np.ndarray}


def test_an_array_that_a_function_reads_is_read_anew() -> None:
    a = np.ones(1 << 16)
    f = ruled(lambda x: x * a[: x.size], "custom_vjp")
    compiled = ag.compile(lambda x: f(x) * 1.0)
    for k in range(5):
        a[:] = k
        np.testing.assert_array_equal(compiled(X), f(X))
    assert compiled.traces[0].replay is not None


def slope_of(name: str, f: Any) -> Callable[[Any], Any]:
    """Return a compiled function, or one of a compiled function, that reads the rules of f."""
    h = lambda x: f(x).sum()  # noqa: E731
    along = lambda h: lambda x: ag.jvp(h)((x,), (np.ones_like(x),))[1]  # noqa: E731
    return {
        "of grad": lambda: ag.compile(ag.grad(h)),
        "grad of": lambda: ag.grad(ag.compile(h)),
        "of jvp": lambda: ag.compile(along(h)),
        "jvp of": lambda: along(ag.compile(h)),
    }[name]()


RESTATED: dict[str, tuple[Any, Callable[[Any, float], Any]]] = {
    "def_vjp": (ag.primitive, lambda f, k: f.def_vjp(lambda g, out, x: g * k)),
    "def_vjps": (ag.primitive, lambda f, k: f.def_vjps(lambda argnums, g, out, x: [g * k])),
    "def_jvp": (ag.primitive, lambda f, k: f.def_jvp(lambda t, out, x: t * k)),
    "def_jvps": (ag.primitive, lambda f, k: f.def_jvps(lambda argnums, ts, out, x: ts[0] * k)),
    "none": (ag.primitive, lambda f, k: f.def_vjp((lambda g, out, x: g) if k else None)),
    "custom_vjp": (ag.custom_vjp, lambda f, k: f.def_vjp(lambda g, out, x: (g * k,))),
    "custom_jvp": (ag.custom_jvp, lambda f, k: f.def_jvp(lambda ts, out, x: ts[0] * k)),
}


@pytest.mark.parametrize("name", RESTATED)
def test_a_rule_that_is_stated_again_is_the_one_of_later_replays(name: str) -> None:
    kind, state = RESTATED[name]
    for way in ("of grad", "grad of", "of jvp", "jvp of"):
        f = kind(lambda x: 1.0 * x)
        state(f, 1.0)
        slope = slope_of(way, f)
        assert [float(np.sum(slope(X))) for _ in range(3)] == [5.0] * 3
        state(f, 0.0)
        assert [float(np.sum(slope(X))) for _ in range(3)] == [0.0] * 3, way
