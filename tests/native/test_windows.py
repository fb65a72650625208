"""Laws of the kernels over windows, for every set of instructions, with NumPy's form of the same ops as truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.native.kernels import KERNELS, REASON, SETS, extension
from autograd_lite.ops import pooling, windowed

pytestmark = pytest.mark.skipif(not KERNELS, reason=f"the native extension is {REASON}")

SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)
NUMPY: Mapping[str, Any] = {}
Forward = Callable[..., Any]
Work = tuple[Forward, tuple[Any, ...]]  # a forward function with its parameters, and the arrays that it takes


class Form(NamedTuple):
    """One convolution or pooling: n images of c channels, f filters, and the lengths along each spatial axis."""

    n: int
    c: int
    f: int
    lengths: tuple[tuple[int, int, int, int, int, int], ...]  # windows, taps, stride, dilation, padding before, behind
    dtype: type
    seed: int

    @property
    def size(self) -> tuple[int, ...]:
        """The spatial shape of images that hold these windows."""
        found = ((n - 1) * s + (k - 1) * d + 1 - before - behind for n, k, s, d, before, behind in self.lengths)
        return tuple(max(1, size) for size in found)

    @property
    def counts(self) -> tuple[int, ...]:
        axes = zip(self.size, self.lengths, strict=True)
        return tuple(windowed.windows_along(n, k, s, (p, q), d) for n, (_, k, s, d, p, q) in axes)

    @property
    def convolutions(self) -> list[Work]:
        """All three, with numbers of mixed signs."""
        _, kernel, stride, dilation, before, behind = zip(*self.lengths, strict=True)
        options = {"stride": stride, "dilation": dilation, "padding": (*zip(before, behind, strict=True),), "groups": 1}
        rng = np.random.default_rng(self.seed)
        x, w, y = (
            rng.normal(size=shape).astype(self.dtype)
            for shape in ((self.n, *self.size, self.c), (*kernel, self.c, self.f), (self.n, *self.counts, self.f))
        )
        return [
            (partial(windowed._convolution, **options), (x, w)),
            (partial(windowed._convolution_input, size=self.size, **options), (y, w)),
            (partial(windowed._convolution_kernel, kernel=kernel, **options), (x, y)),
        ]

    @property
    def poolings(self) -> list[Work]:
        """All five, with few different numbers, special ones among them."""
        _, window, stride, _, before, behind = zip(*self.lengths, strict=True)
        options = {"window": window, "stride": stride, "padding": (*zip(before, behind, strict=True),)}
        rng = np.random.default_rng(self.seed)
        x, values, y = (
            np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), rng.integers(-2, 3, shape)).astype(self.dtype)
            for shape in [*2 * [(self.n, *self.size, self.c)], (self.n, *self.counts, self.c)]
        )
        _, index = under(NUMPY, partial(pooling._window_max, **options), x)
        taps = rng.integers(-1, 28, y.shape)
        return [
            (partial(pooling._window_max, **options), (x,)),
            *[(partial(pooling._window_take, **options), (values, i)) for i in (index, taps)],
            *[(partial(pooling._window_put, size=self.size, **options), (y, i)) for i in (index, taps)],
            (partial(pooling._window_sum, **options), (x,)),
            (partial(pooling._window_spread, size=self.size, **options), (y,)),
        ]


@st.composite
def forms(draw: st.DrawFn, *, dilated: bool) -> Form:
    lengths = []
    for _ in range(draw(st.integers(1, 3))):
        taps = draw(st.integers(1, 3))
        padding = [draw(st.integers(0, taps - 1)) for _ in range(2)]
        dilation = draw(st.integers(1, 2)) if dilated else 1
        lengths.append((draw(st.integers(1, 7)), taps, draw(st.integers(1, 3)), dilation, *padding))
    channels, filters = draw(st.sampled_from([1, 2, 3, 8, 17, 33])), draw(st.sampled_from([1, 5, 16, 40, 65]))
    dtype, seed = draw(st.sampled_from([np.float32, np.float64])), draw(st.integers(0, 99))
    return Form(draw(st.integers(0, 3)), channels, filters, tuple(lengths), dtype, seed)


# Several bands and tiles.
LARGE = Form(4, 5, 33, ((30, 3, 1, 1, 1, 1), (37, 2, 2, 1, 0, 1)), np.float32, 0)


def under(kernels: Mapping[str, Any], forward: Forward, *arrays: Any) -> Any:
    """Call a forward function that finds these kernels, and let it raise where NumPy would warn."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="raise"):
        patch.setattr(windowed, "KERNELS", kernels)
        return forward(*arrays)


