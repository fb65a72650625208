"""Random draws: recorded ops that name their generator, repeatable by `set_seed`."""

from __future__ import annotations

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
