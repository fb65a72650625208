"""Sparsity patterns of Jacobians and Hessians, found in the program of a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.docstrings import arguments_from
from ..core.errors import GradError
from ..core.indices import indices_in, with_indices
from ..core.shape_arithmetic import ShapeDtype
from ..functional.reverse_mode import grad
from ..ir.graph_node import GraphNode, Kind
from ..ir.pure_program import PureProgram
from ..tensors.tensor import Tensor, tensor
from ..tree import leaves, map as map_leaves
from .control_patterns import Flow
from .index_sets import IndexSets, empty, identity, stack, union
from .local_patterns import known_result, local_pattern
from .pattern import Pattern
from .steps import Call, Partly, Steps


class Detection(NamedTuple):
    """The dependences in a program.

    Attributes:
        sets: of every element of the results, one result after the other, the inputs that it depends on.
    """

    sets: IndexSets


def jacobian_pattern(f: Callable[..., Any], *args: Any, argnums: int = 0, local: bool = False) -> Pattern:
    """Return where the Jacobian of a function may have nonzeros.

    Row r is element r of the result, column c element c of the argument, both in C order; of a tree, its arrays come
    one after the other.

    Args:
        f: a function of arrays, or of trees of arrays, that returns an array or a tree of them.
        args: example arguments, whose shapes and dtypes count, and for a local pattern their values.
        argnums: the position of the argument by which to differentiate.
        local: whether the pattern is that at these values alone; otherwise it is right for all values.

    Returns:
        A `Pattern` of shape (size of the result, size of the argument).

    Raises:
        GradError: if the argument has arrays that are not floating.
        TraceError: if the function depends on values in Python, such as `if x > 0`.

    Example:
        >>> import autograd_lite as ag
        >>> jacobian_pattern(lambda x: x[1:] * x[:-1], np.ones(3)).toarray().astype(int).tolist()
        [[1, 1, 0], [0, 1, 1]]
    """
    program, inputs = trace(f, args, argnums)
    return detect(program, inputs, values=program.values() if local else None).sets.to_pattern()


@arguments_from(jacobian_pattern)
def hessian_pattern(f: Callable[..., Any], *args: Any, argnums: int = 0, local: bool = False) -> Pattern:
    """Return where the Hessian of a function may have nonzeros: the pattern of the Jacobian of its gradient.

    Args:
        f: a function that returns one number.

    Returns:
        A symmetric `Pattern` of shape (size of the argument, size of the argument).

    Example:
        >>> hessian_pattern(lambda x: x[0] * x[1] + x[2], np.ones(3)).toarray().astype(int).tolist()
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    gradient = jacobian_pattern(functools.wraps(f)(grad(f, argnums)), *args, argnums=argnums, local=local)
    return symmetric(gradient)


def symmetric(pattern: Pattern) -> Pattern:
    """Return the places of a square pattern that are in its transpose too."""
    n = max(pattern.shape[1], 1)
    transposed = pattern.transpose()
    own, other = (p.rows * np.int64(n) + p.indices for p in (pattern, transposed))
    if np.array_equal(own, other):
        return pattern
    rows, columns = np.divmod(np.intersect1d(own, other, assume_unique=True), n)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=pattern.shape[0]))]).astype(np.int32)
    return Pattern(indptr, columns.astype(np.int32), pattern.shape)


# ---- programs -------------------------------------------------------------------------------------------------------


def trace(
    f: Callable[..., Any], args: Sequence[Any], argnums: int = 0
) -> tuple[PureProgram, list[tuple[str | None, int]]]:
    """Return the program of a function, and for each array of an argument its slot, None without one, and its size."""
    if argnums.__class__ is not int or not -len(args) <= argnums < len(args):
        raise TypeError(
            f"jacobian_pattern: expected argnums to be the position of one of {len(args)} "
            f"arguments; received {argnums!r}"
        )
    argnums %= len(args)

    def as_variable(leaf: Any) -> Tensor:
        a = leaf.data if isinstance(leaf, Tensor) else np.asarray(leaf)
        if a.dtype.kind not in "fc":
            raise GradError(f"jacobian_pattern: expected an argument of floats to differentiate by; received {a.dtype}")
        return tensor(a, requires_grad=True)

    arguments = [map_leaves(as_variable, a) if k == argnums else a for k, a in enumerate(args)]

    @functools.wraps(f)
    def returns_tensors(*inputs: Any) -> Any:
        return map_leaves(lambda t: t if isinstance(t, Tensor) else tensor(np.asarray(t)), f(*inputs))

    program = PureProgram.trace(returns_tensors, *arguments)
    before = sum(len(_arrays(a)) for a in arguments[:argnums])
    own = leaves(arguments[argnums])
    slots = program.inputs[before : before + len(own)]
    return program, [(i, t.size) for i, t in zip(slots, own, strict=True)]


