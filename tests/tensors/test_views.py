"""Views and writes: what NumPy's program gives, values and gradients, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag

Program = Callable[[Any], Any]

# ---- idioms, as people write them: a matrix of shape (2, 3) in, what they make of it out -----------------------------


def _loop(z: Any) -> Any:
    for row in z:
        row += 1
    return z


def _unpack(z: Any) -> Any:
    a, b = z
    a += 1
    b *= a
    return z


def _subtract_rows(z: Any) -> Any:
    row = z[1]
    row -= z[0] * 2
    row /= 3
    return z


def _eliminate(z: Any) -> Any:
    z = np.concatenate([z, z[:1] ** 2])
    for k in range(3):
        for i in range(k + 1, 3):
            row = z[i]
            row -= row[k] / z[k, k] * z[k]
    return z


def _fill(part: Any) -> None:
    part[0] = part[1] * 2
    part += 1


def _helper(z: Any) -> Any:
    _fill(z[:, 1:])
    return z


def _twice(z: Any) -> Any:
    a, b = z[:2, :2], z[:, 1:]
    a *= 2
    b *= a
    return z, a, b


def _read_back(z: Any) -> Any:
    y = z[0]
    z[0, 0] = y[1] * 3
    return y, z


def _later(z: Any) -> Any:
    y = z.T
    z += 1
    return y * z.T


def _later_flat(z: Any) -> Any:
    y = z.ravel()
    z[0] = 0
    return y * y


def _later_row(z: Any) -> Any:
    y = z[0]
    z[0, 0] = 100
    return y * z[1]


def _later_copies(z: Any) -> Any:
    kept = z.copy(), z.flatten(), z[[0, 1]], z * 1, z.T.ravel(), np.take(z, 0, axis=0), np.roll(z, 0)
    z += 1
    return kept


def _swap(z: Any) -> Any:
    z[0], z[1] = z[1], z[0]  # NumPy's trap: both are the same in the end
    return z


def _swap_with_copies(z: Any) -> Any:
    z[0], z[1] = z[1].copy(), z[0].copy()
    return z


def _shift(z: Any) -> Any:
    z[:, 1:] = z[:, :-1]
    return z


def _chain(z: Any) -> Any:
    z[0][1] = 7
    z[1][1:][0] *= 2
    return z


def _deep(z: Any) -> Any:
    y = z
    for _ in range(200):
        y = y.T
    y[0, 1] = 5
    z[1] *= 2
    return y, z


def _peel(z: Any) -> Any:
    rest = z.reshape(-1)
    while len(rest):
        rest *= 2
        rest = rest[1:]
    return z


def _statement(text: str) -> Program:
    names: dict[str, Any] = {"np": np}
    exec(compile(f"def run(z):\n    {text}\n    return z", "<idiom>", "exec"), names)
    return names["run"]  # type: ignore[no-any-return]


_STATEMENTS = (
    "z[0] += 1",
    "z[0, 0] *= 3",
    "z[0][1] = 7",
    "z.T[0] = 3",
    "z.T[0] *= z[1, 1]",
    "z.reshape(-1)[2] = 3",
    "z.reshape(3, 2)[1] *= 2",
    "z.ravel()[1:4] += 5",
    "z[::-1][0] = 3",
    "z[None][0, 1] = 2",
    "z[..., 0][...] = 4",
    "z[0, ..., 0][...] = 4",
    "np.add(z[0], 1, out=z[0])",
    "np.multiply(z, z, out=z)",
    "np.add.at(z[0], [0, 0, 2], 5)",
    "np.copyto(z[0], 5)",
    "np.swapaxes(z, 0, 1)[1] *= 2",
    "np.moveaxis(z, 0, 1)[1, 1] = 8",
    "np.expand_dims(z, 0)[0, 0] -= 1",
    "np.squeeze(z[:1])[1] = 6",
    "np.flip(z)[0] *= 2",
    "np.split(z, 3, axis=1)[1][...] = 1",
    "np.atleast_3d(z)[0] *= 3",
    "np.put(z[1], [0, 2], [5, 6])",
    "np.fill_diagonal(z[:, 1:], 4)",
    "[row.__imul__(row[0]) for row in z]",
    "z[[True, False]][0] = 5",
    "z[[0, 1]][0] = 5",
    "z += z[0]",
    "z[:] = z[::-1]",
    "z[0].fill(2)",
    "z.T.flat[1] *= 5",
    "z[:, 1:].flat = z[0, :2] * 2",
    "z[::-1].sort()",
    "z.T.sort(0)",
    "z[1].partition(1)",
    "z[0].put([1], [5])",
)
IDIOMS: dict[str, Program] = {f.__name__.strip("_"): f for f in (
    _loop, _unpack, _subtract_rows, _eliminate, _helper, _twice, _read_back, _later, _later_flat, _later_row,
    _later_copies, _swap, _swap_with_copies, _shift, _chain, _deep, _peel,
)} | {text: _statement(text) for text in _STATEMENTS}  # fmt: skip


# ---- numbers: what NumPy rebinds, and what it changes in place -------------------------------------------------------


def _number(z: Any) -> Any:
    d = z[0, 0] * 1.0
    r = d
    r *= 3
    return d + r


def _element(z: Any) -> Any:
    d = z[0, 1]
    d += 5
    return z * d


def _sum(z: Any) -> Any:
    total = before = z.sum()
    total /= 2
    return total * before


def _array_without_axes(z: Any) -> Any:
    d = z[0, ..., 1]
    r = d
    r *= 3
    return d + r + z.sum()


NUMBERS: dict[str, Program] = {f.__name__.strip("_"): f for f in (_number, _element, _sum, _array_without_axes)}


# ---- modes -----------------------------------------------------------------------------------------------------------


def _weighed(out: Any) -> Any:
    """Return one number in which every element of the results counts differently."""
    parts = out if isinstance(out, (tuple, list)) else (out,)
    total = 0.0
    for k, part in enumerate(parts):
        weights = np.cos(np.arange(part.size) + 3.0 * k).reshape(part.shape)
        total = total + (part * weights).sum()
    return total


class Expected(NamedTuple):
    """What NumPy gives: one number, and its gradient by complex steps, which are exact for these programs."""

    value: float
    gradient: np.ndarray


def expected_of(f: Program, x: np.ndarray) -> Expected:
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1e-30j
        slopes[place] = _weighed(f(moved)).imag / 1e-30
    return Expected(float(_weighed(f(x.copy()))), slopes)


def _plain(f: Program, xs: list[np.ndarray]) -> list[Expected]:
    found = []
    for x in xs:
        t = ag.tensor(x, requires_grad=True)
        out = _weighed(f(t * 1.0))
        out.backward()
        found.append(Expected(out.item(), t.grad.numpy()))
    return found


def _each(gradient: Callable[[np.ndarray], Any], xs: list[np.ndarray]) -> list[Expected]:
    return [Expected(*gradient(x)) for x in xs]


def _jvp(f: Program, xs: list[np.ndarray]) -> list[Expected]:
    def of(x: np.ndarray) -> tuple[Any, np.ndarray]:
        basis = np.eye(x.size).reshape(x.size, *x.shape)
        pairs = [ag.jvp(lambda z: _weighed(f(z)))((x,), (v,)) for v in basis]
        return pairs[0][0], np.array([slope for _, slope in pairs]).reshape(x.shape)

    return _each(of, xs)


def _vmap(f: Program, xs: list[np.ndarray]) -> list[Expected]:
    values = ag.vmap(lambda z: _weighed(f(z)))(np.stack(xs))
    slopes = ag.vmap(ag.grad(lambda z: _weighed(f(z))))(np.stack(xs))
    return [Expected(*pair) for pair in zip(values, slopes, strict=True)]


def _scan(f: Program, xs: list[np.ndarray]) -> list[Expected]:
    def total(stacked: Any) -> Any:
        return ag.scan(lambda c, x: (c, _weighed(f(x * 1.0))), 0.0, stacked)[1]

    values, slopes = total(np.stack(xs)), ag.grad(lambda s: total(s).sum())(np.stack(xs))
    return [Expected(*pair) for pair in zip(values, slopes, strict=True)]


MODES: dict[str, Callable[[Program, list[np.ndarray]], list[Expected]]] = {
    "plain": _plain,
    "grad": lambda f, xs: _each(ag.value_and_grad(lambda z: _weighed(f(z))), xs),
    "jvp": _jvp,
    "vmap": _vmap,
    "compile": lambda f, xs: _each(ag.compile(ag.value_and_grad(lambda z: _weighed(f(z)))), xs),
    "checkpoint": lambda f, xs: _each(ag.value_and_grad(ag.checkpoint(lambda z: _weighed(f(z * 1.0)))), xs),
    "scan": _scan,
}
RNG = np.random.default_rng(7)
XS = [RNG.uniform(1, 3, (2, 3)) for _ in range(4)]


def check(mode: str, f: Program, xs: list[np.ndarray]) -> None:
    for found, x in zip(MODES[mode](f, xs), xs, strict=True):
        expected = expected_of(f, x)
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", [*IDIOMS, *NUMBERS])
def test_an_idiom_is_numpys(name: str) -> None:
    check("plain", (IDIOMS | NUMBERS)[name], XS[:1])


@pytest.mark.parametrize("mode", [m for m in MODES if m != "plain"])
@pytest.mark.parametrize("name", ["subtract_rows", "later", "number", "array_without_axes"])
def test_an_idiom_is_numpys_in_other_modes(name: str, mode: str) -> None:
    check(mode, (IDIOMS | NUMBERS)[name], XS)


@pytest.mark.ci
@pytest.mark.parametrize("mode", [m for m in MODES if m != "plain"])
@pytest.mark.parametrize("name", [*IDIOMS, *NUMBERS])
def test_every_idiom_is_numpys_in_every_mode(name: str, mode: str) -> None:
    check(mode, (IDIOMS | NUMBERS)[name], XS)


# ---- random programs -------------------------------------------------------------------------------------------------

VIEWS: list[Callable[[Any, int], Any]] = [
    lambda a, k: a[k % len(a)],
    lambda a, k: a[k % 2 :],
    lambda a, k: a[:: -1 - k % 2],
    lambda a, k: a[..., k % a.shape[-1]],
    lambda a, k: a[None] if k % 2 else a[..., None],
    lambda a, k: a.T,
    lambda a, k: a.reshape(-1),
    lambda a, k: a.reshape(-1, *a.shape[:0:-1]) if a.ndim < 4 else a.ravel(),
    lambda a, k: np.swapaxes(a, 0, -1),
    lambda a, k: np.squeeze(a),
    lambda a, k: np.array_split(a, 2)[k % 2],
    lambda a, k: np.flip(a, k % a.ndim),
    lambda a, k: a,  # another name
    lambda a, k: np.diagonal(a) if a.ndim > 1 else np.broadcast_to(a, (2, *a.shape)),
]
COPIES: list[Callable[[Any, int], Any]] = [
    lambda a, k: a.copy(),
    lambda a, k: a[[k % len(a), 0]],
    lambda a, k: a.flatten(),
    lambda a, k: a * (k + 1.0),
    lambda a, k: a.sum() * np.sin(a),
    lambda a, k: a.sum(),
]


def _add(a: Any, b: Any, k: int) -> None:
    a += b


def _multiply(a: Any, b: Any, k: int) -> None:
    a *= 0.5 * b


def _set(a: Any, b: Any, k: int) -> None:
    a[...] = b * 2


def _set_first(a: Any, b: Any, k: int) -> None:
    a[k % len(a)] = b


def _add_first(a: Any, b: Any, k: int) -> None:
    a[k % len(a)] += b


def _add_into(a: Any, b: Any, k: int) -> None:
    np.add(a, b, out=a)


def _add_at(a: Any, b: Any, k: int) -> None:
    np.add.at(a, [0, k % len(a)], b)


WRITES = [_add, _multiply, _set, _set_first, _add_first, _add_into, _add_at]


class Step(NamedTuple):
    """One step of a random program: what it does, to which variable, and with which number."""

    kind: str
    which: int
    place: int
    k: int


def _run(steps: list[Step], x: Any) -> list[Any]:
    """Run a random program; NumPy decides which of its steps make sense, and these are what others run."""
    names = [x * 1.0]
    for kind, which, place, k in steps:
        a = names[place % len(names)]
        if kind == "write":
            WRITES[which % len(WRITES)](a, names[k % len(names)].sum() * 0.1, k)
        else:
            table = VIEWS if kind == "view" else COPIES
            names.append(table[which % len(table)](a, k))
    return names


def _sensible(steps: list[Step], x: np.ndarray) -> list[Step]:
    kept: list[Step] = []
    for step in steps:
        names = _run(kept, x)
        a = names[step.place % len(names)]
        if a.ndim and a.size and (step.kind != "write" or a.flags.writeable) and a.size < 200:
            kept.append(step)
    return kept


PROGRAMS = st.lists(
    st.builds(Step, st.sampled_from(["view", "view", "write", "write", "copy"]), *[st.integers(0, 20)] * 3),
    min_size=2,
    max_size=9,
)


def _check_program(steps: list[Step], mode: str) -> None:
    xs = [np.linspace(0.5, 1.5, 6).reshape(2, 3) + 0.1 * k for k in range(3)]
    sensible = _sensible(steps, xs[0])
    check(mode, lambda x: _run(sensible, x), xs)


@settings(max_examples=40, deadline=None)
@given(PROGRAMS, st.sampled_from([m for m in MODES if m != "compile"]))
def test_random_programs_are_numpys(steps: list[Step], mode: str) -> None:
    _check_program(steps, mode)


@pytest.mark.ci
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=150, deadline=None)
@given(PROGRAMS)
def test_random_programs_are_numpys_in_every_mode(mode: str, steps: list[Step]) -> None:
    _check_program(steps, mode)


@pytest.mark.parametrize("make", [np.zeros_like, np.ones_like, np.empty_like, lambda x: np.full_like(x, 2.0)])
@pytest.mark.parametrize("mode", ["plain", "vmap", "compile"])
def test_what_is_made_like_a_tensor_takes_others(make: Callable[[Any], Any], mode: str) -> None:
    def f(x: Any) -> Any:
        out = make(x)
        for i in range(2):
            out[i] = x[i] ** 2
        return out

    check(mode, f, XS)
