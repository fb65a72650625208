"""ONNX's file format, written by hand: Protocol Buffers' wire format, and the messages of `onnx.proto` that we need.

A message is a sequence of fields, each a key (field number and wire type) and a value: a varint, 4 bytes, or a length
and that many bytes. Fields are written in the order of their numbers, as the official library writes them, and a field
of several values one by one: so its parser and its writer give the same bytes back.

References:
    Protocol Buffers, Encoding (protobuf.dev/programming-guides/encoding). ONNX IR version 8, onnx/onnx.proto.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

# TensorProto.DataType, by NumPy's names of the dtypes.
DATA_TYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}


@functools.lru_cache(maxsize=64)
def data_type(dtype: np.dtype[Any]) -> int:
    """Return the number that a dtype has in the format, or 0 if it has none."""
    return DATA_TYPES.get(dtype.name, 0)


_VARINT, _BYTES, _FIXED32 = 0, 2, 5
# AttributeProto.AttributeType
_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 6, 7, 8


def varint(value: int) -> bytes:
    """Encode an integer in groups of seven bits, the lowest first; a negative one as its 64-bit two's complement.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    value &= 0xFFFF_FFFF_FFFF_FFFF
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


class Message:
    """A message under construction: pieces that are joined once, at the end, since weights may be large.

    Example:
        >>> Message().integer(1, 8).text(2, "ag").encode().hex()
        '080812026167'
    """

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes | memoryview] = []
        self.size = 0

    def _add(self, piece: bytes | memoryview) -> None:
        self.pieces.append(piece)
        self.size += len(piece)

    def integer(self, field: int, value: int) -> Message:
        """Add an integer, an enum or a truth value."""
        self._add(varint(field << 3 | _VARINT) + varint(value))
        return self

    def real(self, field: int, value: float) -> Message:
        """Add a number in single precision."""
        self._add(varint(field << 3 | _FIXED32) + struct.pack("<f", value))
        return self

    def raw(self, field: int, value: bytes | memoryview) -> Message:
        """Add bytes."""
        self._add(varint(field << 3 | _BYTES) + varint(len(value)))
        self._add(value)
        return self

    def text(self, field: int, value: str) -> Message:
        """Add a string; half a surrogate pair, which has no encoding, becomes a question mark."""
        return self.raw(field, value.encode("utf-8", "replace"))

    def message(self, field: int, value: Message) -> Message:
        """Add a message inside this one."""
        self._add(varint(field << 3 | _BYTES) + varint(value.size))
        self.pieces.extend(value.pieces)
        self.size += value.size
        return self

    def encode(self) -> bytes:
        """Return the bytes."""
        return b"".join(self.pieces)


class ValueSpec(NamedTuple):
    """The name, dtype and axes that a model states for a value; an axis is a length, a name, or None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str | None, ...]
    doc: str = ""


class NodeRecord(NamedTuple):
    """One ONNX node; an input that is left out is called ""."""

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""
    attributes: Mapping[str, Any] = {}
    doc: str = ""
    domain: str = ""


def tensor(name: str, array: np.ndarray) -> Message:
    """Encode an array: raw bytes, little endian, in C order."""
    message = Message()
    for n in array.shape:
        message.integer(1, n)
    message.integer(2, data_type(array.dtype))
    if name:
        message.text(8, name)
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return message.raw(9, little.reshape(-1).view(np.uint8).data if little.size else b"")


def attribute(name: str, value: Any) -> Message:
    """Encode an attribute: a number, a string, an array, or a sequence of numbers or of strings.

    Raises:
        TypeError: if it is anything else.
    """
    message = Message().text(1, name)
    if isinstance(value, np.ndarray):
        return message.message(5, tensor("", value)).integer(20, _TENSOR)
    several = isinstance(value, Sequence) and not isinstance(value, str)
    values = value if several else [value]
    for kinds, add, one, many in _ATTRIBUTES:
        if all(isinstance(v, kinds) for v in values):
            field, kind = many if several else one
            for v in values:
                add(message, field, v)
            return message.integer(20, kind)
    raise TypeError(f"attribute {name!r}: expected a number, a string, an array or a sequence; received {value!r}")


# The classes of values, how one is added, and the fields and types of one and of several.
_ATTRIBUTES: tuple[tuple[Any, Any, tuple[int, int], tuple[int, int]], ...] = (
    (Integral, lambda message, field, v: message.integer(field, int(v)), (3, _INT), (8, _INTS)),
    (Real, lambda message, field, v: message.real(field, float(v)), (2, _FLOAT), (7, _FLOATS)),
    (str, Message.text, (4, _STRING), (9, _STRINGS)),
)


def value_info(spec: ValueSpec) -> Message:
    """Encode the name, dtype and axes of a value."""
    shape = Message()
    for n in spec.shape:
        axis = Message()
        if isinstance(n, str):
            axis.text(2, n)
        elif n is not None:
            axis.integer(1, n)
        shape.message(1, axis)
    kind = Message().message(1, Message().integer(1, data_type(spec.dtype)).message(2, shape))
    message = Message().text(1, spec.name).message(2, kind)
    return message.text(3, spec.doc) if spec.doc else message


def node(record: NodeRecord) -> Message:
    """Encode a node, with its attributes in the order of their names."""
    message = Message()
    for name in record.inputs:
        message.text(1, name)
    for name in record.outputs:
        message.text(2, name)
    if record.name:
        message.text(3, record.name)
    message.text(4, record.op_type)
    for key in sorted(record.attributes):
        message.message(5, attribute(key, record.attributes[key]))
    if record.doc:
        message.text(6, record.doc)
    return message.text(7, record.domain) if record.domain else message


def graph(
    name: str,
    nodes: Iterable[NodeRecord],
    initializers: Mapping[str, np.ndarray],
    inputs: Iterable[ValueSpec],
    outputs: Iterable[ValueSpec],
    values: Iterable[ValueSpec],
    doc: str = "",
) -> Message:
    """Encode a graph."""
    message = Message()
    for record in nodes:
        message.message(1, node(record))
    message.text(2, name)
    for key, array in initializers.items():
        message.message(5, tensor(key, array))
    if doc:
        message.text(10, doc)
    for field, specs in ((11, inputs), (12, outputs), (13, values)):
        for spec in specs:
            message.message(field, value_info(spec))
    return message


def model(
    body: Message,
    *,
    ir_version: int,
    opsets: Mapping[str, int],
    producer: tuple[str, str],
    metadata: Mapping[str, str],
) -> bytes:
    """Encode a model.

    Args:
        body: its graph.
        ir_version: of the file format.
        opsets: the version of each domain of operators; the standard one is called "".
        producer: name and version of the program that wrote it.
        metadata: further texts by name.
    """
    message = Message().integer(1, ir_version).text(2, producer[0]).text(3, producer[1]).message(7, body)
    for domain, version in opsets.items():
        message.message(8, Message().text(1, domain).integer(2, version))
    for key, text in metadata.items():
        message.message(14, Message().text(1, key).text(2, text))
    return message.encode()
