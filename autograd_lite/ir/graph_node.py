"""Nodes of graphs, their kinds and parameters. All of it is immutable, and none of it holds an array."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.indices import IndexArray
from ..core.multi_result import Dtypes, get_tuple_element
from ..core.node import Source
from ..core.shape_arithmetic import Shape, size_of


class Kind(StrEnum):
    """Kinds of nodes: four kinds of slots, and operations.

    Example:
        >>> import autograd_lite as ag
        >>> [node.kind.value for node in ag.build_graph(ag.tensor(2.0, requires_grad=True) * 3.0).nodes]
        ['parameter', 'constant', 'op']
    """

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    STATE = "state"
    OP = "op"


class Role(StrEnum):
    """Why a node exists: for the computation itself, or as a part of its backward pass.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(np.sin(ag.tensor(2.0, requires_grad=True)), backward=True)
        >>> sorted({node.role.value for node in graph.nodes})
        ['forward', 'rule', 'seed']
    """

    FORWARD = "forward"
    SEED = "seed"  # the cotangent of a result, with which the backward pass starts
    RULE = "rule"  # a derivative rule of an op
    UNBROADCAST = "unbroadcast"  # a sum over the axes along which an argument was broadcast
    CAST = "cast"  # back to the dtype of the argument
    ACCUMULATE = "accumulate"  # the sum of what several uses of a value contribute


class Flow(NamedTuple):
    """One step of the chain rule: what an op's rule for one argument adds to the cotangent of that argument.

    Attributes:
        op: the id of the forward op.
        argument: the position in its inputs.
        into: the id of the forward node at that position.
        contribution: the id of what this rule gives, after what undoes a broadcast or a promotion.
        total: the id of the cotangent of `into` so far: the contribution, or the sum with earlier ones.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(np.sin(ag.tensor(2.0, requires_grad=True)), backward=True)
        >>> [flow.argument for flow in graph.flows]
        [0]
    """

    op: str
    argument: int
    into: str
    contribution: str
    total: str


class ArrayDigest(NamedTuple):
    """A digest of an array that is a parameter of an op, such as an index: enough to tell two apart.

    Attributes:
        shape: of the array.
        dtype: its name.
        digest: some hexadecimal digits of a hash of the elements.

    Example:
        >>> print(ArrayDigest.of(np.array([2, 0, 1])))
        int64(3,)#b33cdb3d
    """

    shape: Shape
    dtype: str
    digest: str

    @classmethod
    def of(cls, array: np.ndarray) -> ArrayDigest:
        """Make the digest of an array's values."""
        import hashlib  # 3 ms, and most graphs have no such array

        values = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        return cls(array.shape, str(array.dtype), hashlib.blake2b(values.tobytes(), digest_size=4).hexdigest())

    def __str__(self) -> str:
        return f"{self.dtype}{self.shape}#{self.digest}"


