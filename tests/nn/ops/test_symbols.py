"""nn.ops on symbols: each row is a layer of a model that computes what the row does, also from its configuration."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import ops
from nn.module.symbols import Symbol
from tests.nn import peers

from .test_ops import SHAPES_ONLY, TABLE, call, flat

# Not rows that make a layer of a symbol: what symbols have without values, and what needs values.
KNOWN = {"shape": (None, 4), "ndim": 2, "dtype": "float32", "is_tensor": False}
WITHOUT_LAYER = {*KNOWN, "convert_to_numpy", "custom_gradient", "jvp"}
# Functions among the arguments have no plain form.
NOT_SAVED = {"associative_scan", "map", "scan", "switch", "vectorized_map"}
# Rows of vectors of two lengths; symbols without other axes than the batch have one.
UNFIT = {"correlate"}
# Rows of square matrices: here of a batch of them.
SQUARE = {"cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "qr", "solve", "solve_triangular", "svd"}
# One function of each element is like the next, for symbols.
ELEMENTWISE = {name for name, row in TABLE.items() if isinstance(row.function, np.ufunc)} - {"matmul", "add", "sin"}


def symbolic(value: Any, made: list[tuple[Symbol, Any]], k: Any = nn) -> Any:
    """Return arguments with a symbol for each array."""
    if isinstance(value, list) and any(isinstance(part, np.ndarray) for part in value):
        return [symbolic(part, made, k) for part in value]
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fiub":
        made.append((k.Input(value.shape[1:], dtype=value.dtype.name), value))
        return made[-1][0]
    return value


def arguments_of(name: str) -> tuple[Any, ...]:
    many = [np.stack([x, x]) if name in SQUARE and isinstance(x, np.ndarray) else x for x in call(name)]
    return tuple(many)


def takes_arrays(name: str) -> bool:
    made: list[tuple[Symbol, Any]] = []
    for argument in call(name):
        symbolic(argument, made)
    return bool(made)


ROWS = [name for name in sorted(TABLE) if takes_arrays(name) and name not in WITHOUT_LAYER | UNFIT | ELEMENTWISE]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_a_layer(name: str) -> None:
    arguments = arguments_of(name)
    made: list[tuple[Symbol, Any]] = []
    out = TABLE[name](*[symbolic(argument, made) for argument in arguments])
    found = list(out) if isinstance(out, (list, tuple)) else [out]
    model = nn.Model([symbol for symbol, _ in made], found)
    wanted = flat(TABLE[name](*arguments))
    if name in NOT_SAVED:
        with pytest.raises(TypeError, match="received a function"):
            model.get_config()
    for each in [model] if name in NOT_SAVED else [model, nn.Model.from_config(model.get_config())]:
        for symbol, ours, direct in zip(found, flat(each([x for _, x in made])), wanted, strict=True):
            assert ours.shape == direct.shape
            assert ours.dtype == direct.dtype == symbol.dtype
            assert len(symbol.shape) == ours.ndim
            assert all(n is None or n == m for n, m in zip(symbol.shape, ours.shape, strict=True))
            assert name in SHAPES_ONLY or np.allclose(ours, direct, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_what_a_symbol_has_is_known_beforehand() -> None:
    x = nn.Input((4,))
    assert {name: TABLE[name](x) for name in KNOWN} == KNOWN
    with pytest.raises(TypeError, match="which has no values yet"):
        ops.convert_to_numpy(x)


def test_symbols_in_lists_with_arrays_and_by_keyword_are_saved_and_cloned(tmp_path: Path) -> None:
    x, ids = nn.Input((6,), name="x"), nn.Input((6,), dtype="int32", name="ids")
    values, places = ops.top_k(x=x, k=2)
    joined = ops.concatenate([x, ops.cast(places, "float32"), ops.one_hot(ids, 3)[:, 0, :]], axis=-1)
    out = ops.where(ops.isnan(joined), 0.0, joined) @ np.ones((11, 2), np.float32)
    model = nn.Model({"x": x, "ids": ids}, {"out": out, "top": values, "row": x[..., 0]})
    model.save(tmp_path / "model.nn")
    data = {"x": np.random.default_rng(0).normal(size=(3, 6)).astype("f"), "ids": np.ones((3, 6), np.int32)}
    for other in (nn.models.load_model(tmp_path / "model.nn"), nn.models.clone_model(model)):
        for key, wanted in model(data).items():
            np.testing.assert_array_equal(other(data)[key].data, wanted.data)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "top_k (Operation)" in lines[0]
    assert "[(None, 2), (None, 2)]" in lines[0]
    assert "cast (Operation)" in lines[0]


def test_functions_of_numpy_that_only_the_table_knows_are_layers_too() -> None:
    x = nn.Input((5, 3))
    assert np.argmax(x, axis=1).shape == (None, 3)
    assert np.cumsum(x, axis=1).shape == (None, 5, 3)
    with pytest.raises(ValueError, match="expected one of the functions of NumPy"):
        np.linalg.cond(x)


def test_the_batch_is_an_axis_like_others() -> None:
    x = nn.Input((5, 3))
    assert ops.transpose(x).shape == (3, 5, None)
    assert ops.mean(x, axis=0).shape == (5, 3)
    assert ops.sum(x).shape == ()
    assert ops.reshape(x, (-1, 3)).shape == (None, 3)
    assert ops.reshape(x, (7, -1, 3)).shape == (7, None, 3)
    assert ops.squeeze(nn.Input((1, 3))).shape == (None, 3)
    assert (ops.mean(x, axis=0) + x).shape == (None, 5, 3)


# ---- against Keras --------------------------------------------------------------------------------------------------

# What Keras has no shape for, or a wrong one: joined batches, vectors and kernels made of symbols, matrices (N, N).
OTHER_SHAPES = {
    "adaptive_average_pool",
    "adaptive_max_pool",
    "append",
    "batch_normalization",
    "bincount",
    "conv",
    "conv_transpose",
    "corrcoef",
    "rearrange",
    "scan",
    "separable_conv",
    "svd",
}


@pytest.mark.ci
def test_rows_have_the_shapes_that_keras_infers() -> None:
    keras, wrong = peers.keras(), {}
    for name in set(ROWS) - OTHER_SHAPES:
        shapes = []
        for k, operation in ((nn, TABLE[name]), (keras, attrgetter(name)(keras.ops))):
            out = operation(*[symbolic(argument, [], k) for argument in arguments_of(name)])
            shapes.append([tuple(x.shape) for x in (out if isinstance(out, (list, tuple)) else [out])])
        if shapes[0] != shapes[1]:
            wrong[name] = shapes
    assert wrong == {}


def test_a_gradient_reaches_what_comes_before() -> None:
    x = nn.Input((4,))
    model = nn.Model(x, ops.logsumexp(nn.layers.Dense(3)(x), axis=-1))
    ag.backward(np.sum(model(np.ones((2, 4)))))
    assert all(p.grad is not None for p in model.parameters())
