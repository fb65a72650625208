"""From operations to calls of NumPy: the forward function of each op runs once, on arrays that note what is done.

An op's record says how to compute it, in plain NumPy. So its steps are found by watching: a `Watched` stands for an
array, computes with it, and notes every ufunc, reduction, view and other NumPy function that it meets. What cannot be
watched (a branch on a value, a write into a part of an array, a function for arrays alone) stays one call of the op.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import FILLS, LOOPS, UFUNCS, Loops
from ..core.errors import REFUSALS
from ..ir.keys import params_key, value_key
from .numpy_calls import Call, Format, How, Ref, Spec, address_of, equal_bits, filled, refs_in
from .recording_array import Unwatchable, Watched, bare, reference, watched_in


class _Template(NamedTuple):
    """How an op was lowered. Values are numbered anew: first the inputs, then what the calls make, one by one.

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
    """Collects calls. What is done again with arrays that lie alike is not watched, nor computed, a second time.

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
        self._facts: dict[Any, Any] = {}
        self._templates: dict[Any, Any] = {}

    def watched(self, a: Any) -> Watched:
        """Return a new value that no call makes."""
        return Watched(self, self._value(self._format(a), a))

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
                args = [value_of(x[0]) if x.__class__ is Ref else filled(x, value_of) for x in call.args]
                kwargs = filled(call.kwargs, value_of) if call.kwargs else {}
                arrays[n] = _function(call.how, call.function)(*args, **kwargs)
        return arrays[number]

    def _format(self, a: Any) -> Format:
        scalar = not isinstance(a, np.ndarray)
        weak = a.__class__ if scalar and a.__class__ in _NUMBERS else None
        a = np.asarray(a) if weak else a
        key = a.shape, a.dtype, a.strides, scalar, weak
        known = self._formats.get(key)
        if known is None:
            known = self._formats[key] = Format(*key)
        return known

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
        """Run a forward function and return its result, a `Watched` or a tuple of several.

        Args:
            node: the id of the operation.
            forward: a ufunc or a function of arrays.
            inputs: a `Watched` for each value; constants as they are.
            params: the keywords of the call.
            again: whether it does the same for all values that lie alike, so that it need not run for each.
        """
        self.node = node
        if isinstance(forward, np.ufunc) and forward.nout == 1 and not params:
            return self.noted(How.UFUNC, forward, tuple(inputs), {})
        key = (forward, params_key(params), *self._kinds(inputs)) if again else None
        known = self._templates.get(key)
        if known is not None:
            if known.__class__ is _First:
                known = self._templates[key] = self._template(known)
            return self._again(known, inputs)
        values, calls = len(self.specs), len(self.calls)
        found = self._seen(forward, tuple(inputs), params)
        if again:
            numbers = tuple([x.number if x.__class__ is Watched else -1 for x in inputs])
            places = slice(values, len(self.specs)), slice(calls, len(self.calls))
            self._templates[key] = _First(numbers, *places, _numbers(found))
        return found

    def _seen(self, forward: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Run a function on arrays that note what it does."""
        if (made := self.equal(forward, inputs, params)) is not None:
            return made
        values, calls = len(self.specs), len(self.calls)
        expected = forward(*map(bare, inputs), **{name: bare(v) for name, v in params.items()})
        try:
            found = forward(*(Watched(self, x.number) if isinstance(x, Watched) else x for x in inputs), **params)
            if _equal(found, expected):
                return found
        except (Unwatchable, *REFUSALS):
            pass
        for number in range(values, len(self.specs)):
            self._made.pop(number, None)
            self._arrays.pop(number, None)
        del self.specs[values:], self._refs[values:], self.calls[calls:]
        if isinstance(expected, tuple):
            return self._several(How.OPAQUE, forward, inputs, params, expected)
        return self._note(How.OPAQUE, forward, inputs, params, expected)

    def _bundled(self, loops: Loops, args: tuple[Any, ...], expected: tuple[Any, ...]) -> tuple[Watched, ...] | None:
        """Note the generalized ufunc that a function of several results equals, if it does for these arguments."""
        loops = loops.bundled(expected)
        whole_of = loops.by_ufunc(*map(bare, args), like=loops(*map(bare, args)))
        if not all(map(equal_bits, [part(whole_of) for part in loops.parts], expected)):
            return None
        whole = self.noted(How.LOOPS, loops, args, {})
        views = [self.noted(How.CALL, part, (whole,), {}) for part in loops.parts]
        return tuple(
            [
                view if isinstance(a, np.ndarray) else self.noted(How.UFUNC, np.positive, (view,), {})
                for view, a in zip(views, expected, strict=True)
            ]
        )

    def _several(
        self, how: How, forward: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any], results: Any
    ) -> tuple[Watched, ...]:
        """Note a call that returns a tuple, and what takes its parts out of it."""
        number = self._value(_TUPLE, tuple(results))
        refs, named = tuple(map(reference, inputs)), {name: reference(v) for name, v in params.items()}
        self._add(how, forward, refs, named, number, tuple(refs_in((refs, named))), {})
        found, given = [], watched_in((*inputs, *params.values()))
        for k, a in enumerate(results):
            owner = next((self.specs[x.number].owner for x in given if _shares(a, x.array)), None)
            part = self._value(self._format(a), a, owner, 0 if owner is None else None)
            self._add(How.OPAQUE, operator.getitem, (self._refs[number], k), {}, part, (number,), {})
            found.append(Watched(self, part))
        return tuple(found)

    def _kinds(self, inputs: Sequence[Any]) -> list[Any]:
        """Return what inputs have in common that lie alike, each by itself and to one another."""
        specs = self.specs
        found: list[Any] = [specs[x.number].format if x.__class__ is Watched else value_key(x) for x in inputs]
        if len(inputs) > 1:
            first: dict[int, int] = {}
            for k, x in enumerate(inputs):
                if x.__class__ is Watched:
                    spec = specs[x.number]
                    before = first.setdefault(spec.owner, k)
                    if before != k:
                        other = inputs[before].number
                        there, here = specs[other].offset, spec.offset
                        apart = None if there is None or here is None else here - there
                        found.append((before, k, x.number == other, apart))
        return found

    def _template(self, first: _First) -> _Template:
        """Return how the inputs of an op have led to its result."""
        n, specs = len(first.inputs), self.specs
        numbers = {number: k for k, number in reversed(list(enumerate(first.inputs))) if number >= 0}
        numbers = dict(sorted(numbers.items(), key=lambda pair: pair[1]))
        numbers |= {number: n + k for k, number in enumerate(range(first.values.start, first.values.stop))}
        refs = {number: Ref(k) for number, k in numbers.items()}
        owners = {specs[number].owner: number for number in reversed(numbers)}
        made, views = [], list[Any]()
        for call in self.calls[first.calls]:
            args, kwargs = filled(call.args, refs.__getitem__), filled(call.kwargs, refs.__getitem__)
            reads = tuple([numbers[number] for number in call.reads])
            made.append(call._replace(args=args, kwargs=kwargs, reads=reads))
            spec = specs[call.value]
            if spec.owner == call.value:
                views.append(None)
            else:
                base = owners[spec.owner]
                at, offset = specs[base].offset, spec.offset
                views.append((numbers[base], None if offset is None or at is None else offset - at))
        formats = tuple([spec.format for spec in specs[first.values]])
        plain = tuple([not call.kwargs and all(x.__class__ is Ref for x in call.args) for call in made])
        result = first.result
        result = numbers[result] if isinstance(result, int) else tuple([numbers[k] for k in result])
        return _Template(tuple(made), formats, tuple(views), plain, result)

    def _again(self, template: _Template, inputs: Sequence[Any]) -> Any:
        """Lower an op as another one was lowered."""
        numbers = [x.number if x.__class__ is Watched else -1 for x in inputs]
        refs = self._refs
        for call, format, view, plain in zip(*template[:4], strict=True):
            if view is None:
                number = self._value(format)
            else:
                base = self.specs[numbers[view[0]]]
                known = base.offset is not None and view[1] is not None
                number = self._value(format, None, base.owner, base.offset + view[1] if known else None)  # type: ignore[operator]
            numbers.append(number)
            how, function, args, kwargs, _, _, reads, facts = call
            named = [refs[numbers[k]] for k in reads]
            if plain:
                args = tuple(named)
            else:
                args = filled(args, lambda k: refs[numbers[k]])
                kwargs = filled(kwargs, lambda k: refs[numbers[k]]) if kwargs else kwargs
            self._add(how, function, args, kwargs, number, tuple([n for (n,) in named]), facts)
        if template.result.__class__ is int:
            return Watched(self, numbers[template.result])
        return tuple([Watched(self, numbers[k]) for k in template.result])  # type: ignore[union-attr]

    def _add(
        self,
        how: How,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        number: int,
        reads: tuple[int, ...],
        facts: dict[Any, Any],
    ) -> None:
        call = tuple.__new__(Call, (how, function, args, kwargs, number, self.node, reads, facts))
        self.calls.append(call)
        self._made[number] = call

    def _filled(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the copies that a function makes, if it does nothing else and the result lies in memory as its does."""
        row = FILLS.get(function)
        found = None if row is None else row(*args, **kwargs)
        if found is None or not all(isinstance(x, (Watched, np.ndarray)) for x in found[1]):
            return None
        fill, given = found
        expected = function(*map(bare, args), **{name: bare(v) for name, v in kwargs.items()})
        same = equal_bits(fill(*map(bare, given)), expected)
        return self.noted(How.FILL, fill, tuple(given), {}) if same else None

    def equal(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note what a function equals: the call of a ufunc, copies, or loops; None if it equals none of these."""
        for way in (self._elementwise, self._filled, self._looped):
            if (made := way(function, args, kwargs)) is not None:
                return made
        return None

    def _elementwise(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the call of the ufunc that a function equals, if there is one for these arguments."""
        ufunc = UFUNCS.get(function)
        if ufunc is None or kwargs or not watched_in(args):
            return None
        given = [bare(x) for x in args]
        try:
            found, expected = ufunc(*given), function(*given)
        except TypeError:  # no loop for these dtypes
            return None
        if not equal_bits(found, expected):
            return None
        made = self.noted(How.UFUNC, ufunc, args, {})
        # A ufunc makes a scalar where the function makes an array without axes.
        return made if isinstance(expected, np.generic) or expected.shape else made.as_array()

    def _looped(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the generalized ufunc that a function equals, if there is one for these arguments."""
        row = LOOPS.get(function) if all(isinstance(x, Watched) for x in args) else None
        loops = None if row is None else row(*args, **kwargs)
        if loops is None:
            return None
        given, expected = [bare(x) for x in args], function(*map(bare, args), **kwargs)
        if isinstance(expected, tuple):
            return self._bundled(loops, args, expected)
        same = equal_bits(loops.by_ufunc(*given, like=expected), expected)
        return self.noted(How.LOOPS, loops, tuple(args), {}) if same else None

    def effect(
        self,
        node: str,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        result: Any,
    ) -> Any:
        """Note a call that is not made now, with something like what it would give."""
        self.node = node
        if isinstance(result, tuple):
            return self._several(How.EFFECT, forward, tuple(inputs), params, result)
        return self._note(How.EFFECT, forward, tuple(inputs), params, result)

    def noted(self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watched:
        """Note the call of a function, and run it if it is the first of its kind."""
        if how is not How.UFUNC and how is not How.REDUCE:
            return self._note(how, function, args, kwargs, self._run(how, function, args, kwargs))
        reads = tuple([x.number for x in args if x.__class__ is Watched])
        specs = self.specs
        key: Any = [specs[x.number].format if x.__class__ is Watched else value_key(x) for x in args]
        if kwargs:
            key.append(params_key(kwargs))
        if len(reads) > 1 and len(set(reads)) < len(reads):
            key.append(tuple(map(reads.index, reads)))
        key = how, function, *key
        facts = self._facts.get(key)
        if facts is None:
            result = self._run(how, function, args, kwargs)
            made = self._note(how, function, args, kwargs, result)
            constants = [x for x in args if x.__class__ is not Watched]  # of which the key may have ids
            self._facts[key] = self.specs[made.number].format, self.calls[-1].facts, constants
            return made
        number = self._value(facts[0])
        refs = self._refs
        given = tuple([refs[x.number] if x.__class__ is Watched else x for x in args])
        self._add(how, function, given, kwargs, number, reads, facts[1])
        return Watched(self, number)

    def _run(self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return _function(how, function)(*map(bare, args), **{name: bare(v) for name, v in kwargs.items()})

    def _note(
        self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> Watched:
        if not isinstance(result, (np.ndarray, np.generic)):
            raise Unwatchable
        owner: int | None = None
        offset: int | None = 0
        if how in (How.CALL, How.OPAQUE) and isinstance(result, np.ndarray):
            inputs = watched_in((*args, *kwargs.values()))
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
        return Watched(self, number)


def _function(how: How, function: Callable[..., Any]) -> Callable[..., Any]:
    return function.reduce if how is How.REDUCE else function  # type: ignore[attr-defined]


_NUMBERS = (float, int, bool, complex)
# Of what holds the results of a call until they are taken out.
_TUPLE = Format((), np.dtype(object), (), True)


def _numbers(x: Any) -> Any:
    return tuple(map(_numbers, x)) if isinstance(x, tuple) else x.number


def _equal(found: Any, expected: Any) -> bool:
    """Return whether what was noted gives the bits of a result, or of several."""
    if isinstance(expected, tuple):
        return isinstance(found, tuple) and len(found) == len(expected) and all(map(_equal, found, expected))
    return isinstance(found, Watched) and equal_bits(found.array, expected)


def _shares(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)
