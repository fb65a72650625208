"""Rows of text that are computed twice, with our names and with Keras's, and how the results are compared.

A row is `what | arguments`: an expression in the names of a module (`keras.losses` and `nn.losses`), and what the
result is called on, in the names of `Draws`. Each row draws from a generator of its own.
"""

from __future__ import annotations

import contextlib
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag

from .. import peers


class Row(NamedTuple):
    """A thing, as an expression, and the arguments of a call of it, as text."""

    thing: str
    arguments: str

    @property
    def name(self) -> str:
        """The public name that the row is about, the first one in it."""
        return re.split(r"\W", self.thing, maxsplit=1)[0]

    def make(self, module: Any) -> Any:
        """Return the thing of one of the libraries."""
        return eval(self.thing, {}, Names(module))

    def draw(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the call; the same in each call of this."""
        return eval(f"_({self.arguments})", {"_": lambda *a, **k: (a, k), "np": np, **Draws(str(self)).names()})

    def __str__(self) -> str:
        return " | ".join(self) if self.arguments else self.thing


def rows(table: str) -> list[Row]:
    """Return the rows of a table: a line each, but for empty ones and comments."""
    lines = [line.strip() for line in table.strip().splitlines()]
    parts = [line.partition(" | ") for line in lines if line and not line.startswith("#")]
    return [Row(thing.strip(), arguments.strip()) for thing, _, arguments in parts]


class Names(dict[str, Any]):
    """The names of a module, `module` among them."""

    def __init__(self, module: Any) -> None:
        super().__init__(module=module)

    def __missing__(self, name: str) -> Any:
        return getattr(self["module"], name)


class Draws:
    """Random arrays, by short names."""

    def __init__(self, seed: str) -> None:
        self.rng = np.random.default_rng(zlib.crc32(seed.encode()))

    def names(self) -> dict[str, Callable[..., Any]]:
        return {name: getattr(self, name) for name in ("f", "i", "b", "p", "bits", "signs", "dist", "hot", "matrix")}

    def f(self, *shape: int, low: float = -1.5, high: float = 1.5) -> np.ndarray:
        """Floats."""
        return self.rng.uniform(low, high, shape).astype(np.float32)

    def i(self, *shape: int, high: int = 5, low: int = 0) -> np.ndarray:
        """Integers below `high`."""
        return self.rng.integers(low, high, shape).astype(np.int32)

    def b(self, *shape: int) -> np.ndarray:
        """Booleans: a mask of steps, of which the first of each row counts."""
        mask = self.rng.random(shape) < 0.6
        mask[:, :1] = True
        return mask

    def p(self, *shape: int) -> np.ndarray:
        """Probabilities."""
        return self.f(*shape, low=0.02, high=0.98)

    def bits(self, *shape: int) -> np.ndarray:
        """Zeros and ones, as floats, both of them in every column."""
        drawn = (self.rng.random(shape) < 0.5).astype(np.float32)
        drawn[0], drawn[1] = 0, 1
        return drawn

    def signs(self, *shape: int) -> np.ndarray:
        """Minus and plus ones, as floats."""
        return 2 * self.bits(*shape) - 1

    def dist(self, *shape: int) -> np.ndarray:
        """Distributions along the last axis."""
        p = self.f(*shape, low=0.05, high=1.0)
        return p / p.sum(-1, keepdims=True)

    def hot(self, *shape: int) -> np.ndarray:
        """Classes as one-hot rows."""
        return np.eye(shape[-1], dtype=np.float32)[self.i(*shape[:-1], high=shape[-1])]

    def matrix(self, n: int) -> np.ndarray:
        """A symmetric positive definite matrix."""
        a = self.f(n, n)
        return a @ a.T + n * np.eye(n, dtype=np.float32)


@contextlib.contextmanager
def their_warnings() -> Iterator[None]:
    """Keep quiet about what Keras, PyTorch and NumPy say to one another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def array(x: Any) -> np.ndarray:
    """Return the array of anything that holds one, whoever made it."""
    if isinstance(x, ag.Tensor):
        return x.numpy()
    x = getattr(x, "value", x) if type(x).__module__.startswith("keras") else x
    return np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x)


def flat(result: Any) -> list[Any]:
    """Return the leaves of a result: of lists, tuples and dicts."""
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    return [leaf for part in result for leaf in flat(part)] if isinstance(result, (list, tuple)) else [result]


def same(ours: Any, theirs: Any, what: str = "value", tolerance: float = 1e-5) -> None:
    """Assert that two results have the same shapes and, up to the rounding of their largest value, the same values."""
    mine, peers_own = flat(ours), flat(theirs)
    assert len(mine) == len(peers_own), what
    for a, b in zip(map(array, mine), map(array, peers_own), strict=True):
        assert a.shape == b.shape, (what, a.shape, b.shape)
        largest = np.abs(b[np.isfinite(b)]).max(initial=1.0) if b.dtype.kind in "fc" else 1.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * float(largest), err_msg=what)


def with_gradients(call: Callable[..., Any], arrays: list[Any], torch: Any = None) -> tuple[list[Any], list[Any]]:
    """Return the leaves of what a call makes of arrays, and the gradients of a fixed function of them.

    Args:
        call: takes the arrays as tensors.
        arrays: those of floats have gradients.
        torch: PyTorch if the call computes with it, otherwise it computes here.
    """
    is_float = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in arrays]
    make = ag.tensor if torch is None else torch.tensor
    given = [make(a, requires_grad=True) if f else a for a, f in zip(arrays, is_float, strict=True)]
    leaves = flat(call(*given))
    total = weighed(leaves, torch)
    if total is not None:
        total.backward()
    tensors = [x for x, f in zip(given, is_float, strict=True) if f]
    return leaves, [np.zeros(x.shape) if x.grad is None else x.grad for x in tensors]


def weighed(leaves: list[Any], torch: Any = None) -> Any:
    """Return a sum of all results, each element with a weight of its own; None where nothing has a history."""
    rng, total = np.random.default_rng(0), None
    for leaf in leaves:
        factor = rng.normal(size=tuple(getattr(leaf, "shape", ()))).astype(np.float32)
        if getattr(leaf, "requires_grad", False):
            factor = factor if torch is None else torch.tensor(factor)
            total = (leaf * factor).sum() if total is None else total + (leaf * factor).sum()
    return total


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[Any]) -> None:
    """Assert that two calls give equal values and gradients."""
    values, gradients = with_gradients(ours, arrays)
    with their_warnings():
        their_values, their_gradients = with_gradients(theirs, arrays, peers.torch())
    same(values, their_values)
    same(gradients, their_gradients, "gradient")
