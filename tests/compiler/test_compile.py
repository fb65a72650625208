"""A compiled function does what the function does: on other data, beside other threads, with all its effects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import TraceError
from autograd_lite.native.kernels import INSTRUCTIONS

from ..laws.reading import same_bits

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3))


def arrays_of(tree: Any) -> list[np.ndarray]:
    return [np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in ag.tree.leaves(tree)]


def assert_same(found: Any, expected: Any) -> None:
    for a, b in zip(arrays_of(found), arrays_of(expected), strict=True):
        assert same_bits(a, b)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


# ---- derivatives of all kinds, compiled around and compiled inside --------------------------------------------------

F = lambda x: (np.sin(x) * np.roll(x, 1)).sum()  # noqa: E731
DERIVED: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "grad": (ag.grad(F), ((5,),)),
    "value_and_grad": (ag.value_and_grad(lambda p, x: np.tanh(p["w"] @ x + p["b"]).sum()), ()),
    "grad of grad": (ag.grad(lambda x: (ag.grad(F)(x) ** 2).sum()), ((5,),)),
    "hessian": (ag.hessian(F), ((5,),)),
    "jacobian": (ag.jacobian(lambda x: np.outer(x, np.exp(x))), ((4,),)),
    "jvp": (lambda x, v: ag.jvp(lambda y: np.exp(y * y))((x,), (v,)), ((5,), (5,))),
    "vmap": (ag.vmap(lambda x, y: np.tanh(x @ y)), ((4, 3, 3), (4, 3))),
    "vmap of grad": (ag.vmap(ag.grad(F)), ((4, 5),)),
    "vmap of hessian": (ag.vmap(ag.hessian(F)), ((3, 4),)),
    "grad of vmap": (ag.grad(lambda x: ag.vmap(F)(x).sum()), ((4, 5),)),
    "hvp": (lambda x, v: ag.hvp(F)(x, v), ((5,), (5,))),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derivatives(name: str) -> None:
    f, shapes = DERIVED[name]
    compiled = ag.compile(f)
    for _ in range(3):
        if shapes:
            args: Any = tuple(normal(*shape) for shape in shapes)
        else:
            args = {"w": normal(4, 3), "b": normal(4)}, normal(3)
        assert_same(compiled(*args), f(*args))
    assert len(compiled.traces) == 1


def test_a_transformation_sees_through_a_compiled_function() -> None:
    compiled = ag.compile(F)
    compiled(X)
    assert_same(ag.grad(compiled)(X), ag.grad(F)(X))
    assert_same(ag.vmap(compiled)(np.stack([X, Y])), ag.vmap(F)(np.stack([X, Y])))
    w = ag.tensor(X, requires_grad=True)
    compiled(w).backward()
    assert_same(w.grad, ag.grad(F)(X))
    assert_same(ag.compile(lambda x: compiled(x) + 1)(Y), F(Y) + 1)


# ---- what comes from outside is read at every call -------------------------------------------------------------------


def test_captured_tensors_and_arrays_are_read_anew() -> None:
    scale, offset = ag.tensor(2.0), np.ones(3)
    large = np.ones(20_000)
    compiled = ag.compile(lambda x: (x * (scale * scale) + offset, ag.tensor(offset) * 1, (x[0] * large).sum()))
    compiled(X)
    scale.assign(3.0)
    offset[:], large[:] = 5, 7
    assert_same(compiled(X), (X * 9 + 5, np.full(3, 5.0), (X[0] * large).sum()))
    assert len(compiled.traces) == 1


def test_a_captured_tensor_of_another_kind_is_traced_again() -> None:
    w = ag.tensor(X, requires_grad=True, name="w")

    def slope(x: Any) -> Any:
        (x * w).sum().backward()
        found, w.grad = w.grad, None
        return found

    compiled = ag.compile(slope)
    assert_same([compiled(X), compiled(Y)], [X, Y])
    w.requires_grad = False
    with pytest.raises(ag.GradError, match="expected a tensor that requires a gradient"):
        compiled(X)
    w.requires_grad = True
    assert_same(compiled(Y), Y)
    v = ag.tensor(X)
    doubled = ag.compile(lambda: v * 2)
    assert_same([doubled(), doubled(), doubled()], [X * 2] * 3)
    v._data = np.ones((2, 2))
    assert_same(doubled(), np.full((2, 2), 2.0))
    assert "no longer true that a captured tensor (3,) float64" in doubled.explain()


# ---- effects ---------------------------------------------------------------------------------------------------------


def trained(step_of: Callable[[ag.Tensor], Any], steps: int = 5) -> list[Any]:
    w, rng = ag.tensor(np.zeros(3), requires_grad=True), np.random.default_rng(1)
    step, found = step_of(w), []
    for _ in range(steps):
        x = rng.normal(size=(7, 3))
        found.append(step(x, x @ X))
    return [*found, w, w.grad if w.grad is not None else 0]


def gradient_descent(w: ag.Tensor) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        with ag.no_grad():
            w.assign(w - 0.1 * w.grad)
        w.grad = None
        return loss

    return step


def two_steps(w: ag.Tensor) -> Callable[..., Any]:
    once = gradient_descent(w)
    return lambda x, y: (once(x, y), once(x, 2 * y))


def accumulating(w: ag.Tensor) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        w.assign_sub(0.01 * w.grad)
        w.assign_add(0.001)
        return loss

    return step


def with_state(w: ag.Tensor) -> Callable[..., Any]:
    momentum = ag.tensor(np.zeros(3))

    def step(x: Any, y: Any) -> Any:
        nonlocal momentum
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        with ag.no_grad():
            momentum *= 0.9
            momentum += w.grad
            momentum[0] = momentum[0] * 0.5
            w.assign(w - 0.1 * momentum)
        w.grad = None
        return momentum * 1

    return step


@pytest.mark.parametrize("make", [gradient_descent, two_steps, accumulating, with_state])
def test_effects(make: Callable[[ag.Tensor], Any]) -> None:
    assert_same(trained(lambda w: ag.compile(make(w))), trained(lambda w: lambda x, y: make_eager(make, w)(x, y)))


_EAGER: dict[int, Any] = {}


def make_eager(make: Callable[[ag.Tensor], Any], w: ag.Tensor) -> Any:
    """Return one step function for each w, on Tensors, as a compiled one gets them."""
    step = _EAGER.setdefault(id(w), make(w))
    return lambda x, y: step(ag.tensor(x), ag.tensor(y))


def test_two_leaves_exchange_what_they_hold() -> None:
    """The passes leave no operation here: each leaf is assigned what the other one held."""
    w, v = ag.tensor(X, requires_grad=True), ag.tensor(Y)

    @ag.compile
    def exchange() -> None:
        with ag.no_grad():
            a, b = w * 1.0, v.copy()
            w.assign(b)
            v.assign(a)

    for k in range(5):
        exchange()
        assert_same([w, v], [X, Y] if k % 2 else [Y, X])


def test_draws_are_those_of_the_function() -> None:
    generator = ag.Generator(0)

    def noisy(x: Any) -> Any:
        ag.random.normal((2,), generator=generator)  # of which nothing is read
        return x + ag.random.uniform(x.shape, generator=generator)

    found = []
    for f in (noisy, ag.compile(noisy)):
        generator.seed(1)
        found.append([f(X) for _ in range(4)])
    assert_same(*found)


@pytest.mark.filterwarnings("ignore:compile. the function 'seeded' runs as it is. it seeds a generator")
@pytest.mark.parametrize("begins", [lambda g, s: g.seed(5), lambda g, s: setattr(g, "state", s)], ids=["seed", "state"])
def test_a_stream_that_begins_anew_does_so_in_every_run(begins: Callable[..., Any]) -> None:
    """In replays, steps of a loop, and functions that a backward pass runs again, after which it is where it was."""
    generator = ag.Generator(0)
    state = generator.state

    def seeded(x: Any) -> Any:
        begins(generator, state)
        return x * ag.random.normal((2,), generator=generator)

    def checkpointed(x: Any) -> Any:
        place = []
        t = ag.tensor(x, requires_grad=True)
        y = ag.checkpoint(seeded)(t)
        ag.random.normal((3,), generator=generator)
        place.append(generator.state)
        y.sum().backward()
        assert [generator.state] == place
        return t.grad

    x, compiled = np.ones(2), ag.compile(seeded)
    _, steps = ag.scan(lambda c, r: (c, seeded(r)), ag.tensor(0.0), np.ones((3, 2)))
    for other in (compiled(x), compiled(x), compiled(x), *steps, checkpointed(x)):
        assert_same(np.array(other), np.array(seeded(ag.tensor(x))))


def test_nothing_changes_if_a_replay_fails() -> None:
    w = ag.tensor(np.eye(3), requires_grad=True)

    @ag.compile
    def step(x: Any) -> Any:
        np.linalg.inv(x * w).sum().backward()
        with ag.no_grad():
            w.assign(w + w.grad)
        w.grad = None

    step(np.eye(3))
    held = w.numpy()
    with pytest.raises(np.linalg.LinAlgError):
        step(np.zeros((3, 3)))
    assert_same(w, held)
    assert w.grad is None


def noisy_step(w: ag.Tensor, generator: ag.Generator, last: Callable[[ag.Tensor], Any]) -> Callable[[Any], Any]:
    """Return a function that draws, steps and assigns before it does something that may fail."""

    def step(x: Any) -> Any:
        noise = ag.random.normal((), generator=generator)
        (w * x * noise).backward()
        with ag.no_grad():
            w.assign(w - w.grad)
        w.grad = None
        last(x)
        return w * noise

    return step


def refuse_large(x: Any) -> None:
    if x > 1:
        raise OverflowError


REFUSED = (lambda x: ag.observe(refuse_large, x), OverflowError)


# Before the call that fails: so it is in the first trace, in the second, or in a replay.
@pytest.mark.parametrize(("calls", "last", "error"), [(0, float, ag.TraceError), *((n, *REFUSED) for n in range(4))])
def test_nothing_changes_if_a_call_fails_after_its_effects(calls: int, last: Any, error: type[Exception]) -> None:
    w, generator = ag.tensor(1.0, requires_grad=True), ag.Generator(0)
    compiled = ag.compile(noisy_step(w, generator, last))
    for _ in range(calls):
        compiled(np.float64(0.5))
    held, state = w.numpy(), generator.state
    with pytest.raises(error):
        compiled(np.float64(2.0))
    assert_same(w, held)
    assert generator.state == state
    assert w.grad is None


def test_where_an_assumption_fails_all_effects_happen_once() -> None:
    found = []
    for how in (lambda f: f, ag.compile):
        w, generator = ag.tensor(1.0, requires_grad=True), ag.Generator(0)
        step: Any = how(noisy_step(w, generator, lambda x: ag.extend.assume(lambda a: a < 1, x)))
        found.append([step(np.float64(x)) for x in (2.0, 0.5, 2.0, 0.3, 0.2, 3.0, 0.1)])
        found[-1].append(w.numpy())
    assert_same(*found)


# ---- NaN in gradients is masked as in an eager run -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:compile. the function .* two calls did not do the same")
def test_masks() -> None:
    generator = ag.Generator(0)

    def slope(x: Any) -> Any:
        ag.random.normal((1,), generator=generator)
        return ag.grad(lambda y: np.where(y > 0, np.sqrt(y), 0.0).sum())(x), generator.state["state"]["state"] * 0

    good, bad = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -1.0])
    with np.errstate(all="ignore"):
        for order in ([good, bad, good, bad], [bad, good, bad]):
            compiled = ag.compile(lambda x: slope(x)[0])
            generator.seed(0)
            found = [compiled(x) for x in order] + [generator.state["state"]["state"] % 1000]
            generator.seed(0)
            assert_same(found, [slope(x)[0] for x in order] + [generator.state["state"]["state"] % 1000])


# ---- results belong to the caller ------------------------------------------------------------------------------------


def test_a_replay_never_changes_what_it_has_returned() -> None:
    held = np.ones((3, 3))
    compiled = ag.compile(lambda x: (x * 2, (x * 2).T, x, x.T, x[0], ag.tensor(held, copy=False), np.sum(x)))
    x = normal(3, 3)
    compiled(x)
    first = compiled(x)
    kept = [np.array(a) for a in first]
    compiled(normal(3, 3))
    x[:], held[:] = 0, 0
    assert_same(list(first), kept)
    assert all(np.asarray(a).flags.writeable or np.ndim(a) == 0 for a in first)


def test_results_have_memory_of_their_own() -> None:
    w, v = (ag.tensor(X, requires_grad=True) for _ in range(2))

    def f(x: Any) -> Any:
        (w + v).sum().backward()
        y = x * 2
        return y, y, x * 2, y.reshape(3, 1), ag.relu(x * 3), x * 3, np.broadcast_to(x - 1, (2, 3))

    compiled = ag.compile(f)
    for _ in range(3):
        w.grad = v.grad = None
        found = [np.asarray(a) for a in compiled(np.abs(X))] + [w.grad._data, v.grad._data]
        assert not any(np.shares_memory(a, b) for i, a in enumerate(found) for b in found[:i])
        assert all(a.flags.writeable for a in found)


def test_arguments_may_be_the_same_array() -> None:
    compiled = ag.compile(lambda x, y: x * y + x)
    x, y = normal(3), normal(3)
    for args in ((x, x), (x, y), (y, y)):
        assert_same(compiled(*args), args[0] * args[1] + args[0])


def test_many_threads() -> None:
    f = ag.grad(lambda x: (np.tanh(x @ x) * x).sum())
    compiled = ag.compile(f)
    data = [normal(20, 20) for _ in range(8)]
    expected = [f(x) for x in data]
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for _ in range(30):
                assert_same(compiled(data[i]), expected[i])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# ---- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:compile. the function .* was traced")
def test_containers_constants_and_kinds() -> None:
    def f(d: Any, *, k: float = 2) -> Any:
        return {"a": d["x"] * k, "n": 3, "l": [d["y"], None]}

    compiled = ag.compile(f)
    for k in (2, 3, 2):
        found = compiled({"x": X, "y": Y}, k=k)
        assert_same([found["a"], found["l"][0]], [X * k, Y])
        assert (found["n"], found["l"][1]) == (3, None)
    assert len(compiled.traces) == 2
    assert isinstance(compiled({"x": ag.tensor(X), "y": Y})["a"], ag.Tensor)
    for x in (X.astype("f4"), X.astype("i4"), X.astype("c16"), X[:2], X[::2], np.stack([X, Y]).T[:, 0], np.float64(2)):
        assert_same(compiled({"x": x, "y": Y})["a"], x * 2)
    with pytest.raises(TypeError, match=r"compile: expected arguments .* received \{1\}. Make it a tuple"):
        ag.compile(lambda x, s: x)(X, {1})


def test_methods_and_functions_without_tensors() -> None:
    class Scaled:
        factor = 3

        @ag.compile
        def times(self, x: Any) -> Any:
            return x * self.factor

    scaled = Scaled()
    assert_same([scaled.times(X), scaled.times(Y)], [X * 3, Y * 3])
    for f, value in ((lambda x: 3, 3), (lambda x: None, None), (lambda x: "a", "a")):
        compiled = ag.compile(f)
        assert [compiled(X), compiled(X)] == [value, value]


@pytest.mark.filterwarnings("ignore:compile. the function .* was traced")
def test_the_number_of_traces_is_bounded() -> None:
    compiled = ag.compile(lambda x: x * 2)
    for n in range(200):
        assert_same(compiled(np.ones(n)), np.full(n, 2.0))
    assert len(compiled.traces) == 64


def test_gradients_that_are_left_and_read() -> None:
    w = ag.tensor(X, requires_grad=True)

    def step(x: Any) -> Any:
        (np.tanh(w) * x).sum().backward()
        return w.grad * 2

    compiled = ag.compile(step)
    runs = []
    for f in (compiled, step):
        w.grad = None
        runs.append([*(f(ag.tensor(x)) for x in (X, Y, X, Y, X)), w.grad])
    assert_same(*runs)
    assert not runs[0][-2].requires_grad
    assert [trace.replay is not None for trace in compiled.traces] == [False, True]  # without and with a gradient there


def test_hooks_on_captured_tensors() -> None:
    w, seen = ag.tensor(X, requires_grad=True), []

    def step(x: Any) -> Any:
        (w * x).sum().backward()
        found, w.grad = w.grad, None
        return found

    compiled = ag.compile(step)
    for _ in range(3):
        assert_same(compiled(Y), Y)
    handle = w.register_hook(lambda g: seen.append(1) or g * 2)
    for _ in range(3):
        assert_same(compiled(Y), Y * 2)
    handle.remove()
    for _ in range(3):
        assert_same(compiled(Y), Y)
    assert seen


# ---- what a trace cannot follow --------------------------------------------------------------------------------------

LEAVES: dict[str, Callable[[Any], Any]] = {
    "item": lambda x: x[0].item() * x,
    "float": lambda x: float(x[0]) * x,
    "int": lambda x: [x] * int(x[0]),
    "format": lambda x: f"{x[0]:.2f}",
    "numpy": lambda x: x.numpy(),
    "data": lambda x: x.data,
    "tolist": lambda x: x.tolist(),
    "asarray": np.asarray,
    "if": lambda x: x if x.sum() > 0 else -x,
    "while": lambda x: next(i for i in range(9) if x[0] < i),
    "mask": lambda x: x[x > 0],
    "index of a list": lambda x: [1, 2, 3][x.astype(int)[0]],
    "range": lambda x: [x for _ in range(x.astype(int)[0])],
    "math": lambda x: __import__("math").sin(x[0]),
    "sorted": sorted,
    "nonzero": np.nonzero,
    "unique": np.unique,
    "max of Python": lambda x: max(x[0], x[1]),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_value_that_leaves_is_refused(name: str) -> None:
    compiled = ag.compile(LEAVES[name])
    with pytest.raises(
        TraceError, match=r"expected .* to compute with Tensors alone; received .* at .*test_compile.py:\d+"
    ):
        compiled(np.abs(X))
    assert not compiled.traces


def test_indices_are_read_anew() -> None:
    def f(t: Any, i: Any, k: Any) -> Any:
        return t[i], t[1:, k], ag.grad(lambda s: (s[i] ** 3).sum() + s[k, 0])(t)

    compiled = ag.compile(f)
    t = normal(5, 2)
    for i, k in (([1, 2, 1], 0), ([0, 4, 4], 1), ([3, 3, 3], -1)):
        args = t, np.array(i), np.array(k)
        assert_same(compiled(*args), f(*map(ag.tensor, args)))
    assert len(compiled.traces) == 1
    with pytest.raises(TraceError, match="an index that was computed from another by NumPy"):
        ag.compile(lambda t, i: t[ag.tensors.ndarray_methods.canonical_index(i)[0] + 1])(t, np.array([1]))


IMPURE: dict[str, Callable[[Any], Any]] = {
    "draws of NumPy": lambda x: x + np.random.default_rng().normal(size=3),
    "a draw as a number": lambda x: x * float(np.random.default_rng().random()),
    "a counter": lambda x, n=[0]: x * (n.append(1) or len(n)),
    "a Tensor of draws": lambda x: x * ag.tensor(np.random.default_rng().normal(size=3)),
    "other operations": lambda x, n=[0]: np.sin(x) if n.append(1) or len(n) % 2 else np.cos(x),
    "another index": lambda x, n=[0]: x[n.append(1) or len(n) % 3 :],
    "a returned number": lambda x, n=[0]: (x * 2, n.append(1) or len(n)),
}


@pytest.mark.parametrize("name", IMPURE)
def test_a_function_that_does_not_do_the_same_runs_as_it_is(name: str) -> None:
    compiled = ag.compile(IMPURE[name])
    with pytest.warns(ag.CompileWarning, match=r"compile: the function '<lambda>' runs as it is: ") as said:
        found = [arrays_of(compiled(X)) for _ in range(5)]
    assert len(said) == 1
    assert said[0].filename == __file__
    assert all(not all(map(np.array_equal, a, b)) for a, b in pairwise(found))
    why = str(said[0].message).partition("as it is: ")[2].partition(". See")[0]
    assert why in " ".join(compiled.explain().split())
    assert why.startswith(("two calls did not do the same", "it changes itself what it reads: the default n"))


# ---- what it tells ---------------------------------------------------------------------------------------------------


def test_it_tells_what_it_does() -> None:
    compiled = ag.compile(ag.grad(lambda x: np.tanh(x).sum()))
    with pytest.raises(ValueError, match="Call the function twice first"):
        compiled.source()
    for n in (4, 4, 5):
        compiled(np.ones(n))
    told = compiled.explain()
    assert told.splitlines()[:4] == [
        "<lambda>: 2 traces, 1 replayed",
        "",
        "1. x (4,) float64",
        "  traced since  this was the first call",
    ]
    assert "2. x (5,) float64\n  traced since  these arguments are of a new kind\n  replay        not yet:" in told
    assert "  replay        3 calls of NumPy\n" in told
    assert "    traced                                   8" in told
    first = "v4 = s0(v0)\n    #   b0 = tanh(v0)  # test_compile.py:" if INSTRUCTIONS else "tanh(v0, b0)"
    assert compiled.source().startswith(f"def replay(v0):\n    {first}")
    assert "test_compile.py" in compiled.source()
