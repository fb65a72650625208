"""The structure of calls of functions with custom rules: containers, keywords, several results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.batching import broadcast_batch, one_by_one
from ..core.duck_arrays import as_array, is_duck_array
from ..core.dynamic_scalars import DynamicScalar
from ..core.multi_result import Several
from ..core.op import Op, by_need
from ..core.ownership import SMALL, is_unshared
from ..core.shape_arithmetic import ShapeDtype
from ..ops import barrier
from ..tensors.record import own_value
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, Tracer
from ..tree import leaves, map as map_leaves, rebuild
from .derivative_rules import KeepSame


def arrays_in(out: Any) -> list[Any]:
    """Return the arrays in a function's result."""
    return [as_array(a._data if isinstance(a, Tensor) else a) for a in leaves(out)]


def take_ownership(held: Any, key: Any) -> Any:
    """Return a result of a user's function so that nothing else can change it; only `held` may hold it here."""
    if held[key].__class__ is np.ndarray:
        return held[key] if held[key].size > SMALL and is_unshared(held, key) else np.array(held[key])
    return own_value(held[key])


def results_in(held: dict[int, Any]) -> tuple[Any, Any]:
    """Return the structure of a function's result, with 0 for each array, and the result of an op for it.

    That is an array, or several if the function returned a container.

    Args:
        held: `held[0]` is the result, which the caller has no other name for.
    """
    if held[0].__class__ is np.ndarray:
        return 0, take_ownership(held, 0)
    tree = map_leaves(lambda _: 0, held[0])  # only the structure: the outputs keep their whole record alive
    arrays = dict(enumerate(arrays_in(held[0])))
    if not arrays:
        raise TypeError(f"expected the function to return an array or a container of arrays; received {held[0]!r}")
    del held[0]
    results = [take_ownership(arrays, k) for k in arrays]
    return tree, results[0] if tree.__class__ is int else Several.of(results)


# Classes that are certainly not Tensors, and classes whose values are inputs by themselves.
PLAIN_TYPES = frozenset(
    {np.ndarray, float, int, bool, complex, np.float64, np.float32, np.complex128, np.int64, np.bool_}
)
_INPUTS = frozenset({Tensor, TracedTensor, float, complex, np.float64, np.float32, np.complex128, np.complex64})
_ARRAYS = np.ndarray | np.generic | bool | int | float | complex
_FIXED = frozenset({int, bool, str, type(None)})


def are_inputs(args: tuple[Any, ...]) -> bool:
    """Return whether each argument is an array or a number that may be differentiated by."""
    for x in args:
        if x.__class__ not in _INPUTS and (x.__class__ is not np.ndarray or x.dtype.kind not in "biufc"):
            return False
    return True


def is_input(a: Any) -> bool:
    """Return whether an argument is an array, or a number, that a gradient may flow to."""
    if isinstance(a, np.ndarray | np.generic) or is_duck_array(a):
        return a.dtype.kind in "biufc"
    return isinstance(a, (Tensor, Tracer, float, complex, DynamicScalar))


def is_tensor(a: Any) -> bool:
    """Return whether something is a Tensor, or of a transformation."""
    return isinstance(a, (Tensor, Tracer))


def are_plain(*trees: Any) -> bool:
    """Return whether there is neither a Tensor nor a value of a transformation."""
    for tree in trees:
        if tree.__class__ in PLAIN_TYPES or tree.__class__ in _FIXED:
            continue
        if isinstance(tree, (Tensor, Tracer)):
            return False
        if tree.__class__ is tuple:
            if not are_plain(*tree):
                return False
        elif any(map(is_tensor, leaves(tree))):
            return False
    return True


# ---- in a function that is being compiled ---------------------------------------------------------------------------


def as_constant(x: Any) -> Any:
    """Return an array, or one of Python's numbers that changes, as a Tensor through which no gradient flows."""
    if isinstance(x, (np.ndarray, np.generic, DynamicScalar)):
        return barrier.stop_gradient(Tensor(x))
    return barrier.stop_gradient(x) if isinstance(x, Tensor) else x


def traced_like(returned: Any, result: Any) -> list[Any] | None:
    """Return the arrays that a function has returned on a tape, without a history; None if they are not the same.

    Args:
        returned: by the function.
        result: of the function of arrays.
    """
    traced, expected = (
        [as_constant(x if isinstance(x, Tensor) else as_array(x)) for x in leaves(returned)],
        leaves(result),
    )
    same = len(traced) == len(expected) and all(map(_have_same_bits, traced, expected))
    return traced if same and map_leaves(lambda _: 0, returned) == map_leaves(lambda _: 0, result) else None


def _have_same_bits(t: Any, other: Any) -> bool:
    a, b = _values(t), _values(other)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _values(x: Any) -> Any:
    while isinstance(x, (Tensor, Tracer)):
        x = x._data if isinstance(x, Tensor) else x.inner
    return np.asarray(x)


