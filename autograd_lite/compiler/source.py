"""From a plan to Python source: one line a call, with the user's line behind it."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from .lowering import Call, How, Ref, Spec
from .plan import Place, Plan

# NumPy may give these more than two operands one day, so their result must be named; a name costs 20 ns.
_NAMED_OUT = (np.maximum, np.minimum)


class Source:
    """The source of a plan, and what its names stand for.

    Args:
        plan: what it does.
        gradients: the leaves that captured Tensors are gradients of, by the ids of these.
    """

    def __init__(self, plan: Plan, gradients: dict[int, Any]) -> None:
        self.plan = plan
        self._gradients = gradients
        self.names: dict[str, Any] = {}  # what is the same in all instances
        self._known: dict[int, str] = {}
        self._captured: dict[int, str] = {}
        self.text = self._written()
        self._code = compile(self.text, "<replay>", "exec")

    def _written(self) -> str:
        plan = self.plan
        taken = {w.thing: n for n, w in enumerate(plan.where) if w.place is Place.ARGUMENT}
        body = []
        for number, where in enumerate(plan.where):
            if where.place is Place.CAPTURED:
                leaf = self._gradients.get(id(where.thing))
                self.names[f"t{number}"] = where.thing if leaf is None else leaf
                body.append(f"v{number} = t{number}.{'_data' if leaf is None else '_grad._data'}")
        line = ""
        made = {call.value for call in plan.calls}
        dying: dict[int, list[int]] = {}
        for number, position in plan.last.items():
            if plan.where[number].place is Place.MADE and position < len(plan.calls):
                dying.setdefault(position, []).append(number)
        for position, call in enumerate(plan.calls):
            if plan.where[call.value].place is Place.FIXED:
                continue
            here = plan.lines.get(call.node, "")
            mark = f"  # {here}" if here and here != line else ""
            line = here or line
            body.append(self._call(call) + mark)
            gone = [n for n in dying.get(position, ()) if n != call.value and n in made]
            if gone:
                body.append("del " + ", ".join(f"v{n}" for n in gone))
        results = ", ".join(self._result(n) for n in plan.outputs)
        body.append(f"return ({results},)")
        parameters = ", ".join(f"v{taken[k]}" if k in taken else f"unused{k}" for k in range(plan.arguments))
        return f"def replay({parameters}):\n" + "".join(f"    {row}\n" for row in body)

    def _result(self, number: int) -> str:
        """Return a result as text: memory that others know, the caller or the next replay, is copied."""
        place = self.plan.where[self.plan.specs[number].owner].place
        if place is Place.MADE:
            return self._value(number)
        self.names["copied"] = np.array
        return f"copied({self._value(number)})"

    def _value(self, number: int) -> str:
        where = self.plan.where[number]
        if where.place is Place.CONSTANT:
            self.names[f"v{number}"] = where.thing
        return f"v{number}"

    def _thing(self, x: Any, specs: Any = None) -> str:
        if isinstance(x, Ref):
            return self._value(x.value)
        if isinstance(x, tuple) and any(True for _ in _refs_in(x)):
            return "(" + ", ".join(map(self._thing, x)) + ",)"
        if isinstance(x, list) and any(True for _ in _refs_in(x)):
            return "[" + ", ".join(map(self._thing, x)) + "]"
        if x is None or x is True or x is False or x.__class__ is int:
            return repr(x)
        return self._name("c", x)

    def _name(self, kind: str, x: Any) -> str:
        known = self._known.get(id(x))
        if known is None:
            known = self._known[id(x)] = f"{kind}{len(self._known)}"
            self.names[known] = x
        return known

    def _call(self, call: Call) -> str:
        plan, number = self.plan, call.value
        args = list(call.args)
        if call.how is How.UFUNC:
            args = _loop_numbers(call, plan.specs)
            function = f"{call.function.__name__}"
            self.names[function] = call.function
        elif call.how is How.REDUCE:
            function = f"{call.function.__name__}_reduce"
            self.names[function] = call.function.reduce  # type: ignore[attr-defined]
        else:
            function = self._name("f", call.function)
        texts = [self._thing(x) for x in args] + [f"{k}={self._thing(v)}" for k, v in call.kwargs.items()]
        if plan.where[number].place is Place.ARENA:
            positional = call.how is How.UFUNC and call.function not in _NAMED_OUT
            texts.insert(len(args), f"v{number}" if positional else f"out=v{number}")
            return f"{function}({', '.join(texts)})"
        return f"v{number} = {function}({', '.join(texts)})"

    def instance(self) -> Any:
        """Return a function of the arguments that has an arena of its own."""
        plan = self.plan
        names = dict(self.names)
        raw = np.empty(plan.nbytes + 64, np.uint8)
        start = -raw.ctypes.data % 64
        arena = raw[start : start + plan.nbytes]
        values: dict[int, Any] = {}
        for number, where in enumerate(plan.where):
            spec: Spec = plan.specs[number]
            if where.place is Place.ARENA:
                assert where.span is not None
                values[number] = np.ndarray(spec.shape, spec.dtype, arena.data, where.span.start, spec.strides)
            elif where.place is Place.CONSTANT:
                values[number] = where.thing
        for call in plan.calls:
            if plan.where[call.value].place is Place.FIXED:
                args = [_filled(x, values) for x in call.args]
                values[call.value] = call.function(*args, **{k: _filled(v, values) for k, v in call.kwargs.items()})
        names.update({f"v{n}": a for n, a in values.items()})
        scope: dict[str, Any] = {}
        exec(self._code, names, scope)
        made: types.FunctionType = scope["replay"]
        return made


def _refs_in(x: Any) -> Any:
    if isinstance(x, Ref):
        yield x
    elif isinstance(x, (tuple, list)):
        for part in x:
            yield from _refs_in(part)


def _filled(x: Any, values: dict[int, Any]) -> Any:
    if isinstance(x, Ref):
        return values[x.value]
    if isinstance(x, (tuple, list)):
        return type(x)(_filled(part, values) for part in x)
    return x


def _loop_numbers(call: Call, specs: Any) -> list[Any]:
    """Return the arguments of a ufunc with Python numbers as arrays of the loop's dtype, which NumPy takes faster."""
    args = list(call.args)
    if not any(x.__class__ in (int, float, complex) for x in args):
        return args
    dtypes = [
        x.__class__ if x.__class__ in (int, float, complex) else specs[x.value].dtype
        for x in args
        if isinstance(x, Ref) or x.__class__ in (int, float, complex)
    ]
    if len(dtypes) != len(args):
        return args
    try:
        loop = call.function.resolve_dtypes((*dtypes, None))  # type: ignore[attr-defined]
    except TypeError:
        return args
    for i, x in enumerate(args):
        if x.__class__ in (int, float, complex):
            try:
                args[i] = np.array(x, loop[i])
            except (OverflowError, TypeError):
                return list(call.args)
    return args
