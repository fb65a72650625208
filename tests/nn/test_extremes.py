"""Activations and losses at the ends of the numbers: no warning, a finite gradient wherever the true one is finite.

Every test runs with warnings as errors. The truth is the same function in the next wider dtype, which has room for what
over- or underflows; an infinity stands for the limit of larger and larger numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import activations, layers, losses
from nn.module.logits import remember_logits

from .losses.loss_cases import BITS, CASES, LOGITS, ONE_HOT, Case

inf, nan = np.inf, np.nan
WIDER = {"e": np.dtype("d"), "f": np.dtype("d"), "d": np.dtype("g")}
LIMIT = {"e": 1e300, "f": 1e300, "d": np.longdouble("1e3000")}  # stands for infinity in the wider dtype


def gradient(f: Any, x: Any, cotangent: Any = None) -> tuple[np.ndarray, np.ndarray]:
    t = ag.tensor(x, requires_grad=True)
    out = f(t)
    out.backward(np.ones(out.shape, out.dtype) if cotangent is None else cotangent)
    return out.detach().numpy(), t.grad.numpy()


def wide(x: np.ndarray) -> np.ndarray:
    """Return the same numbers in the wider dtype, and very large ones for infinities."""
    wider = x.astype(WIDER[x.dtype.char])
    return np.where(np.isinf(x), np.copysign(LIMIT[x.dtype.char], wider), wider).astype(wider.dtype)


def check(found: np.ndarray, true: np.ndarray, units: float, what: Any) -> None:
    """Compare with the truth, rounded; an overflow is an infinity, and what the truth leaves open is free."""
    with np.errstate(all="ignore"):
        true = true.astype(found.dtype)
    assert not (np.isnan(found) & ~np.isnan(true)).any(), (what, found, true)
    known = np.isfinite(true)
    limits = np.finfo(found.dtype)
    assert np.isfinite(found[known]).all(), (what, found, true)
    room = units * float(limits.eps) * np.maximum(np.abs(true[known].astype("g")), limits.tiny / limits.eps)
    assert (np.abs(found[known].astype("g") - true[known]) <= room).all(), (what, found, true)


# ---- activations ----------------------------------------------------------------------------------------------------

POINTS = {
    "e": [6e-8, 1e-5, 1e-3, 0.3, 1, 2, 2.9, 3.1, 5.9, 6.1, 8, 11, 300, 6e4, inf],
    "f": [1e-45, 1e-38, 1e-20, 1e-3, 0.3, 1, 2, 2.9, 3.1, 5.9, 6.1, 8, 17, 90, 1e4, 1e20, 1e30, 3e38, inf],
    "d": [5e-324, 1e-300, 1e-160, 1e-3, 0.3, 1, 2, 2.9, 3.1, 5.9, 6.1, 8, 40, 720, 1e4, 1e30, 1e160, 1e200, 1e308, inf],
}
OVER_ROWS = {"softmax", "log_softmax", "sparsemax", "glu"}
ELEMENTWISE = {f.__name__: f for f in activations._BY_NAME.values() if f.__name__ not in OVER_ROWS}
# exp grows beyond all numbers, and says so as NumPy does.
GROWING = {"exponential"}


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize("name", sorted(ELEMENTWISE.keys() - GROWING))
def test_an_activation_is_silent_and_right_everywhere(name: str, dtype: str) -> None:
    f = ELEMENTWISE[name]
    x = np.array([0.0, -0.0, *POINTS[dtype], *(-v for v in POINTS[dtype])]).astype(dtype)
    value, slope = gradient(f, x)
    assert value.dtype == slope.dtype == x.dtype
    with np.errstate(all="ignore"):
        true_value, true_slope = gradient(f, wide(x))
    check(value, true_value, 64, name)  # the tail of gelu in single precision; the others are within 4
    assert np.isfinite(slope).all(), (x, slope)
    # tanh' and its kin are 1 - t²: right to the last places of 1, not of their own.
    near = np.abs(slope.astype("g") - true_slope) <= 8 * np.finfo(dtype).eps
    assert near.all(), (name, x[~near], slope[~near], true_slope[~near])


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_an_activation_hands_a_nan_on_in_silence(name: str, dtype: str) -> None:
    value, _ = gradient(ELEMENTWISE[name], np.array([nan, 0.5], dtype))
    assert np.isnan(value[0]) or name in NAN_IS_BELOW
    assert np.isfinite(value[1])


# Which compare: a NaN is not above.
NAN_IS_BELOW = {"hard_shrink"}


ROWS: list[tuple[str, list[float], list[float]]] = [
    ("softmax", [inf, 0.0, -inf], [1, 0, 0]),
    ("softmax", [inf, inf, 0.0], [0.5, 0.5, 0]),
    ("softmax", [0.0, -inf, 0.0], [0.5, 0, 0.5]),
    ("softmax", [-inf, -inf, -inf], [nan, nan, nan]),
    ("log_softmax", [inf, 0.0], [0, -inf]),
    ("log_softmax", [inf, inf], [np.log(0.5), np.log(0.5)]),
    ("log_softmax", [0.0, -inf], [0, -inf]),
    ("sparsemax", [inf, 0.0, -inf], [1, 0, 0]),
    ("sparsemax", [inf, inf, 0.0], [0.5, 0.5, 0]),
    ("sparsemax", [0.0, -inf, 0.0], [0.5, 0, 0.5]),
    ("glu", [inf, 2.0, 0.0, -inf], [inf, 0]),
    ("glu", [3.0, -inf, inf, 0.0], [3, -inf]),
]


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize(("name", "row", "expected"), ROWS)
def test_rows_with_infinities_have_their_limits(name: str, row: Any, expected: Any, dtype: str) -> None:
    for many in (1, 1000):  # by another way in blocks
        found = activations._BY_NAME[name](ag.tensor(np.tile(np.array(row, dtype), (many, 1))))
        np.testing.assert_allclose(found.numpy()[-1], expected, rtol=1e-3 if dtype == "e" else 1e-7)


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax", "glu"])
def test_rows_of_very_large_and_small_numbers(name: str, dtype: str) -> None:
    large = {"e": 6e4, "f": 3e38, "d": 1e308}[dtype]
    small = {"e": 6e-8, "f": 1e-45, "d": 5e-324}[dtype]
    rows = np.array([[large, -large, 0, small], [-large] * 4, [large, large, 1, 1], [small, -small, 0, 0]]).astype(
        dtype
    )
    f = activations._BY_NAME[name]
    g = np.arange(f(rows).size).reshape(4, -1) / 16
    value, slope = gradient(f, rows, g.astype(dtype))
    true_value, true_slope = gradient(f, wide(rows), g.astype(WIDER[dtype]))
    assert np.isfinite(value).all()  # the log-probability of a finite logit is finite
    assert np.isfinite(slope).all()
    if name != "log_softmax":
        check(value, true_value, 8, name)
    check(slope, true_slope, 64, name)


def test_an_infinity_times_nothing_has_no_limit_and_says_so() -> None:
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(activations.glu(np.array([inf, -inf])))


# ---- how exact they are ---------------------------------------------------------------------------------------------

SMOOTH = sorted({*ELEMENTWISE, "softmax", "log_softmax", "sparsemax"} - {"exponential"})


@pytest.mark.parametrize("name", SMOOTH)
def test_single_precision_is_within_four_units_of_the_largest(name: str) -> None:
    """On 20,000 points, of value and slope; sums over 20,000 numbers among them."""
    x = np.random.default_rng(4).normal(size=20_000).astype(np.float32) * 4
    f = activations._BY_NAME[name]
    g = np.random.default_rng(5).normal(size=x.shape).astype(np.float32)
    single, double = gradient(f, x, g), gradient(f, x.astype(np.float64), g.astype(np.float64))
    for a, b in zip(single, double, strict=True):
        assert np.abs(a - b).max() <= 4 * np.finfo("f").eps * np.abs(b).max(), name


# ---- losses ---------------------------------------------------------------------------------------------------------

LOSSES: dict[str, Case] = {
    **CASES,
    "cce logits": Case(losses.CategoricalCrossentropy, {"from_logits": True}, ONE_HOT, LOGITS, LOGITS),
    "bce logits": Case(losses.BinaryCrossentropy, {"from_logits": True}, BITS, LOGITS, LOGITS),
    "cfce one-hot": Case(losses.CategoricalFocalCrossentropy, {"from_logits": True}, ONE_HOT, LOGITS, LOGITS),
}
EXTREMES = {
    "e": [6e-8, 300.0, 6e4, inf],
    "f": [1e-45, 1e20, 1e30, 3e38, inf],
    "d": [5e-324, 1e30, 1e200, 1e308, inf],
}
# Where numbers in between are beyond the dtype, from which size on: the slope 2e of a square, and sums or products of
# what ought to be near 1. There the losses are silent, and no more is asked.
HALF_THE_LARGEST = {"e": np.inf, "f": 1.7e38, "d": 8.9e307}
BEYOND: dict[str, dict[str, float]] = {
    **dict.fromkeys(("mse", "squared_hinge"), HALF_THE_LARGEST),
    **dict.fromkeys(("dice", "tversky", "ctc"), dict.fromkeys("efd", 1e30)),
    "circle": dict.fromkeys("efd", 1e18),
    **dict.fromkeys(("poisson", "categorical_hinge"), dict.fromkeys("efd", inf)),
}


def test_every_loss_has_a_case() -> None:
    assert {case.make for case in CASES.values()} == set(losses.loss.REGISTRY.names.values())


@pytest.mark.parametrize(
    "dtype", ["f", pytest.param("e", marks=pytest.mark.ci), pytest.param("d", marks=pytest.mark.ci)]
)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_silent_and_its_gradient_finite_where_the_true_one_is(name: str, dtype: str) -> None:
    case = LOSSES[name]
    for size in EXTREMES[dtype]:
        beyond = size >= BEYOND.get(name, {}).get(dtype, nan)
        for value in (size, -size):
            one, every = case.p.astype(dtype), np.full(case.p.shape, value, dtype)
            one.reshape(-1)[1] = value
            for p in (one, every):
                loss, slope = gradient(lambda t: case.loss()(case.y, t), p)
                assert loss.dtype == (np.float32 if dtype == "e" else dtype)
                true_loss, true_slope = gradient(lambda t: case.loss()(case.y, t), wide(p))
                if beyond or np.isnan(true_loss):
                    continue  # the logarithm of a negative rate
                with np.errstate(all="ignore"):
                    known = np.isfinite(true_slope.astype(dtype))
                # A mean of the largest numbers may be inf, as their sum is.
                assert np.isfinite(loss) or np.abs(true_loss) > np.finfo(loss.dtype).max / 64, (value, true_loss)
                assert not np.isnan(loss)
                assert np.isfinite(slope[known]).all(), (value, slope, true_slope)
                scale = np.abs(true_slope[known]).max(initial=0)
                off = np.abs(slope[known].astype("g") - true_slope[known]).max(initial=0)
                assert off <= 64 * np.finfo(dtype).eps * scale + np.finfo(dtype).tiny, (value, slope, true_slope)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_half_precision_computes_in_single(name: str) -> None:
    """The law over the table: value and gradient are those of single precision, the gradient rounded once."""
    case = LOSSES[name]
    p = case.p.astype(np.float16)
    loss, slope = gradient(lambda t: case.loss()(case.y, t), p)
    true_loss, true_slope = gradient(lambda t: case.loss()(case.y, t), p.astype(np.float32))
    assert loss.dtype == np.float32
    np.testing.assert_array_equal(loss, true_loss)
    np.testing.assert_array_equal(slope, true_slope.astype(np.float16))
    each, _ = gradient(lambda t: case.loss(reduction=None)(case.y, t), p)
    np.testing.assert_array_equal(each, case.loss(reduction=None)(case.y, ag.tensor(p.astype(np.float32))).numpy())


HALF = np.float16
OF_HALF: list[tuple[losses.Loss, Any, Any, float, Any]] = [
    (losses.BinaryCrossentropy(), [[0.0, 1.0, 0.0]], [[0, 1, 0]], 0, [[0, 0, 0]]),
    (losses.CosineSimilarity(), [[1.0, 1.0, 1.0]], [[0, 0, 0]], 0, None),
    (losses.CosineSimilarity(), [[1.0, 1.0, 1.0]], [[300, 300, 300]], -1, [[0, 0, 0]]),
    (losses.BinaryFocalCrossentropy(), [[0.0, 0.0]], [[0, 0]], 0, [[0, 0]]),
    (losses.MeanSquaredError(), [[0.0]], [[300]], 90_000, [[600]]),
]


@pytest.mark.parametrize(("loss", "y", "p", "value", "slope"), OF_HALF)
def test_losses_of_half_precision(loss: losses.Loss, y: Any, p: Any, value: float, slope: Any) -> None:
    found, by = gradient(lambda t: loss(y, t), np.array(p, HALF))
    assert found == pytest.approx(value, abs=2e-6)
    assert not np.isnan(by).any()  # that of the cosine at 0, 6e6, is infinite in half precision
    if slope is not None:
        np.testing.assert_allclose(by, slope, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.Dice(), losses.Tversky()])
def test_overlaps_of_half_precision_and_nothing(loss: losses.Loss) -> None:
    value, slope = gradient(lambda t: loss([[0.0, 0.0]], t), np.zeros((1, 2), HALF))
    assert np.isfinite(value)
    assert not np.isnan(slope).any()


@pytest.mark.parametrize("recorded", [True, False])
def test_half_precision_finds_the_logits_behind_a_softmax(recorded: bool) -> None:
    """Computed from the probabilities, which are 1 and 0, the loss would stop at 16."""
    z = ag.tensor(np.array([[60.0, 0.0]], HALF), requires_grad=recorded)
    with remember_logits():
        loss = losses.CategoricalCrossentropy()([[0.0, 1.0]], activations.softmax(z))
    assert loss.item() == 60
    with remember_logits():
        loss = losses.BinaryCrossentropy()([[0.0, 0.0]], activations.sigmoid(z))
    assert loss.item() == pytest.approx((60 + np.log(2)) / 2)


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
def test_probabilities_that_are_all_zero_count_as_the_smallest(dtype: str) -> None:
    p = np.array([[0.0, 0.0], [0.25, 0.75]], dtype)
    for loss, y in (
        (losses.CategoricalCrossentropy(), [[0.0, 1.0], [0.0, 1.0]]),
        (losses.SparseCategoricalCrossentropy(), [1, 1]),
        (losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0), [[0.0, 1.0], [0.0, 1.0]]),
    ):
        value, slope = gradient(lambda t, loss=loss, y=y: loss(y, t), p)
        assert value == pytest.approx((-np.log(1e-7) - np.log(0.75)) / 2, rel=1e-3)
        np.testing.assert_array_equal(slope[0], [0, 0])
        assert np.isfinite(slope).all()


def test_masked_classes_cost_nothing() -> None:
    """A logit of -inf, as masks make it, behind a target of 0."""
    z = np.array([[1.0, -inf, 2.0]])
    for loss in (
        losses.CategoricalCrossentropy(from_logits=True),
        losses.CategoricalFocalCrossentropy(from_logits=True),
    ):
        masked, slope = gradient(lambda t, loss=loss: loss([[1.0, 0.0, 0.0]], t), z)
        plain, kept = gradient(lambda t, loss=loss: loss([[1.0, 0.0]], t), z[:, [0, 2]])
        np.testing.assert_allclose(masked, plain, rtol=1e-14)
        np.testing.assert_allclose(slope, [[kept[0, 0], 0, kept[0, 1]]], rtol=1e-14)
    behind, _ = gradient(lambda t: losses.CategoricalCrossentropy()([[1.0, 0.0, 0.0]], ag.softmax(t)), z)
    np.testing.assert_allclose(behind, np.log1p(np.exp(1.0)), rtol=1e-14)


def test_a_function_of_the_users_is_called_once_whatever_it_returns() -> None:
    calls = []

    def loss(y: Any, p: Any) -> Any:
        calls.append(0)
        return (p * inf).sum()

    assert losses.get(loss)([1.0], ag.tensor([1.0])).item() == inf
    assert len(calls) == 1


# ---- lengths of vectors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1.0, 1e160, 1e200, 1e308])
def test_vectors_of_any_length_have_a_direction(size: float) -> None:
    x = np.array([[0.75, 1.0]]) * size
    value, slope = gradient(layers.UnitNormalization(dtype="float64"), x, [[1.0, 0.0]])
    if size > 1e-12:
        np.testing.assert_allclose(value, [[0.6, 0.8]], rtol=1e-14)
        np.testing.assert_allclose(slope * size, [[0.512, -0.384]], rtol=1e-13)
    found, by = gradient(lambda t: losses.CosineSimilarity()([[1.0, 0.0]], t), x)
    if size > 1e-7:
        assert found == pytest.approx(-0.6, rel=1e-14)
        np.testing.assert_allclose(by * size, [[-0.512, 0.384]], rtol=1e-13)
    assert np.isfinite(by).all()
    assert np.isfinite(slope).all()