class Opaque(str):
    """The text that replaces a parameter that is not a plain value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Param:
    """A keyword parameter of an op's call.

    Attributes:
        name: of the keyword.
        text: the value as text; two parameters are equal if their texts are, so 1, 1.0 and True differ, and NaN is
            equal to itself.
        value: the value as Python holds it, with `ArrayDigest` in place of arrays.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(ag.tensor([[1.0, 2.0]], requires_grad=True).sum(axis=0))
        >>> [(p.name, p.text) for p in graph.nodes[-1].params]
        [('axis', '(0,)'), ('dtype', 'None'), ('keepdims', 'False')]
    """

    name: str
    text: str
    value: Any = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}={self.text}"


# Classes of parameters that stay as they are, and whose text is their `repr`.
PLAIN = frozenset((type(None), bool, int, float, complex, str))
_PARTS = PLAIN | {type(Ellipsis)}


def make_param(name: str, value: Any) -> Param:
    """Make a Param from what an op was called with.

    Example:
        >>> print(make_param("index", (0, slice(1, None), Ellipsis)))
        index=(0, 1:, ...)
    """
    stored = value if is_plain(value) else _without_arrays(value)
    return Param(name, _text(stored), stored)


def is_plain(value: Any) -> bool:
    """Return whether a value is plain, or a tuple of plain values and slices of these: as most parameters are."""
    if value.__class__ is not tuple:
        return value.__class__ in PLAIN
    for part in value:
        if part.__class__ is slice:
            if not (part.start.__class__ in PLAIN and part.stop.__class__ in PLAIN and part.step.__class__ in PLAIN):
                return False
        elif part.__class__ not in _PARTS:
            return False
    return True


def _without_arrays(value: Any) -> Any:
    if isinstance(value, IndexArray):
        return Opaque(f"{value.dtype}{value.shape}, read anew")
    if isinstance(value, np.ndarray):
        return ArrayDigest.of(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return tuple([_without_arrays(v) for v in value])
    if isinstance(value, dict):
        return {k: _without_arrays(value[k]) for k in sorted(value, key=str)}
    if isinstance(value, slice):
        return slice(*[_without_arrays(v) for v in (value.start, value.stop, value.step)])
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, complex, str, np.dtype)):
        return value
    # As text, since the object may hold arrays; and without its address, which differs from run to run.
    return Opaque(re.sub(" at 0x[0-9a-fA-F]+", "", repr(value)))


def _text(value: Any) -> str:
    kind = value.__class__
    if kind in PLAIN:
        return repr(value)
    if kind is tuple:
        texts = [repr(part) if part.__class__ in PLAIN else _text(part) for part in value]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
    if kind is slice:
        start, stop = ["" if v is None else _text(v) for v in (value.start, value.stop)]
        return f"{start}:{stop}" if value.step is None else f"{start}:{stop}:{_text(value.step)}"
    if isinstance(value, (ArrayDigest, np.dtype, Opaque)):
        return str(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {_text(v)}' for k, v in value.items())}}}"
    return repr(value)


def number_of(node_id: str) -> int:
    """Return the number in a node's id, by which nodes are ordered; in a part of a graph it is not a position.

    Example:
        >>> number_of("n12")
        12
    """
    return int(node_id[1:])


@dataclass(frozen=True, slots=True, init=False, repr=False)
class GraphNode:
    """One slot or one operation of a graph.

    Attributes:
        id: "n0", "n1", … in recorded order.
        kind: slot or operation.
        op: the op's name in the registry; empty on a slot.
        glyph: how pictures write the op, if it has a sign of its own.
        inputs: the ids of the arguments, in order; the generator of a random draw is one of them.
        params: the keyword parameters, sorted by name.
        shape: of the result; of a call with several results, a tuple of their shapes.
        dtype: of the result, or of several, as `shape`; `object` on the state of a random generator.
        name: of the tensor or generator, as the user gave it; empty if there is none.
        value: of a constant without axes, as text; empty if there is none.
        weak: the constant is a Python number, which gives way to the dtype of the other operand.
        needs: the positions in `inputs` that a gradient flows to.
        flops: estimate of the floating-point operations of this node alone.
        scope: the `nn` module that the op ran in, when it was recorded.
        role: forward, or what the node does in the backward pass.
        of: in the backward pass, the id of the forward op whose rule it belongs to; of a seed, the result.
        toward: in the backward pass, the id of the forward node whose cotangent it helps to make.
        source: the user's line, when it was recorded; two nodes that differ only in it are equal.

    Example:
        >>> import autograd_lite as ag
        >>> node = ag.build_graph(np.sin(ag.tensor([1.0, 2.0], requires_grad=True))).nodes[-1]
        >>> node.op, node.shape
        ('sin', (2,))
    """

    id: str
    kind: Kind
    op: str
    glyph: str
    inputs: tuple[str, ...]
    params: tuple[Param, ...]
    shape: Shape
    dtype: np.dtype[Any]
    name: str = ""
    value: str = ""
    weak: bool = False
    needs: tuple[int, ...] = ()
    flops: int = 0
    scope: str = ""
    role: Role = Role.FORWARD
    of: str = ""
    toward: str = ""
    source: Source | None = field(default=None, compare=False)

    def __new__(
        cls,
        id: str,
        kind: Kind,
        op: str,
        glyph: str,
        inputs: tuple[str, ...],
        params: tuple[Param, ...],
        shape: Shape,
        dtype: np.dtype[Any],
        name: str = "",
        value: str = "",
        weak: bool = False,
        needs: tuple[int, ...] = (),
        flops: int = 0,
        scope: str = "",
        role: Role = Role.FORWARD,
        of: str = "",
        toward: str = "",
        source: Source | None = None,
    ) -> Self:
        """Make a node in a tenth of the time that the constructor of a frozen dataclass takes."""
        node: Any = _new(_Draft)
        node.id, node.kind, node.op, node.glyph, node.inputs, node.params = id, kind, op, glyph, inputs, params
        node.shape, node.dtype, node.name, node.value, node.weak, node.needs = shape, dtype, name, value, weak, needs
        node.flops, node.scope, node.role, node.of, node.toward, node.source = flops, scope, role, of, toward, source
        node.__class__ = cls
        return node

    def __repr__(self) -> str:
        words = [self.op, *self.inputs] if self.kind is Kind.OP else [str(self.kind), *filter(None, [self.name])]
        return f"<{type(self).__name__} {self.id}: {self.shape} {self.dtype} = {' '.join(words)}>"

    def replace(self, **changes: Any) -> Self:
        """Return the node with other values of some attributes, as `dataclasses.replace`, which takes longer."""
        node: Any = _new(_Draft)
        node.id, node.kind, node.op, node.glyph, node.inputs = self.id, self.kind, self.op, self.glyph, self.inputs
        node.params, node.shape, node.dtype, node.name = self.params, self.shape, self.dtype, self.name
        node.value, node.weak, node.needs, node.flops = self.value, self.weak, self.needs, self.flops
        node.scope, node.role = self.scope, self.role
        node.of, node.toward, node.source = self.of, self.toward, self.source
        for name, value in changes.items():
            setattr(node, name, value)
        node.__class__ = GraphNode
        return node

    def __reduce__(self) -> tuple[Any, ...]:
        return GraphNode, tuple([getattr(self, name) for name in _FIELDS])

    @property
    def backward(self) -> bool:
        """Whether the node belongs to the backward pass."""
        return self.role is not Role.FORWARD

    @property
    def has_several(self) -> bool:
        """Whether it is a call with several results, whose shapes and dtypes it has; a node each takes them out."""
        return type(self.dtype) is Dtypes  # type: ignore[comparison-overlap]

    @property
    def kinds(self) -> list[tuple[Shape, np.dtype[Any]]]:
        """Shape and dtype of its result, or of each result of a call."""
        shapes: Any = self.shape
        dtypes: Any = self.dtype
        return list(zip(shapes, dtypes, strict=True)) if self.has_several else [(shapes, dtypes)]

    @property
    def result(self) -> int | None:
        """The position of the result that it takes out of a call, its input; None for other nodes."""
        return next((p.value for p in self.params), 0) if self.op == _RESULT else None

    @property
    def computes(self) -> bool:
        """Whether it is an operation, and not just one of the results of one."""
        return self.kind is Kind.OP and self.op != _RESULT

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the values take; 0 for the state of a generator, which is not an array."""
        if self.has_several:
            return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.kinds)
        return 0 if self.dtype.hasobject else self.size * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.id} = {self.op or self.kind} {' '.join(self.inputs)}".rstrip()


_RESULT = get_tuple_element.name
_FIELDS = tuple(f.name for f in fields(GraphNode))


class _Draft:
    """A `GraphNode` while it is made: of the same layout, and its attributes can be set."""

    __slots__ = _FIELDS


_new = object.__new__
