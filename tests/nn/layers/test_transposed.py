"""Transposed convolutions beside Keras's rule: kernels × strides × paddings × output paddings × dilations."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nn import layers, ops

from .. import peers

rng = np.random.default_rng(0)
#: (kernel, stride, padding, output_padding, dilation)
Form = tuple[int, int, str, int | None, int]
FORMS: list[Form] = [
    form
    for form in itertools.product((1, 2, 3, 4, 5, 6), (1, 2, 3, 4), ("valid", "same"), (None, 0, 1, 2, 3), (1, 2, 3))
    if form[3] is None or form[3] < form[1]
]


def expected(x: Any, kernel: Any, form: Form) -> Any:
    """Return the result by Keras's words: x with zeros between and around, and the flipped kernel runs over it."""
    taps, stride, padding, more, dilation = form
    window = (taps - 1) * dilation + 1
    if padding == "valid":
        before, behind = window - 1, window - 1 + (max(stride - window, 0) if more is None else more)
    else:
        total = stride + window - 2 if more is None else window + window % 2 - 2 + more
        before = min(-(-total // 2), window - 1)
        behind = total - before
    wide = np.zeros((len(x) - 1) * stride + 1 + before + behind)
    wide[before : before + (len(x) - 1) * stride + 1 : stride] = x
    flipped = np.zeros(window)
    flipped[::dilation] = kernel
    return np.array([wide[i : i + window] @ flipped[::-1] for i in range(len(wide) - window + 1)])


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_form_is_by_the_rule(padding: str) -> None:
    for form in [form for form in FORMS if form[2] == padding]:
        taps, stride, _, more, dilation = form
        x, kernel = rng.normal(size=3), rng.normal(size=taps)
        options: dict[str, Any] = {"padding": padding, "output_padding": more, "dilation_rate": dilation}
        out = ops.conv_transpose(x[None, :, None], kernel[:, None, None], stride, **options)
        truth = expected(x, kernel, form)
        np.testing.assert_allclose(out.numpy()[0, :, 0], truth, atol=1e-12, err_msg=str(form))
        if min(stride, dilation) > 1:
            continue  # layers have either, as Keras's
        layer = layers.Conv1DTranspose(1, taps, stride, **options)
        layer.build((None, 3, 1))
        layer.kernel.assign(kernel[:, None, None])
        np.testing.assert_allclose(layer(x[None, :, None]).numpy()[0, :, 0], truth, atol=1e-5, err_msg=str(form))
        assert layer.compute_output_shape((None, 3, 1)) == (None, len(truth), 1)


def test_axes_are_independent() -> None:
    x, parts = rng.normal(size=(2, 3)), (rng.normal(size=3), rng.normal(size=2))
    options: dict[str, Any] = {"padding": "same", "output_padding": (1, 0), "dilation_rate": (1, 2)}
    out = ops.conv_transpose(x[None, ..., None], np.outer(*parts)[..., None, None], (2, 3), **options)
    rows = np.array([expected(row, parts[1], (2, 3, "same", 0, 2)) for row in x])
    truth = np.array([expected(column, parts[0], (3, 2, "same", 1, 1)) for column in rows.T]).T
    np.testing.assert_allclose(out.numpy()[0, ..., 0], truth, atol=1e-12)


def test_kerass_numbers() -> None:
    layer = layers.Conv1DTranspose(1, 3, 2, "same", output_padding=1)
    layer.build((None, 4, 1))
    layer.kernel.assign(np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1))
    out = layer(np.array([0.0, 1.0, 0.0, 10.0]).reshape(1, 4, 1))
    assert out.reshape(-1).tolist() == [0, 0, 1, 2, 3, 0, 10, 20]


@pytest.mark.ci
def test_keras_has_the_same_rule() -> None:
    keras = peers.keras()
    for taps, stride, padding, more, dilation in FORMS:
        x, kernel = rng.normal(size=(1, 4, 1)), rng.normal(size=(taps, 1, 1))
        form = (stride, padding, more, "channels_last", dilation)
        wanted = keras.ops.conv_transpose(x, kernel, *form).detach().cpu().numpy()
        out = ops.conv_transpose(x, kernel, *form).numpy()
        np.testing.assert_allclose(out, wanted, atol=1e-5, err_msg=str((taps, *form)))
