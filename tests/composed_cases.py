"""Cases for NumPy functions that are composed of others instead of being ops. Data only.

`calls` are spellings of one call. Each is applied to arrays, where it is NumPy itself, and to Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["COMPOSED_CASES", "ComposedCase"]


class ComposedCase(NamedTuple):
    """One call of a NumPy function on inputs of these shapes, and its other spellings.

    `looks` says that the function looks at values to decide what to do, as an index does, or changes its argument:
    then it is not a function for derivative rules.
    """

    function: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    calls: tuple[Callable[..., Any], ...]
    domain: str = "any"
    looks: bool = False
    label: str = ""

    @property
    def name(self) -> str:
        """The name of the function and the shapes."""
        name = self.label or self.function.__name__
        return "-".join([name, *("x".join(map(str, shape)) or "0d" for shape in self.shapes)])


def case(
    function: Any, shapes: Any, *calls: Callable[..., Any], domain: str = "any", looks: bool = False, name: str = ""
) -> ComposedCase:
    """Make a case; one shape stands for a tuple of one."""
    several = shapes if shapes and isinstance(shapes[0], tuple) else (shapes,)
    return ComposedCase(function, several, calls, domain, looks, name)


AXES = [
    case(np.swapaxes, (2, 3, 4), lambda x: np.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, 2)),
    case(np.swapaxes, (2, 3), lambda x: np.swapaxes(x, axis1=1, axis2=1)),
    case(np.matrix_transpose, (2, 3, 4), lambda x: np.matrix_transpose(x), lambda x: x.mT),
    case(np.moveaxis, (2, 3, 4), lambda x: np.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, source=0, destination=2)),
    case(np.moveaxis, (2, 3, 4), lambda x: np.moveaxis(x, [0, 1], [-1, 0]), lambda x: np.moveaxis(x, (0, 1), (2, 0))),
    case(np.expand_dims, (2, 3), lambda x: np.expand_dims(x, 1), lambda x: np.expand_dims(x, axis=-2)),
    case(np.expand_dims, (2, 3), lambda x: np.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, axis=(0, 3))),
    case(np.expand_dims, (), lambda x: np.expand_dims(x, 0)),
    case(np.squeeze, (1, 3, 1), lambda x: np.squeeze(x), lambda x: x.squeeze(), lambda x: x.squeeze((0, 2))),
    case(np.squeeze, (1, 3, 1), lambda x: np.squeeze(x, axis=-1), lambda x: x.squeeze(2)),
    case(np.ravel, (2, 3), lambda x: np.ravel(x), lambda x: x.ravel(), lambda x: x.flatten(), lambda x: x.reshape(-1)),
    case(np.ravel, (), lambda x: np.ravel(x)),
    case(np.flip, (2, 3), lambda x: np.flip(x), lambda x: np.flip(x, axis=(0, 1))),
    case(np.flip, (2, 3), lambda x: np.flip(x, 1), lambda x: np.flip(x, axis=-1)),
    case(np.fliplr, (2, 3), lambda x: np.fliplr(x)),
    case(np.flipud, (2, 3), lambda x: np.flipud(x)),
]

JOINS = [
    case(np.stack, ((2, 3), (2, 3)), lambda x, y: np.stack([x, y]), lambda x, y: np.stack((x, y), axis=0)),
    case(np.stack, ((2, 3), (2, 3)), lambda x, y: np.stack([x, y], -1), lambda x, y: np.stack([x, y], axis=2)),
    case(np.stack, ((), ()), lambda x, y: np.stack([x, y])),
    case(np.stack, ((3,),), lambda x: np.stack([x, x, np.ones(3)], 1)),
    case(np.vstack, ((3,), (2, 3)), lambda x, y: np.vstack([x, y]), lambda x, y: np.vstack(tup=(x, y))),
    case(np.vstack, ((), ()), lambda x, y: np.vstack([x, y])),
    case(np.hstack, ((3,), (2,)), lambda x, y: np.hstack([x, y])),
    case(np.hstack, ((2, 3), (2, 1)), lambda x, y: np.hstack((x, y))),
    case(np.hstack, ((), (2,)), lambda x, y: np.hstack((x, y))),
    case(np.concatenate, ((2, 1), (3,)), lambda x, y: np.concatenate([x, y], axis=None)),
    case(np.concatenate, ((2, 1), (2, 3)), lambda x, y: np.concatenate((x, y), -1)),
    case(np.split, (4, 3), lambda x: np.split(x, 2), lambda x: np.split(x, indices_or_sections=2, axis=0)),
    case(np.split, (2, 5), lambda x: np.split(x, [1, 3], axis=1), lambda x: np.split(x, (1, 3), -1)),
    case(np.split, (5,), lambda x: np.split(x, [2, 2, 7])),
    case(np.array_split, (5, 2), lambda x: np.array_split(x, 3), lambda x: np.array_split(x, 3, axis=0)),
    case(np.array_split, (2, 3), lambda x: np.array_split(x, 5, 1)),
]

PADS = [
    case(np.pad, (2, 3), lambda x: np.pad(x, 1), lambda x: np.pad(x, ((1, 1), (1, 1)), mode="constant")),
    case(np.pad, (2, 3), lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=5.0)),
    case(np.pad, (2, 3), lambda x: np.pad(x, ((1, 2),), constant_values=(1.0, 2.0))),
    case(np.pad, (3,), lambda x: np.pad(x, (2, 4), "edge"), lambda x: np.pad(x, pad_width=(2, 4), mode="edge")),
    case(np.pad, (2, 3), lambda x: np.pad(x, (2, 4), mode="reflect")),
    case(np.pad, (2, 3), lambda x: np.pad(x, (2, 4), mode="symmetric")),
    case(np.pad, (2, 3), lambda x: np.pad(x, (2, 4), mode="wrap")),
]

PRODUCTS = [
    case(np.dot, ((3,), (3,)), lambda x, y: np.dot(x, y), lambda x, y: x.dot(y)),
    case(np.dot, ((2, 3), (3, 4)), lambda x, y: np.dot(x, b=y), lambda x, y: x.dot(y)),
    case(np.dot, ((2, 3), (3,)), lambda x, y: np.dot(x, y)),
    case(np.dot, ((), (2, 3)), lambda x, y: np.dot(x, y)),
    case(np.dot, ((2, 3), ()), lambda x, y: np.dot(x, y)),
    case(np.dot, ((2, 2, 3), (4, 3, 2)), lambda x, y: np.dot(x, y)),
    case(np.dot, ((3,), (2, 3, 4)), lambda x, y: np.dot(x, y)),
    case(np.matmul, ((3,), (3, 2)), lambda x, y: np.matmul(x, y), lambda x, y: x @ y),
]

PAIRS = [
    case(np.divmod, ((2, 3), (3,)), lambda x, y: np.divmod(x, y), lambda x, y: divmod(x, y), domain="off jumps"),
    case(np.modf, (2, 3), lambda x: np.modf(x), domain="between"),
]

SHAPES_AND_TESTS = [
    case(np.shape, (2, 3), lambda x: np.shape(x), lambda x: x.shape),
    case(np.ndim, (2, 3), lambda x: np.ndim(x), lambda x: x.ndim),
    case(np.size, (2, 3), lambda x: np.size(x), lambda x: x.size),
    case(np.size, (2, 3), lambda x: np.size(x, 1), lambda x: np.size(x, axis=-1)),
    case(np.zeros_like, (2, 3), lambda x: np.zeros_like(x), lambda x: np.zeros_like(a=x, dtype=None)),
    case(np.zeros_like, (2, 3), lambda x: np.zeros_like(x, "f"), lambda x: np.zeros_like(x, dtype=np.float32)),
    case(np.ones_like, (2, 3), lambda x: np.ones_like(x)),
    case(np.ones_like, (2, 3), lambda x: np.ones_like(x, shape=(4,)), lambda x: np.ones_like(x, shape=4)),
    case(np.full_like, (2, 3), lambda x: np.full_like(x, 7), lambda x: np.full_like(x, fill_value=7.0)),
    case(np.full_like, (2, 3), lambda x: np.full_like(x, 7.9, dtype=int)),
    case(np.full_like, (2, 3), lambda x: np.full_like(x, x[0, 0]), looks=True),
    case(np.isclose, ((2, 3), (3,)), lambda x, y: np.isclose(x, y), lambda x, y: np.isclose(a=x, b=y)),
    case(np.isclose, ((3,),), lambda x: np.isclose(x, x + np.array([0.0, 1e-9, 1.0]), atol=1e-3)),
    case(np.isclose, ((3,),), lambda x: np.isclose(x * np.nan, x * np.nan)),
    case(np.isclose, ((3,),), lambda x: np.isclose(x * np.nan, x * np.nan, equal_nan=True)),
    case(np.isclose, ((3,),), lambda x: np.isclose(x / 0.0, x / 0.0)),
    case(np.isclose, ((3,),), lambda x: np.isclose(x, x * 1.01, 0.1), lambda x: np.isclose(x, x * 1.01, rtol=0.1)),
    case(np.allclose, ((3,),), lambda x: np.allclose(x * np.nan, x * np.nan, equal_nan=True), looks=True),
    case(np.array_equal, ((3,),), lambda x: np.array_equal(x * np.nan, x * np.nan), looks=True),
    case(np.array_equal, ((3,),), lambda x: np.array_equal(x * np.nan, x * np.nan, equal_nan=True), looks=True),
    case(np.allclose, ((3,),), lambda x: np.allclose(x, x), lambda x: np.allclose(x, x + 1e-12), looks=True),
    case(np.allclose, ((3,),), lambda x: np.allclose(x, x + 1), looks=True),
    case(np.array_equal, ((3,),), lambda x: np.array_equal(x, x), looks=True),
    case(np.array_equal, ((3,), (2,)), lambda x, y: np.array_equal(x, y), looks=True),
]

COMPOSED_CASES: list[ComposedCase] = [*AXES, *JOINS, *PADS, *PRODUCTS, *PAIRS, *SHAPES_AND_TESTS]
