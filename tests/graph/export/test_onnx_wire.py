"""The encoder against the official parser: whatever is written is read back the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, strategies as st
from onnx import numpy_helper

from autograd_lite.graph.export.onnx import wire
from autograd_lite.graph.export.onnx.wire import DATA_TYPES, NodeRecord, ValueSpec
from autograd_lite.testing import strategies as gst

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False)


def parsed(message: wire.Message, kind: Any) -> Any:
    found = kind()
    found.ParseFromString(message.encode())
    return found


@given(INT64)
def test_integers(value: int) -> None:
    tensor = parsed(wire.Message().integer(1, value), onnx.TensorProto)
    assert list(tensor.dims) == [value]
    assert tensor.SerializeToString() == wire.Message().integer(1, value).encode()


@pytest.mark.parametrize("dtype", sorted(DATA_TYPES))
@given(data=st.data())
def test_arrays_of_every_dtype_layout_and_byte_order(dtype: str, data: st.DataObject) -> None:
    shape = data.draw(gst.shapes(max_dims=3, max_side=3, min_side=0))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    bits = rng.integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    array = (bits[..., 0] % 2).astype(bool) if dtype == "bool" else bits.view(dtype)[..., 0]
    for layout in (array, array.T, array.astype(array.dtype.newbyteorder(">")), array[::-1] if shape else array):
        found = parsed(wire.tensor("w", layout), onnx.TensorProto)
        assert found.name == "w"
        read = numpy_helper.to_array(found)
        assert read.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(read, layout)


@given(
    st.one_of(
        INT64, FLOAT32, TEXT, st.lists(INT64, min_size=1), st.lists(FLOAT32, min_size=1), st.lists(TEXT, min_size=1)
    )
)
def test_attributes(value: Any) -> None:
    found = parsed(wire.attribute("a", value), onnx.AttributeProto)
    assert found.name == "a"
    read = onnx.helper.get_attribute_value(found)
    plain = [v.decode() if isinstance(v, bytes) else v for v in (read if isinstance(value, list) else [read])]
    assert plain == (value if isinstance(value, list) else [value])
    assert found.SerializeToString(deterministic=True) == wire.attribute("a", value).encode()


def test_an_attribute_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="attribute 'a': expected a number, a string, an array or a sequence; received"):
        wire.attribute("a", {"b": 1})


@given(st.lists(TEXT, max_size=3), st.lists(TEXT, min_size=1, max_size=3), TEXT, TEXT, st.dictionaries(TEXT, INT64))
def test_nodes(inputs: list[str], outputs: list[str], name: str, doc: str, attributes: dict[str, int]) -> None:
    record = NodeRecord("Op", tuple(inputs), tuple(outputs), name, attributes, doc, "domain")
    found = parsed(wire.node(record), onnx.NodeProto)
    assert (list(found.input), list(found.output), found.name) == (inputs, outputs, name)
    assert (found.op_type, found.doc_string, found.domain) == ("Op", doc, "domain")
    assert {a.name: a.i for a in found.attribute} == attributes
    assert found.SerializeToString(deterministic=True) == wire.node(record).encode()


def test_a_whole_model_comes_back_byte_for_byte() -> None:
    shape = (2, "batch", None)
    spec = ValueSpec("x", np.dtype("float32"), shape, "what comes in")
    body = wire.graph(
        "g", [NodeRecord("Neg", ("x",), ("y",))], {"w": np.ones((2, 3), np.float16)}, [spec], [spec], [spec], "doc"
    )
    made = wire.model(body, ir_version=8, opsets={"": 17, "ours": 1}, producer=("us", "0"), metadata={"k": "v"})
    found = onnx.load_from_string(made)
    assert found.SerializeToString(deterministic=True) == made
    assert [(o.domain, o.version) for o in found.opset_import] == [("", 17), ("ours", 1)]
    axes = found.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_value or axis.dim_param or None for axis in axes] == list(shape)
    assert (found.producer_name, found.producer_version, found.metadata_props[0].value) == ("us", "0", "v")


def test_text_that_has_no_encoding_is_written_all_the_same() -> None:
    found = parsed(wire.Message().text(1, "half \ud83d pair"), onnx.ValueInfoProto)
    assert found.name == "half ? pair"


def test_large_arrays_are_not_copied_until_the_end() -> None:
    array = np.zeros(1000)
    pieces = wire.graph("g", [], {"w": array}, [], [], []).pieces
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), array) for piece in pieces if len(piece) == 8000)
