"""Lowers operations to calls of NumPy: the forward function of each op runs once, on arrays that record its calls.

An op's record computes it in plain NumPy. A `RecordingArray` runs through that function in place of an array, and
records every ufunc, reduction, view and other NumPy function that it meets. A function that cannot be recorded (it
branches on a value, writes into a part of an array, or takes arrays alone) stays one call of the op.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import FILLS, LOOPS, UFUNCS, Loops
from ..core.errors import REFUSALS
from ..ir.keys import params_key, value_key
from .numpy_calls import Call, Format, How, Ref, Spec, address_of, equal_bits, refs_in, substitute
from .recording_array import RecordingArray, Unrecordable, concrete, recording_arrays_in, reference


class _Template(NamedTuple):
    """The calls of a lowered op. Values are numbered anew: first the inputs, then the results of calls, one by one.

    Attributes:
        calls: in order.
        formats: of what they make.
        views: for each the number of a value in whose memory it lies, and its offset there; None in memory of its own.
        plain: for each call whether its arguments are values, and nothing else.
        result: the number of the result, or of each of several.
    """

    calls: tuple[Call, ...]
    formats: tuple[Format, ...]
    views: tuple[tuple[int, int | None] | None, ...]
    plain: tuple[bool, ...]
    result: int | tuple[int, ...]


class _First(NamedTuple):
    """An op that was lowered, as the first one of its kind.

    Attributes:
        inputs: the numbers of the values; -1 for constants.
        values, calls: where those are that it made.
        result: the number of the result, or of each of several.
    """

    inputs: tuple[int, ...]
    values: slice
    calls: slice
    result: int | tuple[int, ...]


class Lowering:
    """Collects calls. An op that comes again with arrays of the same layout is neither run nor recorded a second time.

    Attributes:
        calls: in the order in which they ran.
        specs: of every value, by its number.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.specs: list[Spec] = []
        self.node = ""
        self._refs: list[Ref] = []
        self._arrays: dict[int, Any] = {}  # by the numbers of the values: those that were needed so far
        self._made: dict[int, Call] = {}
        self._formats: dict[Any, Format] = {}
        self._by_call: dict[Any, Any] = {}
        self._templates: dict[Any, Any] = {}

    def placeholder(self, a: Any) -> RecordingArray:
        """Return a new value that no call makes."""
        return RecordingArray(self, self._value(self._format(a), a))

    def array(self, number: int) -> Any:
        """Return an example of a value."""
        arrays, stack = self._arrays, [number]
        while stack:
            n = stack[-1]
            missing = () if n in arrays else [k for k in self._made[n].reads if k not in arrays]
            if missing:
                stack += missing
                continue
            stack.pop()
            if n not in arrays:
                call, value_of = self._made[n], arrays.__getitem__
                args = [value_of(x[0]) if x.__class__ is Ref else substitute(x, value_of) for x in call.args]
                kwargs = substitute(call.kwargs, value_of) if call.kwargs else {}
                arrays[n] = _function(call.how, call.function)(*args, **kwargs)
        return arrays[number]

    def _format(self, a: Any) -> Format:
        scalar = not isinstance(a, np.ndarray)
        weak = a.__class__ if scalar and a.__class__ in _NUMBERS else None
        a = np.asarray(a) if weak else a
        key = a.shape, a.dtype, a.strides, scalar, weak
        format = self._formats.get(key)
        if format is None:
            format = self._formats[key] = Format(*key)
        return format

    def _value(self, format: Format, array: Any = None, owner: int | None = None, offset: int | None = 0) -> int:
        """Return the number of a new value."""
        number = len(self.specs)
        owner = number if owner is None else owner
        parts = format.shape, format.dtype, format.strides, owner, format.is_scalar, offset, format.weak, format
        self.specs.append(tuple.__new__(Spec, parts))
        self._refs.append(tuple.__new__(Ref, (number,)))
        if array is not None:
            self._arrays[number] = array
        return number

    def lower(
        self,
        node: str,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        again: bool = False,
    ) -> Any:
        """Run a forward function and return its result, a `RecordingArray` or a tuple of several.

        Args:
            node: the id of the operation.
            forward: a ufunc or a function of arrays.
            inputs: a `RecordingArray` for each value; constants as they are.
            params: the keywords of the call.
            again: whether it does the same for all values that lie alike, so that it need not run for each.
        """
        self.node = node
        if isinstance(forward, np.ufunc) and forward.nout == 1 and not params:
            return self.record(How.UFUNC, forward, tuple(inputs), {})
        key = (forward, params_key(params), *self._kinds(inputs)) if again else None
        template = self._templates.get(key)
        if template is not None:
            if template.__class__ is _First:
                template = self._templates[key] = self._template(template)
            return self._apply_template(template, inputs)
        values, calls = len(self.specs), len(self.calls)
        result = self._run_recorded(forward, tuple(inputs), params)
        if again:
            numbers = tuple([x.number if x.__class__ is RecordingArray else -1 for x in inputs])
            places = slice(values, len(self.specs)), slice(calls, len(self.calls))
            self._templates[key] = _First(numbers, *places, _numbers(result))
        return result

    def _run_recorded(self, forward: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Run a function on recording arrays; if they cannot record it, record one call of the op."""
        if (equivalent := self.as_equivalent(forward, inputs, params)) is not None:
            return equivalent
        values, calls = len(self.specs), len(self.calls)
        expected = forward(*map(concrete, inputs), **{name: concrete(v) for name, v in params.items()})
        try:
            result = forward(
                *(RecordingArray(self, x.number) if isinstance(x, RecordingArray) else x for x in inputs), **params
            )
            if _equal(result, expected):
                return result
        except (Unrecordable, *REFUSALS):
            pass
        for number in range(values, len(self.specs)):
            self._made.pop(number, None)
            self._arrays.pop(number, None)
        del self.specs[values:], self._refs[values:], self.calls[calls:]
        if isinstance(expected, tuple):
            return self._record_tuple(How.OPAQUE, forward, inputs, params, expected)
        return self._record_result(How.OPAQUE, forward, inputs, params, expected)

    def _record_bundle(
        self, loops: Loops, args: tuple[Any, ...], expected: tuple[Any, ...]
    ) -> tuple[RecordingArray, ...] | None:
        """Note the generalized ufunc that a function of several results equals, if it does for these arguments."""
        loops = loops.bundle_results(expected)
        whole_of = loops.by_ufunc(*map(concrete, args), like=loops(*map(concrete, args)))
        if not all(map(equal_bits, [part(whole_of) for part in loops.parts], expected)):
            return None
        whole = self.record(How.LOOPS, loops, args, {})
        views = [self.record(How.CALL, part, (whole,), {}) for part in loops.parts]
        return tuple(
            [
                view if isinstance(a, np.ndarray) else self.record(How.UFUNC, np.positive, (view,), {})
                for view, a in zip(views, expected, strict=True)
            ]
        )

    def _record_tuple(
        self, how: How, forward: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any], results: Any
    ) -> tuple[RecordingArray, ...]:
        """Note a call that returns a tuple, and what takes its parts out of it."""
        number = self._value(_TUPLE, tuple(results))
        refs, named = tuple(map(reference, inputs)), {name: reference(v) for name, v in params.items()}
        self._add(how, forward, refs, named, number, tuple(refs_in((refs, named))), {})
        parts, arguments = [], recording_arrays_in((*inputs, *params.values()))
        for k, a in enumerate(results):
            owner = next((self.specs[x.number].owner for x in arguments if _shares(a, x.array)), None)
            part = self._value(self._format(a), a, owner, 0 if owner is None else None)
            self._add(How.OPAQUE, operator.getitem, (self._refs[number], k), {}, part, (number,), {})
            parts.append(RecordingArray(self, part))
        return tuple(parts)

    def _kinds(self, inputs: Sequence[Any]) -> list[Any]:
        """Return what inputs have in common that lie alike, each by itself and to one another."""
        specs = self.specs
        kinds: list[Any] = [
            value_key(x)
            if x.__class__ is not RecordingArray
            else spec.format
            if (spec := specs[x.number]).offset is not None
            else (spec.format,)  # where a view of it lies is unknown, too
            for x in inputs
        ]
        if len(inputs) > 1:
            first: dict[int, int] = {}
            for k, x in enumerate(inputs):
                if x.__class__ is RecordingArray:
                    spec = specs[x.number]
                    before = first.setdefault(spec.owner, k)
                    if before != k:
                        other = inputs[before].number
                        there, here = specs[other].offset, spec.offset
                        apart = None if there is None or here is None else here - there
                        kinds.append((before, k, x.number == other, apart))
        return kinds

    def _template(self, first: _First) -> _Template:
        """Return how the inputs of an op have led to its result."""
        n, specs = len(first.inputs), self.specs
        numbers = {number: k for k, number in reversed(list(enumerate(first.inputs))) if number >= 0}
        numbers = dict(sorted(numbers.items(), key=lambda pair: pair[1]))
        numbers |= {number: n + k for k, number in enumerate(range(first.values.start, first.values.stop))}
        refs = {number: Ref(k) for number, k in numbers.items()}
        owners = {specs[number].owner: number for number in reversed(numbers)}
        calls, views = [], list[Any]()
        for call in self.calls[first.calls]:
            args, kwargs = substitute(call.args, refs.__getitem__), substitute(call.kwargs, refs.__getitem__)
            reads = tuple([numbers[number] for number in call.reads])
            calls.append(call._replace(args=args, kwargs=kwargs, reads=reads))
            spec = specs[call.value]
            if spec.owner == call.value:
                views.append(None)
            else:
                base = owners[spec.owner]
                at, offset = specs[base].offset, spec.offset
                views.append((numbers[base], None if offset is None or at is None else offset - at))
        formats = tuple([spec.format for spec in specs[first.values]])
        plain = tuple([not call.kwargs and all(x.__class__ is Ref for x in call.args) for call in calls])
        result = first.result
        result = numbers[result] if isinstance(result, int) else tuple([numbers[k] for k in result])
        return _Template(tuple(calls), formats, tuple(views), plain, result)

    def _apply_template(self, template: _Template, inputs: Sequence[Any]) -> Any:
        """Lower an op as another one was lowered."""
        numbers = [x.number if x.__class__ is RecordingArray else -1 for x in inputs]
        refs = self._refs
        for call, format, view, plain in zip(*template[:4], strict=True):
            if view is None:
                number = self._value(format)
            else:
                base = self.specs[numbers[view[0]]]
                is_fixed = base.offset is not None and view[1] is not None
                number = self._value(format, None, base.owner, base.offset + view[1] if is_fixed else None)  # type: ignore[operator]
            numbers.append(number)
            how, function, args, kwargs, _, _, reads, derived = call
            named = [refs[numbers[k]] for k in reads]
            if plain:
                args = tuple(named)
            else:
                args = substitute(args, lambda k: refs[numbers[k]])
                kwargs = substitute(kwargs, lambda k: refs[numbers[k]]) if kwargs else kwargs
            self._add(how, function, args, kwargs, number, tuple([n for (n,) in named]), derived)
        if template.result.__class__ is int:
            return RecordingArray(self, numbers[template.result])
        return tuple([RecordingArray(self, numbers[k]) for k in template.result])  # type: ignore[union-attr]

    def _add(
        self,
        how: How,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        number: int,
        reads: tuple[int, ...],
        derived: dict[Any, Any],
    ) -> None:
        call = tuple.__new__(Call, (how, function, args, kwargs, number, self.node, reads, derived))
        self.calls.append(call)
        self._made[number] = call

    def _as_fill(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the copies that a function makes, if it does nothing else and the result lies in memory as its does."""
        row = FILLS.get(function)
        match = None if row is None else row(*args, **kwargs)
        if match is None or not all(isinstance(x, (RecordingArray, np.ndarray)) for x in match[1]):
            return None
        fill, arguments = match
        expected = function(*map(concrete, args), **{name: concrete(v) for name, v in kwargs.items()})
        same = equal_bits(fill(*map(concrete, arguments)), expected)
        return self.record(How.FILL, fill, tuple(arguments), {}) if same else None

    def as_equivalent(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note what a function equals: the call of a ufunc, copies, or loops; None if it equals none of these."""
        for attempt in (self._as_ufunc, self._as_fill, self._as_loops):
            if (result := attempt(function, args, kwargs)) is not None:
                return result
        return None

    def _as_ufunc(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the call of the ufunc that a function equals, if there is one for these arguments."""
        ufunc = UFUNCS.get(function)
        if ufunc is None or kwargs or not recording_arrays_in(args):
            return None
        arrays = [concrete(x) for x in args]
        try:
            result, expected = ufunc(*arrays), function(*arrays)
        except TypeError:  # no loop for these dtypes
            return None
        if not equal_bits(result, expected):
            return None
        recorded = self.record(How.UFUNC, ufunc, args, {})
        # A ufunc makes a scalar where the function makes an array without axes.
        return recorded if isinstance(expected, np.generic) or expected.shape else recorded.as_array()

    def _as_loops(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the generalized ufunc that a function equals, if there is one for these arguments."""
        row = LOOPS.get(function) if all(isinstance(x, RecordingArray) for x in args) else None
        match: Any = None if row is None else row(*args, **kwargs)
        if match is None:
            return None
        expected = function(*map(concrete, args), **kwargs)
        loops, args = match if match.__class__ is tuple else (match, args)
        arrays = [concrete(x) for x in args]
        if isinstance(expected, tuple):
            return self._record_bundle(loops, args, expected)
        same = equal_bits(loops.by_ufunc(*arrays, like=expected), expected)
        return self.record(How.LOOPS, loops, tuple(args), {}) if same else None

    def effect(
        self,
        node: str,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        result: Any,
    ) -> Any:
        """Record a call that is not made now, with an example of its result."""
        self.node = node
        if isinstance(result, tuple):
            return self._record_tuple(How.EFFECT, forward, tuple(inputs), params, result)
        return self._record_result(How.EFFECT, forward, tuple(inputs), params, result)

    def record(
        self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> RecordingArray:
        """Note the call of a function, and run it if it is the first of its kind."""
        if how is not How.UFUNC and how is not How.REDUCE:
            return self._record_result(how, function, args, kwargs, self._run(how, function, args, kwargs))
        reads = tuple([x.number for x in args if x.__class__ is RecordingArray])
        specs = self.specs
        key: Any = [specs[x.number].format if x.__class__ is RecordingArray else value_key(x) for x in args]
        if kwargs:
            key.append(params_key(kwargs))
        if len(reads) > 1 and len(set(reads)) < len(reads):
            key.append(tuple(map(reads.index, reads)))
        key = how, function, *key
        derived = self._by_call.get(key)
        if derived is None:
            result = self._run(how, function, args, kwargs)
            recorded = self._record_result(how, function, args, kwargs, result)
            constants = [x for x in args if x.__class__ is not RecordingArray]  # of which the key may have ids
            self._by_call[key] = self.specs[recorded.number].format, self.calls[-1].derived, constants
            return recorded
        number = self._value(derived[0])
        refs = self._refs
        arguments = tuple([refs[x.number] if x.__class__ is RecordingArray else x for x in args])
        self._add(how, function, arguments, kwargs, number, reads, derived[1])
        return RecordingArray(self, number)

    def _run(self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return _function(how, function)(*map(concrete, args), **{name: concrete(v) for name, v in kwargs.items()})

    def _record_result(
        self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> RecordingArray:
        if not isinstance(result, (np.ndarray, np.generic)):
            raise Unrecordable
        owner: int | None = None
        offset: int | None = 0
        if how in (How.CALL, How.OPAQUE) and isinstance(result, np.ndarray):
            inputs = recording_arrays_in((*args, *kwargs.values()))
            for x in inputs:
                if np.may_share_memory(result, x.array):
                    spec = self.specs[x.number]
                    how, owner = How.VIEW if how is How.CALL and len(inputs) == 1 else How.OPAQUE, spec.owner
                    offset = None  # another input may be an index
                    if how is How.VIEW and spec.offset is not None:
                        offset = spec.offset + address_of(result) - address_of(x.array)
        number = self._value(self._format(result), result, owner, offset)
        refs = tuple(reference(x) for x in args)
        named = {name: reference(v) for name, v in kwargs.items()}
        self._add(how, function, refs, named, number, tuple(refs_in((refs, named))), {})
        return RecordingArray(self, number)


def _function(how: How, function: Callable[..., Any]) -> Callable[..., Any]:
    return function.reduce if how is How.REDUCE else function  # type: ignore[attr-defined]


_NUMBERS = (float, int, bool, complex)
# Of what holds the results of a call until they are taken out.
_TUPLE = Format((), np.dtype(object), (), True)


def _numbers(x: Any) -> Any:
    return tuple(map(_numbers, x)) if isinstance(x, tuple) else x.number


def _equal(result: Any, expected: Any) -> bool:
    """Return whether the recorded calls give the bits of a result, or of several."""
    if isinstance(expected, tuple):
        return isinstance(result, tuple) and len(result) == len(expected) and all(map(_equal, result, expected))
    return isinstance(result, RecordingArray) and equal_bits(result.array, expected)


def _shares(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)