def _batch(num_results: int, op: Op, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Return the results of a call in a batch, which are its last inputs; by examples if something has a history."""
    if any(isinstance(x, Tracer) or (isinstance(x, Tensor) and x.requires_grad) for x in inputs):
        return one_by_one(op, inputs, batched, params)
    results = broadcast_batch(inputs, batched)[-num_results:]
    return results[0] if op.results is None else tuple(results)


def with_results(op: Op, n: int, num_results: int) -> Op:
    """Return the op of a call of n inputs whose results are further inputs, with the rules of the call."""
    rules, push = op.rules, op.jvp

    def choose_results(*values: Any, call: Call) -> Any:
        return values[n] if op.results is None else values[n:]

    def pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        array_needs = [i for i in needs if i < n]
        cotangents = rules.asked(array_needs, g, saved[: n + 1], params) if array_needs else []  # type: ignore[union-attr, misc]
        return [*cotangents, *(np.zeros(saved[i + 1].shape, saved[i + 1].dtype) for i in needs if i >= n)]

    return op.replace(
        forward=choose_results,
        infer=choose_results,
        rules=by_need(pull),
        jvp=push and (lambda ts, out, *values, call: push(ts[:n], out, *values[:n], call=call)),
        keeps=KeepSame.first(n, num_results),
        batch=lambda *args: _batch(num_results, *args),
    )


_FIRST = [0]


class ResultsWithResiduals(Several):
    """Results of a call, and the residuals that its rules read."""

    residuals: Any


class Call:
    """The structure of a call: its arguments without their arrays.

    Args:
        args, kwargs: of the function. The inputs are all numbers among `args` that may be differentiated by, and the
            Tensors among `kwargs`.

    Attributes:
        kwargs: the keywords; of a plain call, with what they were given.
        plain: whether each positional argument is an input and no keyword has any.
        owners: the argument that each input belongs to; those that keywords name come last.
        tree: the structure of the result, with 0 for each array, once it is known.
        specs: of these arrays.
        keeps: whether the residuals, arrays, are results too, which a plan hands on.
    """

    __slots__ = ("_args", "_fixed", "_trees", "keeps", "kwargs", "owners", "plain", "specs", "tree")
    tree: Any
    specs: tuple[ShapeDtype, ...] | None

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Any]) -> None:
        """Add the inputs to the list `inputs`."""
        self._args, self.kwargs, self.specs, self.keeps = len(args), kwargs, None, False
        self.plain = are_plain(*kwargs.values()) and are_inputs(args)
        self.owners: Sequence[int] = range(len(args))
        if self.plain:
            inputs += args
            return
        self._fixed: list[Any] = [*args, *kwargs.values()]
        self.kwargs = dict.fromkeys(kwargs)  # what they were given may have a history
        self._trees: list[tuple[int, Any, list[Any], list[int]]] = []
        self.owners = owners = []
        for i, arg in enumerate(self._fixed):
            parts = [arg] if arg.__class__ in _INPUTS else () if arg.__class__ in _FIXED else leaves(arg)
            accepts = is_input if i < len(args) else is_tensor
            accepted = list(map(accepts, parts))
            places = [k for k, yes in enumerate(accepted) if yes]
            if places:
                inputs += [parts[k] for k in places]
                owners += [i] * len(places)
                rest = [0 if yes else a for yes, a in zip(accepted, parts, strict=True)]
                self._trees.append((i, map_leaves(lambda _: 0, arg), rest, places))
                self._fixed[i] = None

    def note_results(self, held: dict[int, Any]) -> Any:
        """Return a function's result as an op does, one array or several, and note its structure.

        Args:
            held: `held[0]` is that, which the caller has no other name for; `held[1]` are residuals, if there are any.
        """
        self.keeps = self.keeps and all(isinstance(x, _ARRAYS) for x in leaves(held[1]))
        if self.keeps:
            held = {0: (held.pop(0), held.pop(1))}
        self.tree, out = results_in(held)
        several = out if out.__class__ is Several else (out,)
        self.specs = tuple([ShapeDtype(a.shape, a.dtype) for a in several])
        if 1 not in held:
            return out
        results: Any = ResultsWithResiduals.of(several)
        results.residuals = held[1]
        return results

    def outputs(self, arrays: Any) -> Any:
        """Return arrays of any kind, one or a tuple of several, in the structure that the function returned."""
        return self.whole(arrays)[0] if self.keeps else self.whole(arrays)

    def whole(self, arrays: Any) -> Any:
        """Return arrays in the structure of all results; of residuals too, if they are kept."""
        if self.tree.__class__ is int:
            return arrays[0] if isinstance(arrays, tuple) else arrays
        return rebuild(self.tree, iter(arrays))

    def arguments(self, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments and the keywords with other inputs."""
        if self.plain:
            return tuple(values), self.kwargs
        each = iter(values)
        trees = list(self._fixed)
        for i, tree, rest, places in self._trees:
            parts = list(rest)
            for k in places:
                parts[k] = next(each)
            trees[i] = parts[0] if tree.__class__ is int else rebuild(tree, parts)
        return tuple(trees[: self._args]), dict(zip(self.kwargs, trees[self._args :], strict=True))

    def inputs_of(self, i: int) -> list[int]:
        """Return which leaves of an argument are inputs."""
        if self.plain:
            return _FIRST if i < self._args else []
        return next((places for k, _, _, places in self._trees if k == i), [])

    def __repr__(self) -> str:
        args, kwargs = self.arguments(["·"] * len(self.owners))
        return f"({', '.join([*map(str, args), *(f'{k}={v}' for k, v in kwargs.items())])})"