def assert_same(a: Any, b: Any) -> None:
    """Assert that two arrays agree in every bit, but for the bits of NaN."""
    np.testing.assert_array_equal(a, b, strict=True)
    np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))


def quiet(forward: Forward, *arrays: Any) -> Any:
    with np.errstate(all="ignore"):
        return forward(*arrays)


def whole(forward: Forward, *arrays: Any) -> Any:
    """Call a function, and join results, if they are several, along the last axis."""
    result = quiet(forward, *arrays)
    return np.concatenate(result, axis=-1) if isinstance(result, tuple) else result


@pytest.mark.parametrize("instructions", SETS)
@settings(max_examples=25)
@given(form=forms(dilated=False))
def test_pooling_is_numpys(instructions: str, form: Form) -> None:
    kernels = extension.ufuncs(instructions)
    for forward, arrays in form.poolings:
        sums = forward.func in (pooling._window_sum, pooling._window_spread)  # of infinities of both signs
        call = partial(quiet, forward) if sums or forward.func is pooling._window_put else forward
        found, expected = under(kernels, call, *arrays), under(NUMPY, call, *arrays)
        if forward.func is pooling._window_max:
            np.testing.assert_array_equal(found[1], expected[1], strict=True)
            found, expected = found[0] + 0, expected[0] + 0  # NumPy's choice among zeros differs by machine
        assert_same(found, expected)


@pytest.mark.parametrize("instructions", SETS)
@settings(max_examples=25)
@given(form=forms(dilated=True))
def test_convolutions_are_as_exact_as_their_number_of_terms_allows(instructions: str, form: Form) -> None:
    kernels = extension.ufuncs(instructions)
    for forward, arrays in form.convolutions:
        found = under(kernels, forward, *arrays)
        wide = [a.astype(np.longdouble) for a in arrays]
        exact, size = forward(*wide), forward(*map(abs, wide))
        terms = max(forward(*map(np.ones_like, arrays)).max(initial=0), 1)
        assert (found.shape, found.dtype) == (exact.shape, arrays[0].dtype)
        assert (abs(found - exact) <= terms * np.finfo(form.dtype).eps * size).all()


@pytest.mark.parametrize("form", [LARGE, LARGE._replace(c=1, f=70, dtype=np.float64)])
def test_results_do_not_depend_on_layout_or_threads_or_on_which_images_are_together(form: Form) -> None:
    def reversed_order(a: Any) -> Any:
        return np.asfortranarray(a[::-1])[::-1]

    def with_gaps(a: Any) -> Any:
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    before = ag.get_threads()
    for forward, arrays in form.poolings + form.convolutions:
        results = []
        for threads in (1, 2, 5):
            ag.set_threads(threads)
            try:
                results += [whole(forward, *map(lie, arrays)) for lie in (np.copy, reversed_order, with_gaps)]
            finally:
                ag.set_threads(before)
        for result in results[1:]:
            assert result.tobytes() == results[0].tobytes()
        if forward.func is not windowed._convolution_kernel:
            alone = [
                whole(forward, *(a[i : i + 1] if len(a) == form.n and a.ndim == 4 else a for a in arrays))
                for i in range(form.n)
            ]
            np.testing.assert_array_equal(np.concatenate(alone), results[0])


