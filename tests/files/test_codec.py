"""Values as JSON and back: nothing is lost on the way, and whatever else is read gives one error."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.files import FORMS, Codec, Unreadable, arrays_by_name, parse_json

KEYS = st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.none())
PLAIN = st.one_of(
    KEYS,
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.complex_numbers(),
    st.builds(slice, *[st.one_of(st.none(), st.integers(-5, 5))] * 3),
    st.sampled_from([..., np.dtype("f4"), np.dtype(">i2"), np.dtype("M8[ns]")]),
)
DTYPES = ("f2", "f4", "f8", ">f8", "c8", "c16", "i1", "u8", "?")
ARRAYS = st.builds(
    lambda shape, dtype, order: np.array(np.arange(math.prod(shape)).reshape(shape), dtype, order=order),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
    st.sampled_from("CF"),
)
SCALARS = st.sampled_from([np.dtype(name).type(1) for name in DTYPES])
VALUES = st.recursive(
    st.one_of(PLAIN, ARRAYS, SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
)


def said(x: Any) -> Any:
    """Return all that there is of a value, comparable."""
    if isinstance(x, (np.ndarray, np.generic)):
        a = np.asarray(x)
        native = a.astype(a.dtype.newbyteorder("="))
        layout = a.strides if a.size > 1 and not (a.ndim and 1 in a.shape) else None
        return type(x), native.dtype, a.shape, layout, native.tobytes()
    if isinstance(x, dict):
        return dict, [(said(k), said(v)) for k, v in x.items()]
    if isinstance(x, (list, tuple)):
        return type(x), [said(part) for part in x]
    return type(x), repr(x)


@settings(max_examples=150)
@given(VALUES)
def test_nothing_is_lost(value: Any) -> None:
    held: dict[str, Any] = {}
    codec = Codec({"array": arrays_by_name(held)})
    text = json.dumps(codec.write(value, "x"), allow_nan=False)
    assert said(codec.read(parse_json(text, strict=True))) == said(value)
    assert all(a.flags.c_contiguous for a in held.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["NaN", "f8", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FORMS, "array", "axes", "scalar", "complex"]), inner, max_size=3)
    ),
)


@settings(max_examples=300)
@given(JSON)
def test_garbage_is_a_value_or_one_error(text: Any) -> None:
    codec = Codec({"array": arrays_by_name({"a": np.ones((2, 2))})})
    complaint = None
    try:
        value = codec.read(text)
    except Unreadable as error:
        complaint = str(error)
    if complaint is None:
        assert said(codec.read(codec.write(value, "x"))) == said(value)
    else:
        assert complaint.startswith("expected ")
        assert len(complaint) < 400


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, len, [{"a": object()}]], ids=["object", "set", "function", "within"]
)
def test_what_has_no_form_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match=r"expected plain values; received a \w+, .*, at w"):
        Codec().write(value, "w")


def test_the_same_function_makes_the_same_bytes(tmp_path: Path) -> None:
    w = ag.tensor(np.ones(2), name="w")
    f = ag.compile(lambda x: np.sin(x) * w)
    for _ in range(2):
        f(np.ones(2))
    for name in "abcdefgh":
        f.save_compiled(tmp_path / name)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
