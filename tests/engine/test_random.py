"""Random draws: recorded ops that name their generator, repeatable by `set_seed`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


@pytest.fixture(autouse=True)
def _default_generator_as_it_was() -> Iterator[None]:
    state = ag.random.default_generator.state
    yield
    ag.random.default_generator.state = state


def gamma(bits: np.random.Generator, shape: tuple[int, ...], k: float) -> Any:
    return bits.gamma(k, size=shape)


DRAWS: dict[str, Any] = {
    "normal": lambda **kwargs: ag.random.normal((3, 2), 1.0, 2.0, **kwargs),
    "uniform": lambda **kwargs: ag.random.uniform((3, 2), -1.0, 1.0, **kwargs),
    "bernoulli": lambda **kwargs: ag.random.bernoulli((30,), 0.3, **kwargs),
    "permutation": lambda **kwargs: ag.random.permutation(20, **kwargs),
    "draw": lambda **kwargs: ag.random.draw(gamma, (3, 2), k=2.0, **kwargs),
}
every_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


@every_draw
def test_the_same_seed_gives_the_same_draws(draw: Any) -> None:
    ag.set_seed(3)
    first = [draw().numpy() for _ in range(2)]
    ag.set_seed(3)
    again = [draw().numpy() for _ in range(2)]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    ag.set_seed(4)
    assert not np.array_equal(draw().numpy(), first[0])


@every_draw
def test_a_generator_of_ones_own_is_a_stream_of_its_own(draw: Any) -> None:
    ag.set_seed(0)
    own = ag.Generator(7, "mine")
    expected = draw(generator=ag.Generator(7)).numpy()
    draw()
    np.testing.assert_array_equal(draw(generator=own).numpy(), expected)
    own.seed(7)
    np.testing.assert_array_equal(draw(generator=own).numpy(), expected)


@every_draw
def test_a_draw_is_recorded_and_names_its_generator(draw: Any) -> None:
    own = ag.Generator(7, "mine")
    drawn = draw(generator=own)
    assert drawn.op.name.startswith("random_")
    assert drawn.inputs == ()
    assert drawn.params["generator"] is own
    assert repr(own) == "<Generator mine>"
    assert drawn.params["shape"] == drawn.shape
    assert not drawn.requires_grad
    assert draw().params["generator"] is ag.random.default_generator
    with ag.no_grad():
        assert draw().op is None


@every_draw
def test_nothing_is_drawn_from_numpys_global_state(draw: Any) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_stream_goes_on_from_its_state() -> None:
    own = ag.Generator(1)
    own.bits.random(5)
    state = own.state
    expected = ag.random.normal((4,), generator=own).numpy()
    other = ag.Generator(2)
    other.state = state
    np.testing.assert_array_equal(ag.random.normal((4,), generator=other).numpy(), expected)
    own.state = state
    np.testing.assert_array_equal(ag.random.normal((4,), generator=own).numpy(), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_draws_have_the_dtype_and_the_shape_asked_for(dtype: Any) -> None:
    for draw in (ag.random.normal, ag.random.uniform, ag.random.bernoulli):
        for shape in ((), 3, (2, 3), (0, 2)):
            t = draw(shape, dtype=dtype)
            assert (t.shape, t.dtype) == ((shape,) if isinstance(shape, int) else shape, dtype)
    assert ag.random.permutation(3).dtype == np.int64


def test_draws_have_the_distribution_asked_for() -> None:
    own, n = ag.Generator(0), 200_000
    normal = ag.random.normal(n, 2.0, 3.0, generator=own).numpy()
    assert normal.mean() == pytest.approx(2, abs=0.03)
    assert normal.std() == pytest.approx(3, abs=0.03)
    uniform = ag.random.uniform(n, -1.0, 3.0, generator=own).numpy()
    assert -1 <= uniform.min() < -0.99
    assert 2.99 < uniform.max() < 3
    assert uniform.mean() == pytest.approx(1, abs=0.02)
    ones = ag.random.bernoulli(n, 0.3, generator=own).numpy()
    assert set(np.unique(ones)) == {0, 1}
    assert ones.mean() == pytest.approx(0.3, abs=0.01)
    assert ag.random.bernoulli(100, 0.0, generator=own).numpy().sum() == 0
    assert ag.random.bernoulli(100, 1.0, generator=own).numpy().sum() == 100
    np.testing.assert_array_equal(np.sort(ag.random.permutation(50, generator=own).numpy()), np.arange(50))


def test_a_gradient_flows_past_a_draw() -> None:
    x = ag.tensor(np.ones(100), requires_grad=True)
    mask = ag.random.bernoulli((100,), 0.5, generator=ag.Generator(0))
    noise = ag.random.normal((100,), generator=ag.Generator(1))
    (x * mask + noise * 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), mask.numpy())
    product = x * mask
    assert product.inputs[1].op.name == "random_bernoulli"


# ---- gradients by parameters ----------------------------------------------------------------------------------------

# A value for each parameter of each function, next to those that its call needs.
PARAMETERS: dict[tuple[str, str], Any] = {
    ("normal", "shape"): 3,
    ("normal", "loc"): 0.7,
    ("normal", "scale"): 1.3,
    ("uniform", "shape"): 3,
    ("uniform", "low"): -0.4,
    ("uniform", "high"): 1.7,
    ("bernoulli", "shape"): 3,
    ("bernoulli", "p"): 0.4,
    ("permutation", "n"): 3,
    ("draw", "shape"): 3,
    ("draw", "params"): 2.0,
    ("set_seed", "seed"): 2,
}
REPARAMETERIZED = [(name, key) for name, key in PARAMETERS if name in ("normal", "uniform") and key != "shape"]
WITHOUT_NUMBERS = {"f", "dtype", "generator"}
MODES: dict[str, Any] = {
    "grad": ag.grad,
    "compiled grad": lambda f: ag.compile(ag.grad(f)),
    "grad of compiled": lambda f: ag.grad(ag.compile(f)),
    "jvp": lambda f: lambda x: ag.jvp(f)((x,), (np.ones(()),))[1],
    "vmap": lambda f: lambda x: ag.vmap(ag.grad(f))(np.stack([x, x]))[0],
    "grad of scan": lambda f: ag.grad(in_scan(f)),
}


def in_scan(f: Any) -> Any:
    return lambda x: ag.scan(lambda carry, _: (carry * 1.0, f(carry)), x, np.ones(1))[1].sum()


def loss(name: str, key: str, generator: ag.Generator) -> Any:
    """Return a function of one parameter that sums squares of what is drawn."""
    f = getattr(ag.random, name)
    names = inspect.signature(f).parameters
    needed: dict[str, Any] = {"shape": 3, "f": gamma} if "shape" in names else {}
    needed = {k: v for k, v in needed.items() if k in names and k != key}
    if "generator" in names:
        needed |= {"generator": generator}
    return lambda x: (f(**needed, **{"k" if key == "params" else key: x}) ** 2).sum()


def test_the_table_has_every_parameter() -> None:
    functions = {name: getattr(ag.random, name) for name in ag.random.__all__ if name[0].islower()}
    signatures = {name: inspect.signature(f).parameters for name, f in functions.items() if inspect.isfunction(f)}
    every = {(name, key) for name, names in signatures.items() for key in names if key not in WITHOUT_NUMBERS}
    assert set(PARAMETERS) == every


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "key"), PARAMETERS)
def test_a_gradient_by_a_parameter_is_right_or_refused(name: str, key: str, mode: str) -> None:
    x, own = np.array(float(PARAMETERS[name, key])), ag.Generator(5)
    f = loss(name, key, own)
    derivative, whole = MODES[mode](f), in_scan(f) if mode == "grad of scan" else f
    if (name, key) not in REPARAMETERIZED:
        with pytest.raises((ag.GradError, TypeError, ag.TraceError), match=r"expected |to become a bare array"):
            derivative(x)
        return
    state = own.state

    def at_the_seed(function: Any, x: Any) -> float:
        own.state = state
        return float(function(x))

    at_the_seed(derivative, x)  # the recordings of a scan may draw too
    for _ in range(3):  # a compiled function is traced, traced again, and replayed
        difference = at_the_seed(whole, x + 1e-6) - at_the_seed(whole, x - 1e-6)
        assert difference != 0
        assert at_the_seed(derivative, x) == pytest.approx(difference / 2e-6, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("name", "key"), [*REPARAMETERIZED, ("bernoulli", "p")])
def test_a_tensor_as_parameter_draws_the_same_bits_as_the_number(name: str, key: str, dtype: Any) -> None:
    number = PARAMETERS[name, key]
    f = getattr(ag.random, name)
    ours, theirs = (
        f((4, 3), **{key: x}, dtype=dtype, generator=ag.Generator(5)) for x in (ag.tensor(number, dtype=dtype), number)
    )
    assert ours.dtype == theirs.dtype == dtype
    if dtype == np.float16:  # the number itself is rounded
        np.testing.assert_allclose(ours, theirs, atol=2e-3)
    else:
        np.testing.assert_array_equal(ours, theirs)


def test_parameters_do_not_make_another_shape() -> None:
    rows = ag.tensor(np.ones((4, 1)))
    for name, key in (("normal", "loc"), ("uniform", "high"), ("bernoulli", "p")):
        f = getattr(ag.random, name)
        assert f((4, 3), **{key: rows}).shape == (4, 3)
        with pytest.raises(ag.ShapeError, match=rf"{name}: expected parameters that broadcast to shape=\(3,\)"):
            f(3, **{key: rows})


def test_a_compiled_function_reads_the_probability_at_every_call() -> None:
    compiled = ag.compile(lambda p: ag.random.bernoulli(50, p))
    assert [float(compiled(np.array(p)).sum()) for p in (0.0, 1.0, 0.0, 1.0)] == [0, 50, 0, 50]
    assert not ag.random.bernoulli(5, ag.tensor(0.5, requires_grad=True).detach()).requires_grad
