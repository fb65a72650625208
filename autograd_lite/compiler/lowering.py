"""From operations to calls of NumPy: the forward function of each op runs once, on arrays that note what is done.

An op's record says how to compute it, in plain NumPy. So its steps are found by watching: a `Watched` stands for an
array, computes with it, and notes every ufunc, reduction, view and other NumPy function that it meets. What cannot be
watched (a branch on a value, a write into a part of an array, a function for arrays alone) stays one call of the op.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import FILLS, LOOPS, UFUNCS, Fill, Part
from ..core.errors import REFUSALS
from ..core.gathers import BASIC, Gather, as_slice, places_of, prepared
from ..native.functions import matmul
from ..native.kernels import NATIVE, library
from ..passes.subexpressions import params_key, value_key
from .calls import Call, Format, How, Ref, Spec, address_of, equal_bits, filled, refs_in
from .loops import CASTS, cast


class Unwatchable(Exception):
    """Raised where an array is about to become something that cannot be watched."""


class _Template(NamedTuple):
    """How an op was lowered. Values are numbered anew: first the inputs, then what the calls make, one by one.

    Attributes:
        calls: in order.
        formats: of what they make.
        views: for each the number of a value in whose memory it lies, and its offset there; None in memory of its own.
        plain: for each call whether its arguments are values, and nothing else.
        result: the number of the result.
    """

    calls: tuple[Call, ...]
    formats: tuple[Format, ...]
    views: tuple[tuple[int, int | None] | None, ...]
    plain: tuple[bool, ...]
    result: int


class _First(NamedTuple):
    """An op that was lowered, as the first one of its kind.

    Attributes:
        inputs: the numbers of the values; -1 for constants.
        values, calls: where those are that it made.
        result: the number of the result.
    """

    inputs: tuple[int, ...]
    values: slice
    calls: slice
    result: int


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
    ) -> Watched:
        """Run a forward function and return its result.

        Args:
            node: the id of the operation.
            forward: a ufunc or a function of arrays.
            inputs: a `Watched` for each value; constants as they are.
            params: the keywords of the call.
            again: whether it does the same for all values that lie alike, so that it need not run for each.
        """
        self.node = node
        if isinstance(forward, np.ufunc) and not params:
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
            self._templates[key] = _First(numbers, *places, found.number)
        return found

    def _seen(self, forward: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Watched:
        """Run a function on arrays that note what it does."""
        if (made := self.equal(forward, inputs, params)) is not None:
            return made
        values, calls = len(self.specs), len(self.calls)
        expected = forward(*map(bare, inputs), **{name: bare(v) for name, v in params.items()})
        try:
            found = forward(*(Watched(self, x.number) if isinstance(x, Watched) else x for x in inputs), **params)
            if isinstance(found, Watched) and equal_bits(found.array, expected):
                return found
        except (Unwatchable, *REFUSALS):
            pass
        for number in range(values, len(self.specs)):
            self._made.pop(number, None)
            self._arrays.pop(number, None)
        del self.specs[values:], self._refs[values:], self.calls[calls:]
        return self._note(How.OPAQUE, forward, inputs, params, expected)

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
        return _Template(tuple(made), formats, tuple(views), plain, numbers[first.result])

    def _again(self, template: _Template, inputs: Sequence[Any]) -> Watched:
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
        return Watched(self, numbers[template.result])

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
        if ufunc is None or kwargs or not _watched(args):
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
        same = equal_bits(loops.by_ufunc(*given, like=expected), expected)
        return self.noted(How.LOOPS, loops, tuple(args), {}) if same else None

    def effect(
        self,
        node: str,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        result: Any,
    ) -> Watched:
        """Note a call that is not made now, with something like what it would give."""
        self.node = node
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
            inputs = _watched((*args, *kwargs.values()))
            for x in inputs:
                if np.may_share_memory(result, x.array):
                    spec = self.specs[x.number]
                    how, owner = How.VIEW if how is How.CALL and len(inputs) == 1 else How.OPAQUE, spec.owner
                    offset = None  # another input may be an index
                    if how is How.VIEW and spec.offset is not None:
                        offset = spec.offset + address_of(result) - address_of(x.array)
        number = self._value(self._format(result), result, owner, offset)
        refs = tuple(_ref(x) for x in args)
        named = {name: _ref(v) for name, v in kwargs.items()}
        self._add(how, function, refs, named, number, tuple(refs_in((refs, named))), {})
        return Watched(self, number)


def _function(how: How, function: Callable[..., Any]) -> Callable[..., Any]:
    return function.reduce if how is How.REDUCE else function  # type: ignore[attr-defined]


def _watched(args: Any) -> list[Watched]:
    found = []
    for x in args:
        if isinstance(x, Watched):
            found.append(x)
        elif isinstance(x, (tuple, list)):
            found += _watched(x)
    return found


def bare(x: Any) -> Any:
    """Return the array behind a watched one, also in tuples and lists."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(bare, x))
    return x.array if isinstance(x, Watched) else x


