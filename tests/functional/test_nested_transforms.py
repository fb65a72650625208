"""Transforms of transforms: over checkpoints, with indices made from the argument, and of batches without examples."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

X = np.array([1.0, 2.0, 3.0])
V = np.array([1.0, -1.0, 0.5])
Transform = Callable[[Any], Any]


# ---- over checkpoints -----------------------------------------------------------------------------------------------


def of_vector(x: Any) -> Any:
    return np.sin(x) * x * x.sum()


def total(f: Any) -> Any:
    return lambda x: f(x).sum()


# Each makes a function of x, an array, from a function of arrays.
TRANSFORMS: dict[str, Transform] = {
    "f": lambda f: f,
    "grad": lambda f: ag.grad(total(f)),
    "pullback": lambda f: lambda x: ag.vjp(f)(X)[1](x),
    "pullback by x": lambda f: lambda x: ag.vjp(f)(x)[1](V),
    "jvp": lambda f: lambda x: ag.jvp(f)((x,), (V,))[1],
    "linearize": lambda f: lambda x: ag.linearize(f)(X)[1](x),
    "vmap": lambda f: lambda x: ag.vmap(f)(np.multiply.outer(V, x))[1],
    "checkpoint": ag.checkpoint,
}


@pytest.mark.parametrize("outer", TRANSFORMS)
@pytest.mark.parametrize("inner", TRANSFORMS)
def test_a_checkpoint_changes_nothing(inner: str, outer: str) -> None:
    plain, kept = (TRANSFORMS[outer](TRANSFORMS[inner](f)) for f in (of_vector, ag.checkpoint(of_vector)))
    out = kept(X)
    assert type(out) is np.ndarray
    np.testing.assert_allclose(out, plain(X), rtol=1e-12)
    np.testing.assert_allclose(ag.grad(total(kept))(X), ag.grad(total(plain))(X), rtol=1e-11, atol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize("names", list(itertools.product(TRANSFORMS, repeat=3)), ids="-".join)
def test_a_checkpoint_changes_nothing_three_deep(names: tuple[str, ...]) -> None:
    plain, kept = of_vector, ag.checkpoint(of_vector)
    for name in names:
        plain, kept = TRANSFORMS[name](plain), TRANSFORMS[name](kept)
    np.testing.assert_allclose(kept(X), plain(X), rtol=1e-10, atol=1e-12)


# ---- indices made from the argument ---------------------------------------------------------------------------------

INDEXED: dict[str, Any] = {
    "x[x > a]": lambda x: (x[x > 1.5] ** 2).sum(),
    "x[np.asarray(x > a)]": lambda x: (x[np.asarray(x > 1.5)] ** 2).sum(),
    "x[(x > a).numpy()]": lambda x: (x[(x > 1.5).numpy()] ** 2).sum(),
    "x[(x > a).tolist()]": lambda x: (x[(x > 1.5).tolist()] ** 2).sum(),
    "x[argmax]": lambda x: x[np.argmax(x)] ** 2,
    "x[int(argmax)]": lambda x: x[int(np.argmax(x))] ** 2,
    "x[[argmax, argmin]]": lambda x: (x[[np.argmax(x), np.argmin(x)]] ** 2).sum(),
    "x[np.array([argmax])]": lambda x: (x[np.array([np.argmax(x), np.argmin(x)])] ** 2).sum(),
    "x[:argmax]": lambda x: (x[: np.argmax(x)] ** 2).sum(),
    "x[argsort]": lambda x: (x[np.argsort(x)] ** 2 * np.arange(3)).sum(),
    "x[nonzero]": lambda x: (x[np.nonzero(x > 1)] ** 2).sum(),
    "x[astype(int)]": lambda x: (x[x.astype(int) - 1] ** 2).sum(),
    "x[searchsorted]": lambda x: (x[np.searchsorted(x, x)] ** 2).sum(),
    "x[argmax, x > a]": lambda x: (np.outer(x, x)[np.argmax(x), x > 1.5] ** 2).sum(),
    "np.ix_": lambda x: (np.outer(x, x)[np.ix_(x > 1, x > 1)] ** 2).sum(),
    "range(sum)": lambda x: sum(x[i] ** 2 for i in range(int(np.sum(x > 1.5)))),
    "if any": lambda x: (x**2 if (x > 0).any() else -x).sum(),
}
SECOND: dict[str, Transform] = {
    "jvp of grad": lambda f: ag.jvp(ag.grad(f))((X,), (V,))[1],
    "linearize of grad": lambda f: ag.linearize(ag.grad(f))(X)[1](V),
    "forward jacobian of grad": lambda f: ag.jacobian(ag.grad(f), mode="forward")(X) @ V,
    "grad of jvp": lambda f: ag.grad(lambda x: ag.jvp(f)((x,), (V,))[1])(X),
    "grad of grad": lambda f: ag.grad(lambda x: (ag.grad(f)(x) * V).sum())(X),
    "hessian": lambda f: ag.hessian(f)(X) @ V,
    "vmap of hvp": lambda f: ag.vmap(lambda v: ag.hvp(f)(X, v))(V[None])[0],
    "jvp of grad of a checkpoint": lambda f: ag.jvp(ag.grad(ag.checkpoint(f)))((X,), (V,))[1],
}


@pytest.mark.parametrize("form", INDEXED)
def test_indices_made_from_the_argument(form: str) -> None:
    expected = ag.hvp(INDEXED[form])(X, V)
    for name, transform in SECOND.items():
        np.testing.assert_allclose(transform(INDEXED[form]), expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_values_of_a_batch_are_refused() -> None:
    for form in ("x[np.asarray(x > a)]", "x[int(argmax)]", "x[np.array([argmax])]"):
        with pytest.raises((TypeError, IndexError)):
            ag.vmap(INDEXED[form])(np.ones((2, 3)))


# ---- batches without examples ---------------------------------------------------------------------------------------

OF_NONE: dict[str, Any] = {
    "convolve": lambda x: np.convolve(x, np.ones(2)),
    "convolve, both": lambda x: np.convolve(x, x, "same"),
    "correlate": lambda x: np.correlate(x, np.ones(2), "full"),
    "convolution": lambda x: ag.convolution(x.reshape(1, 5, 1), np.ones((2, 1, 1))),
    "convolution by w": lambda x: ag.convolution(np.ones((1, 7, 1)), x.reshape(5, 1, 1)),
    "transposed convolution": lambda x: ag.transposed_convolution(x.reshape(1, 5, 1), np.ones((2, 1, 1)), 2),
    "max_pooling": lambda x: ag.max_pooling(x.reshape(1, 5, 1), 2),
    "scan": lambda x: ag.scan(lambda c, y: (c + y, c * y), 0.0, x),
    "scan of a carry": lambda x: ag.scan(lambda c, y: (c * y, c.sum()), x, np.ones(3)),
    "cond": lambda x: ag.cond(x.sum() > 0, lambda x: x * 2, lambda x: x, x),
    "fori_loop": lambda x: ag.fori_loop(0, 3, lambda i, x: x * (i + 1), x),
    "solve": lambda x: np.linalg.solve(np.outer(x, x) + np.eye(5), x),
    "sort": np.sort,
    "checkpoint": ag.checkpoint(lambda x: np.sin(x).sum()),
    "einsum": lambda x: np.einsum("i,j->ij", x, x),
}
WHILE: Any = lambda x: ag.while_loop(lambda x: x.sum() < 9, lambda x: x + 1, x)  # noqa: E731 - no reverse mode


def shapes(out: Any) -> list[tuple[int, ...]]:
    return [np.shape(leaf) for leaf in ag.tree.leaves(out)]


@pytest.mark.parametrize("name", [*OF_NONE, "while_loop"])
def test_no_examples(name: str) -> None:
    f, one, none = OF_NONE.get(name, WHILE), np.arange(1.0, 6.0), np.zeros((0, 5))

    def loss(x: Any) -> Any:
        return sum((leaf**2).sum() for leaf in ag.tree.leaves(f(x)))

    functions = [f, lambda x: ag.jvp(f)((x,), (x,))]
    if name != "while_loop":
        functions += [ag.grad(loss), lambda x: ag.hvp(loss)(x, x)]
    for function in functions:
        assert shapes(ag.vmap(function)(none)) == [(0, *shape) for shape in shapes(function(one))]
    if name != "while_loop":
        gradient = ag.grad(lambda x: sum((leaf**2).sum() for leaf in ag.tree.leaves(ag.vmap(f)(x))))(none)
        assert gradient.shape == none.shape


def test_gradients_of_a_large_array_add_up_where_the_last_of_them_has_a_tangent() -> None:
    """The walk adds to an array of its own in place, but for what stands for several arrays."""
    x, y, v = np.ones(2000), np.linspace(0, 1, 2000), np.full(2000, 2.0)

    def f(x: Any, y: Any) -> Any:
        return (x * 4).sum() + (x * y).sum() + (x * 2).sum() + (x * 3).sum()

    out, tangent = ag.jvp(lambda y: ag.grad(f)(x, y))((y,), (v,))
    np.testing.assert_allclose(out, y + 9)
    np.testing.assert_allclose(tangent, v)
