"""Operations have Keras's values under other arguments than in `tests/nn/ops/test_ops.py`, which has every name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn

from .. import peers
from .rows import Row, array, flat, rows, same, their_warnings

pytestmark = pytest.mark.ci

OPS = rows("""
    all | b(3, 4), axis=0, keepdims=True
    any | b(3, 4), axis=1
    amax | f(3, 4), axis=(0, 1), keepdims=True
    arange | 3, 11, 2
    arange | 2.5, dtype="float32"
    argmax | f(3, 4), axis=0, keepdims=True
    argmin | f(3, 4)
    argsort | f(3, 4), axis=0
    array | [[1, 2], [3, 4]], dtype="float32"
    average | f(3, 4), axis=0
    average_pool | f(2, 5, 6, 3), (3, 2), strides=2, padding="same"
    average_pool | f(2, 3, 7), 2, data_format="channels_first"
    batch_normalization | f(2, 4, 3), f(4), f(4, low=0.1), axis=1, epsilon=0.1
    binary_crossentropy | bits(3, 4), f(3, 4), from_logits=True
    broadcast_to | f(3, 1), (2, 3, 4)
    cast | f(3, 4), "bool"
    categorical_crossentropy | hot(3, 4), f(3, 4), from_logits=True
    categorical_crossentropy | hot(3, 4), f(3, 4), from_logits=True, axis=-1
    clip | f(3, 4), -0.5, 0.5
    concatenate | [f(3, 2), f(3, 4)], axis=-1
    conv | f(2, 7, 3), f(3, 3, 4), strides=2, padding="valid", dilation_rate=1
    conv | f(2, 7, 3), f(3, 3, 4), padding="same", dilation_rate=2
    conv | f(2, 4, 5, 6), f(2, 2, 2, 4), padding="valid", data_format="channels_first"
    convert_to_tensor | [1, 2, 3], dtype="float32"
    count_nonzero | i(3, 4, high=2), axis=1
    cumprod | f(3, 4), axis=1
    cumsum | f(3, 4)
    depthwise_conv | f(2, 5, 6, 3), f(2, 2, 3, 2), strides=2, padding="valid"
    diag | f(3, 3), k=1
    diagonal | f(2, 3, 4), offset=1, axis1=1, axis2=2
    diff | f(3, 5), n=2, axis=1
    digitize | f(5), np.array([-1.0, 0.0, 1.0])
    dot_product_attention | f(2, 5, 2, 4), f(2, 6, 2, 4), f(2, 6, 2, 4), scale=0.3
    dot_product_attention | f(2, 5, 2, 4), f(2, 6, 2, 4), f(2, 6, 2, 4), mask=b(2, 2, 5, 6)
    dot_product_attention | f(2, 5, 2, 4), f(2, 6, 2, 4), f(2, 6, 2, 4), bias=f(2, 2, 5, 6)
    einsum | "bij,bjk->bik", f(2, 3, 4), f(2, 4, 5)
    einsum | "...i,ij", f(2, 3, 4), f(4, 2)
    elu | f(3, 4), alpha=0.3
    expand_dims | f(3, 4), (0, 2)
    eye | 3, 4, 1
    flip | f(3, 4), axis=1
    full | (2, 3), 1.5
    get_item | f(3, 4), (slice(0, 2), -1)
    full_like | f(2, 3), 2, dtype="int32"
    gelu | f(3, 4), approximate=False
    glu | f(3, 4), axis=-1
    isclose | f(3, 4), f(3, 4), rtol=0.5, atol=0.1
    layer_normalization | f(3, 4), axis=-1, epsilon=0.1
    leaky_relu | f(3, 4), 0.3
    linspace | 0.0, 1.0, num=7, endpoint=False
    log_softmax | f(3, 4), axis=0
    logspace | 0.0, 2.0, num=5, base=2
    logsumexp | f(3, 4), axis=1, keepdims=True
    matmul | f(2, 3, 4), f(2, 4, 5)
    matmul | f(4), f(4, 2)
    max | f(3, 4), axis=1, initial=0.5
    max_pool | f(2, 5, 6, 3), 3, strides=1, padding="valid"
    max_pool | f(2, 3, 5, 6), (2, 3), padding="same", data_format="channels_first"
    mean | f(3, 4, 2), axis=(0, 2), keepdims=True
    median | f(3, 5), axis=1, keepdims=True
    meshgrid | f(3), f(4), indexing="ij"
    min | f(3, 4), axis=0, keepdims=True
    moments | f(3, 4, 2), axes=[0, 1], keepdims=True
    multi_hot | i(3, 4), 5, axis=-1
    nan_to_num | np.array([np.nan, np.inf, -np.inf, 1.0], "f"), nan=2.0, posinf=3.0, neginf=-3.0
    norm | f(3, 4)
    norm | f(3, 4), ord="fro", axis=(0, 1), keepdims=True
    norm | f(3, 4), ord=1, axis=1
    norm | f(3, 4), ord=np.inf, axis=0
    normalize | f(3, 4), axis=0, order=1
    one_hot | i(3, 4), 5, axis=1
    one_hot | np.array([0, -1, 4, 2]), 5, dtype="int32"
    ones | (2, 3), dtype="int32"
    outer | f(2, 3), f(4)
    pad | f(3, 4), ((1, 0), (0, 2)), mode="constant", constant_values=2.0
    pad | f(3, 4), ((1, 1), (2, 0)), mode="reflect"
    prod | f(3, 4), axis=1, keepdims=True
    quantile | f(3, 5), [0.2, 0.7], axis=1
    quantile | f(3, 5), 0.3, method="nearest", keepdims=True
    ravel | f(2, 3, 4)
    relu | f(3, 4)
    repeat | f(3, 2), 2, axis=1
    repeat | f(3, 2), np.array([1, 0, 2]), axis=0
    reshape | f(3, 4), (2, -1)
    roll | f(3, 4), (1, 2), axis=(0, 1)
    rot90 | f(3, 4), k=3
    round | 10 * f(3, 4)
    scatter | np.array([[1], [3], [1]]), f(3, 2), (5, 2)
    scatter_update | f(4, 2), np.array([[0], [3]]), f(2, 2)
    searchsorted | np.array([-1.0, 0.0, 1.0], "f"), f(5), side="right"
    segment_sum | f(5, 2), np.array([2, 0, 2, 1, 0]), num_segments=4, sorted=False
    separable_conv | f(2, 7, 3), f(3, 3, 2), f(1, 6, 4), strides=1, padding="same"
    softmax | f(2, 3, 4), axis=1
    softmax | f(2, 3, 4), axis=(1, 2)
    log_softmax | f(2, 3, 4), axis=(1, 2)
    sort | f(3, 4), axis=0
    sparse_categorical_crossentropy | i(3, high=4), f(3, 4), from_logits=True
    split | f(4, 6), [1, 3], axis=1
    split | f(4, 6), 3, axis=-1
    squeeze | f(3, 1, 4, 1), axis=1
    stack | [f(3, 4), f(3, 4)], axis=-1
    std | f(3, 4, 2), axis=(0, 1)
    sum | f(3, 4)
    sum | f(3, 4, 2), axis=(0, -1), keepdims=True
    sum | i(3, 4), axis=0
    swapaxes | f(2, 3, 4), 0, -1
    take | f(3, 4), i(2, 2, high=3), axis=0
    take | f(3, 4), np.array([-1, 0]), axis=1
    take_along_axis | f(3, 4), i(3, 2, high=4), axis=1
    tensordot | f(2, 3, 4), f(4, 3, 5), axes=[[1, 2], [1, 0]]
    tensordot | f(2, 3), f(4), axes=0
    tile | f(2, 3), (2, 1, 2)
    top_k | f(3, 5), 3, sorted=True
    trace | f(2, 3, 4), offset=1, axis1=1, axis2=2
    transpose | f(2, 3, 4)
    tri | 3, 4, -1
    tril | f(2, 3, 3), k=-1
    triu | f(3, 4), k=1
    unstack | f(2, 3, 4), axis=2
    var | f(3, 4), axis=0, keepdims=True
    where | b(3, 4), f(3, 4), f(4)
    where | b(3, 4), f(3, 4), 0.0
    zeros_like | f(2, 3), dtype="int32"
    add | f(3, 1), f(4)
    add | i(3, 4), 1.5
    subtract | i(3, 4), i(3, 4)
    multiply | f(3, 4), i(3, 4)
    divide | i(3, 4, low=1), i(3, 4, low=1)
    floor_divide | f(3, 4), f(3, 4, low=0.1)
    mod | f(3, 4), f(3, 4, low=0.1)
    power | i(3, 4), 2
    true_divide | i(3, 4, low=1), i(3, 4, low=1)
    maximum | f(3, 4), 0
    minimum | i(3, 4), 2
    sqrt | i(3, 4, low=1)
    square | i(3, 4)
    exp | i(3, 4)
    mean | i(3, 4)
    logical_and | i(3, 4, high=2), f(3, 4)
    logical_not | f(3, 4)
    bitwise_and | i(3, 4, high=9), 3
    sign | i(3, 4, low=-3)
    absolute | i(3, 4, low=-3)
    equal | f(3, 4), 0
    cholesky | matrix(3)
    det | matrix(3)
    inv | matrix(4)
    solve | matrix(3), f(3, 2)
    solve | matrix(3), f(3)
    lstsq | f(5, 3), f(5)
    svd | f(4, 3), compute_uv=False
    pinv | f(4, 3)
    matrix_rank | matrix(3)
""")


def kind(x: Any) -> str:
    return array(x).dtype.kind.replace("u", "i")


@pytest.mark.parametrize("row", OPS, ids=str)
def test_operations(row: Row) -> None:
    keras = peers.keras()
    arguments, options = row.draw()

    def tensors(value: Any) -> Any:
        if isinstance(value, list) and any(isinstance(part, np.ndarray) for part in value):
            return [tensors(part) for part in value]
        return keras.ops.convert_to_tensor(value) if isinstance(value, np.ndarray) else value

    with their_warnings():
        given = [tensors(a) for a in arguments], {name: tensors(a) for name, a in options.items()}
        expected = row.make(keras.ops)(*given[0], **given[1])
    got = row.make(nn.ops)(*arguments, **options)
    same(list(got) if isinstance(got, tuple) else got, expected)
    assert list(map(kind, flat(got))) == list(map(kind, flat(expected)))