def _ref(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(_ref, x))
    return Ref(x.number) if isinstance(x, Watched) else x


def _refused(*_: Any, **__: Any) -> Any:
    raise Unwatchable


_NUMBERS = (float, int, bool, complex)
_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1: np.positive, 2: np.square, -1: np.reciprocal}


class Watched(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that notes what is computed from it."""

    __slots__ = ("lowering", "number")
    __array_priority__ = 1e6

    def __init__(self, lowering: Lowering, number: int) -> None:
        self.lowering, self.number = lowering, number

    array = property(lambda self: self.lowering.array(self.number), doc="An example of its values.")
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.lowering.specs[self.number].dtype)  # of one of Python's numbers, too
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    strides = property(lambda self: self.array.strides)
    flags = property(lambda self: self.array.flags)
    itemsize = property(lambda self: self.array.itemsize)

    def __getattr__(self, name: str) -> Any:
        raise Unwatchable

    __array__ = __bool__ = __float__ = __int__ = __complex__ = __index__ = __iter__ = __setitem__ = _refused

    def __pow__(self, other: Any) -> Watched:
        # NumPy's ** is not np.power: for scalars it rounds otherwise, for arrays it has these shortcuts.
        shortcut = (
            _POWERS.get(other) if other.__class__ in (int, float) and isinstance(self.array, np.ndarray) else None
        )
        if shortcut is not None and self.dtype.kind in "fc":
            return self.lowering.noted(How.UFUNC, shortcut, (self,), {})
        return self.lowering.noted(How.CALL, operator.pow, (self, other), {})

    def __rpow__(self, other: Any) -> Watched:
        return self.lowering.noted(How.CALL, operator.pow, (other, self), {})

    __ipow__ = _refused

    def __len__(self) -> int:
        return len(self.array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None and not (len(out) == 1 and isinstance(out[0], Watched)):
            raise Unwatchable
        ufunc = matmul if ufunc is np.matmul else ufunc  # whose products our threads share, as those of eager rules
        if method == "__call__" and not kwargs and ufunc.nout == 1:
            made = self.lowering.noted(How.UFUNC, ufunc, inputs, {})
        elif method == "reduce" and out is None:
            made = self.lowering.noted(How.REDUCE, ufunc, inputs, kwargs)
        else:
            raise Unwatchable
        return made if out is None else out[0]._replaced(made)

    def _replaced(self, made: Watched) -> Watched:
        """Take over the result of a call that was told to write here."""
        specs = self.lowering.specs
        before, after = specs[self.number], specs[made.number]
        if (
            before.owner != self.number
            or before[:3] != after[:3]
            or any(spec.owner == self.number for spec in specs[self.number + 1 :])
        ):
            raise Unwatchable
        self.number = made.number
        return self

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.broadcast_to and args[0].__class__ is Watched and not isinstance(args[0].array, np.ndarray):
            args = (args[0].as_array(), *args[1:])  # of which there are views
        if (made := self.lowering.equal(func, tuple(args), kwargs)) is not None:
            return made
        return self.lowering.noted(How.CALL, func, tuple(args), kwargs)

    def __getitem__(self, key: Any) -> Watched:
        parts = key if isinstance(key, tuple) else (key,)
        if library and (found := self._gathered(parts)) is not None:
            return found
        if _watched(parts):
            raise Unwatchable
        return self.lowering.noted(How.CALL, operator.getitem, (self, key), {})

    def _gathered(self, index: tuple[Any, ...]) -> Watched | None:
        """Return what an index with arrays reads, or a single element; None if NumPy is called for it."""
        if all(isinstance(i, BASIC) for i in index):
            if not isinstance(self.array, np.ndarray):
                return self.as_array()[index] if isinstance(self.array[index], np.ndarray) else self
            copy = CASTS.get("?") if self.dtype == np.bool_ else np.positive if self.dtype.kind in "fiuc" else None
            if copy is None or len(index) < self.ndim or not all(isinstance(i, int) for i in index):
                return None
            view = self.lowering.noted(How.CALL, operator.getitem, (self, (*index, ...)), {})
            return self.lowering.noted(How.UFUNC, copy, (view,), {})
        found = places_of(index, self.ndim)
        indices = None if found is None else prepared(found[1])
        if found is None or indices is None:
            return None
        places = found[0]
        sliced = as_slice(indices[0], self.shape[places.axis]) if places.arrays == 1 else None
        if sliced is None:
            return self.lowering.noted(How.FILL, Gather(places), (self, *indices), {})
        view, expected = self[tuple([i if isinstance(i, BASIC) else sliced for i in index])], self.array[bare(index)]
        if view.strides == expected.strides:
            return view
        return view._copied(self.dtype) if expected.flags.c_contiguous else None

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Watched:
        return self.lowering.noted(How.CALL, operator.methodcaller(name, *args, **kwargs), (self,), {})

    def reshape(self, *shape: Any) -> Watched:
        """As of an array; likewise the methods below."""
        shaped = self.array.reshape(*shape)
        if not isinstance(self.array, np.ndarray):
            return self.as_array(shaped.shape) if shaped.shape else self
        if not np.may_share_memory(shaped, self.array):
            return self._copied(self.dtype)._method("reshape", *shape)
        return self._method("reshape", *shape)

    def as_array(self, shape: tuple[int, ...] = ()) -> Watched:
        """Return a new array of a scalar."""
        return self.lowering.noted(How.FILL, Fill(shape, self.dtype, [Part(..., 0)]), (self,), {})

    def transpose(self, *axes: Any) -> Watched:
        """Permute the axes."""
        return self._method("transpose", *axes)

    def swapaxes(self, a: int, b: int) -> Watched:
        """Exchange two axes."""
        return self._method("swapaxes", a, b)

    def astype(self, dtype: Any, copy: bool = True) -> Watched:
        """Cast."""
        if not copy and self.dtype == dtype:
            return self
        if self._may_fill(dtype, self.array.astype(dtype)):
            return self._copied(np.dtype(dtype))
        if not isinstance(self.array, np.ndarray) and cast(self.dtype, np.dtype(dtype)) is not None:
            return self.lowering.noted(How.UFUNC, CASTS[np.dtype(dtype).char], (self,), {})
        return self._method("astype", dtype)

    def copy(self, order: str = "C") -> Watched:
        """Copy; values of a plan never change, so this is only about the order of the elements in memory."""
        spec = self.lowering.specs[self.number]
        same = not spec.is_scalar and (spec.is_dense if order == "K" else self.flags.c_contiguous)
        if same:
            return Watched(self.lowering, self.number)
        fills = self._may_fill(self.dtype, self.array.copy(order))
        return self._copied(self.dtype) if fills else self._method("copy", order)

    def _may_fill(self, dtype: Any, result: Any) -> bool:
        """Return whether a copy is in C order, and no warning tells of what it loses."""
        is_array = isinstance(self.array, np.ndarray)
        return is_array and result.flags.c_contiguous and np.can_cast(self.dtype, dtype, "same_kind")

    def _copied(self, dtype: np.dtype[Any]) -> Watched:
        return self.lowering.noted(How.FILL, Fill(self.shape, dtype, [Part(..., 0)]), (self,), {})

    T = property(lambda self: self._method("transpose"))
    mT = property(lambda self: self._method("swapaxes", -1, -2))

    def _reduce(self, ufunc: np.ufunc, axis: Any, dtype: Any, keepdims: bool) -> Watched:
        kwargs = {"axis": axis, "keepdims": keepdims} | ({} if dtype is None else {"dtype": dtype})
        return self.lowering.noted(How.REDUCE, ufunc, (self,), kwargs)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Sum."""
        return self._reduce(np.add, axis, dtype, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Product."""
        return self._reduce(np.multiply, axis, dtype, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Mean; NumPy divides in double precision and rounds, which gives the same bits."""
        exact = {"f": 1 << 24, "d": 1 << 53}.get(self.dtype.char, 0)  # up to which counts are numbers of the dtype
        total = self._reduce(np.add, axis, None, keepdims)
        count = self.size // total.size if total.size else 0
        if dtype not in (None, self.dtype) or not 0 < count <= exact:
            raise Unwatchable
        return self.lowering.noted(How.UFUNC, np.true_divide, (total, float(count)), {})

    def var(self, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> Watched:
        """Variance, by NumPy's steps."""
        count = self.size // max(math.prod(self._reduce(np.add, axis, None, keepdims).shape), 1)
        if self.dtype.kind != "f" or count <= ddof or float(count - ddof) != count - ddof:
            raise Unwatchable
        gap = self.lowering.noted(How.UFUNC, np.subtract, (self, self.mean(axis, None, True)), {})
        squares = self.lowering.noted(How.UFUNC, np.square, (gap,), {})
        total = squares._reduce(np.add, axis, None, keepdims)
        return self.lowering.noted(How.UFUNC, np.true_divide, (total, float(count - ddof)), {})

    def std(self, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> Watched:
        """Standard deviation, by NumPy's steps."""
        return self.lowering.noted(How.UFUNC, np.sqrt, (self.var(axis, keepdims, ddof),), {})

    def max(self, axis: Any = None, keepdims: bool = False) -> Watched:
        """Maximum."""
        return self._reduce(np.maximum, axis, None, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Watched:
        """Minimum."""
        return self._reduce(np.minimum, axis, None, keepdims)


NATIVE.add(Watched)