def _arrays(argument: Any) -> list[Any]:
    return [a for a in leaves(argument) if isinstance(a, (Tensor, np.ndarray, np.generic))]


def detect(
    program: PureProgram, inputs: Sequence[tuple[str | None, int]], values: Mapping[str, Any] | None = None
) -> Detection:
    """Return what every element of the results of a program depends on.

    Args:
        program: from `trace`.
        inputs: of the variables, their slots and sizes; their elements are numbered one after the other.
        values: of all nodes, for a pattern at these values alone; without them, for all values of all arguments.
    """
    width, start, sets = sum(n for _, n in inputs), 0, {}
    for i, n in inputs:
        if i is not None:
            sets[i] = identity(n, start, width)
        start += n
    if values is None:
        bound = {i: v._data if isinstance(v, Tensor) else v for i, v in program.bindings.items()}
        values = {i: v for i, v in bound.items() if i not in program.inputs}
    propagate(program, sets, dict(values), width, program.graph.outputs)
    parts = [
        sets.get(i) or empty(ShapeDtype(program.graph[i].shape, program.graph[i].dtype).size, width)
        for i in program.graph.outputs
    ]
    return Detection(stack(parts))


def propagate(
    program: PureProgram, sets: dict[str, IndexSets], values: dict[str, Any], width: int, outputs: Collection[str] = ()
) -> None:
    """Add the sets of all nodes of a program that depend on something.

    Args:
        program: the nodes, in order.
        sets: of its slots that depend on something.
        values: of its nodes that are known.
        width: how many inputs there are.
        outputs: the nodes whose sets are of use, so that those of others may be let go; by default all.
    """
    several: dict[str, list[IndexSets | None]] = {}
    flow = Flow(propagate, width)
    parts: dict[str, Partly] = {}
    memory: dict[Any, Any] = {}
    last = {a: node.id for node in program.graph.nodes for a in node.inputs} if outputs else {}
    for node in program.graph.nodes:
        if node.kind is not Kind.OP:
            continue
        op, arguments, params = program.calls[node.id]
        if op.name == "get_tuple_element":
            results = several.get(arguments[0])
            result = None if results is None else results[params["index"]]
            if result is not None:
                sets[node.id] = result
            if arguments[0] in values and (value := values[arguments[0]][params["index"]]) is not None:
                values[node.id] = value
            continue
        if node.id not in values and all(i in values for i in node.inputs) and op.name[:7] != "random_":
            with np.errstate(all="ignore"):
                values[node.id] = program.compute(node.id, values)
        if node.id in values and not any(a in sets for a in arguments):
            continue
        inside = flow.through(op, [sets.get(a) for a in arguments], [values.get(a) for a in arguments])
        if inside is not None:
            several[node.id], values[node.id] = inside
            continue
        call = _call(program, node, values, parts)._replace(memory=memory)
        results, part = _results(call, [sets.get(a) for a in arguments], node.id in values)
        if part is not None:
            parts[node.id] = part
        if op.results is not None:
            several[node.id] = results
        elif results[0] is not None:
            sets[node.id] = results[0]
        for a in arguments:
            if last.get(a) == node.id and a not in outputs:
                sets.pop(a, None)
                parts.pop(a, None)


def _call(program: PureProgram, node: GraphNode, values: Mapping[str, Any], parts: Mapping[str, Partly]) -> Call:
    op, arguments, params = program.calls[node.id]
    computed = next(indices_in(params), None) is not None
    if computed and all(i in values for i in node.inputs[len(arguments) :]):
        params = with_indices(params, iter([values[i] for i in node.inputs[len(arguments) :]]))
        computed = False
    nodes = [program.graph[a] for a in arguments]
    shapes: Any = node.shape if op.results is not None else (node.shape,)
    dtypes: Any = node.dtype if op.results is not None else (node.dtype,)
    return Call(
        op,
        params,
        tuple([ShapeDtype(a.shape, a.dtype) for a in nodes]),
        tuple(map(ShapeDtype, shapes, dtypes)),
        tuple([values.get(a) for a in arguments]),
        values.get(node.id),
        computed,
        tuple([parts.get(a) for a in arguments]),
    )


def _results(
    call: Call, inputs: Sequence[IndexSets | None], is_known: bool
) -> tuple[list[IndexSets | None], Partly | None]:
    """Return the sets of each result of a call, None for no dependence, and the known part of its value."""
    united: list[list[IndexSets]] = [[] for _ in call.out]
    steps_of: dict[int, Steps] = {}
    for i, own in enumerate(inputs):
        if own is not None:
            every_steps = local_pattern(call, i)
            steps_of[i] = every_steps[0]
            for k, steps in enumerate(every_steps):
                if steps is not None:
                    result = own
                    for step in steps:
                        result = step(result)
                    united[k].append(result)
    part = None if is_known else known_result(call, steps_of)
    return [union(p) if p else None for p in united], part