@pytest.mark.parametrize("kernels", [KERNELS, NUMPY], ids=["native", "numpy"])
def test_windows_far_longer_than_images_cost_no_more_than_those_as_long(kernels: Mapping[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(2, 3, 4, 3))
    near, far = (
        {"window": (length,) * 2, "stride": (2, 1), "padding": ((length - 3, 2),) * 2} for length in (9, 10**9)
    )
    for forward, arrays, sizes in (
        (largest, (x,), {}),
        (pooling._window_sum, (x,), {}),
        (in_maxima, (y, x), {}),
        (pooling._window_spread, (y,), {"size": (5, 4)}),
    ):
        call = partial(forward, **sizes)
        found, expected = (under(kernels, partial(call, **lengths), *arrays) for lengths in (far, near))
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("kernels", [KERNELS, NUMPY], ids=["native", "numpy"])
@pytest.mark.parametrize(("window", "dtype"), [((15, 17), np.uint8), ((16, 16), np.intp), ((1, 300), np.intp)])
def test_an_index_has_bytes_where_they_suffice(window: Any, dtype: type, kernels: Mapping[str, Any]) -> None:
    x = np.random.default_rng(0).permutation(40 * 310).reshape(1, 40, 310, 1).astype(np.float32)
    options = {"window": window, "stride": (7, 9), "padding": ((0, 0), (0, 4))}
    z, index = under(kernels, partial(pooling._window_max, **options), x)
    assert index.dtype == dtype
    np.testing.assert_array_equal(under(kernels, partial(pooling._window_take, **options), x, index), z)
    put = under(kernels, partial(pooling._window_put, size=x.shape[1:-1], **options), np.ones_like(z), index)
    assert put.sum() == z.size
    assert set(x[put > 0]) == set(z.ravel())


def largest(x: Any, **lengths: Any) -> Any:
    return pooling._window_max(x, **lengths)[0]


def in_maxima(y: Any, x: Any, **lengths: Any) -> Any:
    """Put each y at the largest element of its window, and take from there."""
    index = pooling._window_max(x, **lengths)[1]
    put = pooling._window_put(y, index, size=x.shape[1:-1], **lengths)
    np.testing.assert_array_equal(pooling._window_take(x, index, **lengths), largest(x, **lengths))
    return put


def test_the_last_of_equal_zeros_is_the_largest_and_the_first_gets_the_gradient() -> None:
    x = np.array([0.0, -0.0, -0.0, 0.0, -1.0, np.nan, np.nan, 2.0]).reshape(1, 8, 1)
    options: dict[str, Any] = {"window": (2,), "stride": (2,), "padding": ((0, 0),)}
    z, index = pooling._window_max(x, **options)
    assert np.signbit(z[0, :, 0]).tolist()[:2] == [True, False]
    found = pooling._window_put(np.arange(1.0, 5.0).reshape(1, 4, 1), index, size=(8,), **options)
    assert found.reshape(-1).tolist() == [1, 0, 2, 0, 0, 3, 4, 0]


def test_other_dtypes_and_groups_and_ranks_take_numpys_form() -> None:
    form = Form(2, 2, 4, ((3, 2, 1, 1, 0, 0),) * 2, np.float32, 1)
    for forward, arrays in form.convolutions + form.poolings:
        half = quiet(forward, *(a.astype(np.float16) if a.dtype.kind == "f" else a for a in arrays))
        assert (half[0] if isinstance(half, tuple) else half).dtype == np.float16
    four = np.ones((1, 2, 2, 2, 2, 1), np.float32)
    options = {"stride": (1,) * 4, "padding": ((0, 0),) * 4}
    assert windowed._convolution(four, four[0, ..., None], dilation=(1,) * 4, groups=1, **options).item() == 16
    assert pooling._window_sum(four, window=(2,) * 4, **options).item() == 16


def test_flags_are_raised_where_a_sum_raises_them_and_not_by_what_lies_beside_it() -> None:
    x, w = np.full((1, 3, 1), 3e38, np.float32), np.ones((2, 1, 3), np.float32)
    options: dict[str, Any] = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    with np.errstate(all="raise"):
        assert np.isinf(windowed._convolution(np.full_like(x, np.inf), w, **options)).all()
        with pytest.raises(FloatingPointError, match="overflow"):
            windowed._convolution(x, w, **options)
