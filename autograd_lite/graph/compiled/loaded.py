"""A compiled function from a file: it has no code, so it repeats the recorded operations, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...compiler.abstract_values import ARRAYS, ArrayKind, kinds_of, unflatten_like
from ...compiler.aliases import captured_ids
from ...compiler.compile_report import argument_kinds
from ...compiler.compiled_function import Compiled
from ...compiler.host_code import HostStateChanged
from ...compiler.replay import Replay
from ...compiler.scalar_arguments import Number, Numbers, Varying
from ...compiler.trace import Recording
from ...compiler.trace_cache import Request, Trace
from ...core.errors import AssumptionFailed
from ...core.mode import MODE
from ...tensors.record import wrap
from ...tensors.tensor import Tensor
from ...tree import leaves, map as map_leaves


class Saved(NamedTuple):
    """The part of a file for one kind of arguments.

    Attributes:
        given: the arguments, with an `ArrayKind` in place of each array.
        out: the result, with `RESULT` in place of each Tensor.
        traced: the recorded run of the function.
    """

    arguments: Any
    out: Any
    traced: Recording


class Loaded(Compiled[Any, Any]):
    """A compiled function from a file; see `load_compiled`.

    Attributes:
        name: of the function.
        saved: the parts of the file, one for each kind of arguments.
        captured: the Tensors that it reads and changes, by name: parameters, states of optimizers, running
            statistics. They can be read, assigned to, and saved.
        states: values outside of Tensors that it reads and changes, by the names of attributes: the moments of an
            optimizer, its step, a learning rate. Numbers in them can be set.
        exact: whether replays give the bits of the function that was saved.
        max_bytes: the bound on memory for backward passes with which it was compiled, in bytes; None for none.

    Example:
        >>> import autograd_lite as ag
        >>> Loaded.__name__
        'Loaded'
    """

    _has_code = False
    captured: Mapping[str, Tensor]
    states: Sequence[dict[str, Any]]

    def __init__(
        self,
        name: str,
        saved: Sequence[Saved],
        captured: Mapping[str, Tensor],
        states: Sequence[dict[str, Any]],
        exact: bool,
        max_bytes: int | None,
    ) -> None:
        def refuse_call(*args: Any, **kwargs: Any) -> NoReturn:
            raise TypeError(
                f"{name}: a compiled function from a file cannot be transformed, nor called on Tensors that require a "
                "gradient or that are views of what it changes, since the file has no code. Call it on arrays, or "
                "compile the function itself"
            )

        refuse_call.__name__ = name
        super().__init__(refuse_call, exact, max_bytes)
        self.name = name
        self.captured = MappingProxyType(dict(captured))
        self.saved, self.states = tuple(saved), tuple(states)
        every = (leaves(saved.arguments) for saved in self.saved)
        places = (frozenset(i for i, x in enumerate(arguments) if x is int or x is float) for arguments in every)
        self._places = tuple(dict.fromkeys(filter(None, places)))
        self._plan: dict[Any, set[int]] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.name}: a compiled function from a file is copied by save_compiled and load_compiled")

    def _varying(self, key: Any, kinds: Sequence[Any], numbers: Sequence[Number]) -> Varying | None:
        places_of_numbers = {x.place for x in numbers}
        places = next((places for places in self._places if places <= places_of_numbers), None)
        if places is None:
            return None
        general = list(kinds)
        for x in numbers:
            if x.place in places:
                general[x.of_key] = x.value.__class__
        values = tuple([x.value for x in numbers if x.place in places])
        return Varying(tuple(general), values, places, Numbers(key, ()))

    def _run_anew(self, call: Request) -> Any:
        """Plan the traces in the file for arguments of this kind, and run the first that holds."""
        if MODE.get().record and any(
            isinstance(x, Tensor) and x.requires_grad for x in leaves((call.args, call.kwargs))
        ):
            return self._f(*call.args, **call.kwargs)
        args, kwargs = map_leaves(_array, (call.args, call.kwargs))
        kinds = kinds_of(args, kwargs)
        numbers = [n for n, saved in enumerate(self.saved) if _alike(saved.arguments, kinds)]
        if call.varying is not None and not numbers:
            kinds = kinds_of(args, kwargs, call.varying.places)
            numbers = [n for n, saved in enumerate(self.saved) if _alike(saved.arguments, kinds)]
        elif call.varying is not None:
            call = call.with_constants(())
        if not numbers:
            nearly = leaves(self._nearly(kinds))
            laid_out = iter([_laid_out(x, kind) for x, kind in zip(leaves((args, kwargs)), nearly, strict=True)])
            args, kwargs = map_leaves(lambda x: next(laid_out), (args, kwargs))
            return self(*args, **kwargs)
        key, why, memo, as_tensors = call.key, call.why, call.memo, call.as_tensors
        arrays = [_array(x) for x in leaves((args, kwargs)) if isinstance(x, ARRAYS)]
        for n in numbers:
            if n in self._plan.setdefault(key, set()):
                continue
            saved = self.saved[n]
            replay = _plan(saved.traced, arrays, self.exact, self.max_bytes)
            new = Trace(
                why,
                replay,
                saved.out,
                None,
                None,
                saved.arguments,
                unflatten_like(saved.out),
                captured_ids(saved.traced),
            )
            new = new._replace(written=saved.traced.written)
            with self._lock:
                self._plan[key].add(n)
                self._traces.setdefault(key, []).append(new)
            if (captured := replay.guards.check()) is None:
                why = replay.guards.why_broken()
                continue
            if new.aliases and not new.takes([x for x in leaves((call.args, call.kwargs)) if isinstance(x, ARRAYS)]):
                return self._as_it_is(args, kwargs)
            try:
                return new.results(replay(arrays, memo, captured), arrays, as_tensors)
            except HostStateChanged as error:
                why = f"it is no longer true that {error}"
            except AssumptionFailed:
                return self._fall_back(args, kwargs)
        raise ValueError(
            f"{self.name}: expected captured Tensors and states as they were when the function was traced, but {why}"
        )

    def _nearly(self, arguments: Any) -> Any:
        """Return the arguments of a trace for arrays that only lie in memory in another way."""
        for saved in self.saved:
            if _alike(saved.arguments, arguments, layouts=False) and all(map(_is_dense, leaves(saved.arguments))):
                return saved.arguments
        kinds = "; ".join(argument_kinds(saved.arguments) for saved in self.saved)
        raise ValueError(
            f"{self.name}: expected arguments of a kind that the file has a trace for, {kinds}; received "
            f"{argument_kinds(arguments)}. Convert them, or save a function that was called with such arguments too"
        )

    def _fall_back(self, args: Any, kwargs: Any) -> NoReturn:
        raise FloatingPointError(
            f"{self.name}: expected values for which the code in the file is right; these lead to a NaN, or to "
            "another branch, which only the function itself can follow. Nothing was changed"
        )


def _plan(traced: Recording, arrays: Sequence[Any], exact: bool, max_bytes: int | None) -> Replay:
    """Plan a program for arguments like these."""
    slots = {i: wrap(a, None) for i, a in zip(traced.program.inputs, arrays, strict=False) if i is not None}
    bindings = MappingProxyType({**traced.program.bindings, **slots})
    return Replay(traced._replace(program=replace(traced.program, bindings=bindings)), exact, max_bytes)


def _array(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def _alike(a: Any, b: Any, layouts: bool = True) -> bool:
    """Return whether two trees are the same, and their arrays of one kind.

    Args:
        a, b: with an `ArrayKind` in place of each array.
        layouts: whether arrays must lie in memory in the same way.
    """
    if a.__class__ is not b.__class__:
        return False
    if isinstance(a, ArrayKind):
        scalars = (a.strides is None, b.strides is None)
        return a == b or (not layouts and scalars == (False, False) and (a.shape, a.dtype) == (b.shape, b.dtype))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_alike(a[k], b[k], layouts) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(_alike(x, y, layouts) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _is_dense(kind: Any) -> bool:
    """Return whether an array of this kind can be made: one without gaps."""
    if not isinstance(kind, ArrayKind) or kind.strides is None:
        return True
    return _empty(kind).strides == kind.strides


def _empty(kind: ArrayKind) -> Any:
    assert kind.strides is not None
    axes = sorted(range(len(kind.shape)), key=lambda k: (-abs(kind.strides[k]), k))  # type: ignore[index]
    return np.empty([kind.shape[k] for k in axes], kind.dtype).transpose(np.argsort(axes) if axes else None)


def _laid_out(x: Any, kind: Any) -> Any:
    """Return an array that lies in memory as one of this kind does."""
    if not isinstance(kind, ArrayKind) or kind.strides is None:
        return x
    copy = _empty(kind)
    copy[...] = _array(x)
    return wrap(copy, None) if isinstance(x, Tensor) else copy
