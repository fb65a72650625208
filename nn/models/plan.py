"""The plan of a functional model: which layer is called on which results, as flat data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

from autograd_lite import Tensor
from autograd_lite.extend import describe

from ..config.registry import snake_case
from ..module.module import Module
from ..module.symbols import Call, Shape, Symbol, instances, replace_leaves
from .mask_nodes import with_masks
from .slots import Slot, Step, sorted_slots


class Plan:
    """The calls of a functional model, in an order in which they can be made.

    It keeps no symbols alive, which form chains as long as the model is deep; so it can be copied and pickled.

    Args:
        inputs: the slots of the inputs, nested as the model takes them.
        outputs: the slots of the outputs, nested as the model returns them.
        steps: the calls.
        sources: the input layers, by their slots.
        specs: shape and dtype of every slot.
    """

    _first: Mapping[int, Symbol] = MappingProxyType({})  # the symbols that it was made from, by slot

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        steps: list[Step],
        sources: dict[int, Module],
        specs: list[tuple[Shape, str]],
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.steps = steps
        self.sources = sources
        self.specs = specs
        self.input_slots = sorted_slots(inputs)
        self.output_slots = sorted_slots(outputs)
        self._symbols: list[Symbol] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_symbols": None, "_first": {}}

    def run(self, tensors: list[Any]) -> Any:
        """Return the outputs for one tensor per input."""
        values: list[Any] = [None] * len(self.specs)
        for slot, tensor in zip(self.input_slots, tensors, strict=True):
            source = self.sources.get(slot)
            values[slot] = tensor if source is None else source(tensor)
        for module, args, kwargs, outs, nested, single in self.steps:
            if single is not None:
                values[single[1]] = module(values[single[0]])
                continue
            result = module(*self.fill(args, values), **(self.fill(kwargs, values) if kwargs else {}))
            for slot, part in zip(outs, instances(Tensor, result) if nested else [result], strict=True):
                values[slot] = part
        return self.fill(self.outputs, values)

    def fill(self, structure: Any, values: list[Any]) -> Any:
        """Return nested arguments with the values of their slots."""
        return replace_leaves(Slot, lambda slot: values[slot.i], structure)

    def symbols(self) -> list[Symbol]:
        """Return a symbol for every slot, always the same ones until the model is copied.

        Those that the model was made from are among them, as long as they are alive, so that they can be used together.
        """
        if self._symbols is None:
            symbols: list[Any] = [self._first.get(slot) for slot in range(len(self.specs))]
            for slot in self.input_slots:
                if symbols[slot] is None:
                    source = self.sources.get(slot)  # None for an input that another model computes
                    name = None if source is None else source._name
                    module = Module(name="intermediate") if source is None else source
                    symbols[slot] = Symbol(*self.specs[slot], Call(module, (), {}), 0, name)
            for one in self.steps:
                alive = [symbols[slot].call for slot in one.outs if symbols[slot] is not None]
                call = (
                    alive[0]
                    if alive
                    else Call(one.module, self.fill(one.args, symbols), self.fill(one.kwargs, symbols))
                )
                call.results, call.nested = [self.specs[slot] for slot in one.outs], one.nested
                for i, slot in enumerate(one.outs):
                    if symbols[slot] is None:
                        symbols[slot] = Symbol(*self.specs[slot], call, i)
            self._symbols = symbols
        return self._symbols

    def made_of(self, symbols: Mapping[int, Symbol]) -> None:
        """Note the symbols that the plan was made from, by their slots, for as long as they live."""
        self._first = WeakValueDictionary(symbols)

    def modules(self) -> list[Module]:
        """Return the input layers and the layers, each once, in the order of their first call."""
        seen: dict[int, Module] = {}
        for module, _, _ in self.calls():
            seen.setdefault(id(module), module)
        return list(seen.values())

    @cached_property
    def by_depth(self) -> list[Module]:
        """The input layers and the layers as Keras orders them: the deepest first.

        The depth of a layer is the number of calls on the longest way from it to an output. Of the layers of one depth
        that comes first which a walk back from the outputs meets first, arguments in order and dicts by sorted key.
        Computing a mask counts as a call.
        """
        calls = with_masks(self.calls()[: len(self.sources)], self.steps, len(self.specs))
        makers = {slot: i for i, (_, _, outs) in enumerate(calls) for slot in outs}
        for slot in self.input_slots:
            if slot not in self.sources:  # another model computes it
                makers.pop(slot, None)
        reads = [*(ins for _, ins, _ in calls), self.output_slots]
        before = [[makers[slot] for slot in ins if slot in makers] for ins in reads]
        met, left = _walk(len(calls), before)
        order: dict[int, int] = {}
        for i in met[1:]:
            order.setdefault(id(calls[i][0]), len(order))
        least, depths = [0] * len(calls), dict.fromkeys(order, 0)
        for i in reversed(left[:-1]):
            key = id(calls[i][0])
            depths[key] = depth = max(least[i], depths[key])  # a shared layer is as deep as its deepest call so far
            for parent in before[i]:
                least[parent] = max(least[parent], depth + 1)
        return sorted(self.modules(), key=lambda m: (-depths.get(id(m), 0), order.get(id(m), -1)))

    def calls(self) -> list[tuple[Module, list[int], list[int]]]:
        """Return (layer, slots in, slots out) of the inputs and the steps."""
        calls: list[tuple[Module, list[int], list[int]]] = []
        calls += [(self.sources[i], [], [i]) for i in self.input_slots if i in self.sources]
        calls += [(s.module, sorted_slots([s.args, s.kwargs]), s.outs) for s in self.steps]
        return calls


def _walk(root: int, before: list[list[int]]) -> tuple[list[int], list[int]]:
    """Walk depth first from a call through those before it; return all calls as they are met, and as they are left."""
    met, left = {root: None}, []
    stack = [(root, iter(before[root]))]
    while stack:
        at, rest = stack[-1]
        new = next((i for i in rest if i not in met), None)
        if new is None:
            left.append(at)
            stack.pop()
        else:
            met[new] = None
            stack.append((new, iter(before[new])))
    return list(met), left


def step(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], outs: list[int], nested: bool) -> Step:
    """Return the step of a call, with the short cut for simple ones."""
    alone = len(args) == 1 and isinstance(args[0], Slot) and not kwargs and not nested
    return Step(module, args, kwargs, outs, nested, (args[0].i, outs[0]) if alone else None)


def make_plan(caller: str, inputs: Any, outputs: Any) -> Plan:
    """Return the plan that computes `outputs` from `inputs`.

    Args:
        caller: the model, for error messages.
        inputs: symbols, nested in lists, tuples and dicts.
        outputs: the same.

    Raises:
        TypeError: if anything other than symbols is among them.
        ValueError: if an output does not depend on the inputs alone.
    """
    input_symbols, output_symbols = _symbols(caller, "inputs", inputs), _symbols(caller, "outputs", outputs)
    slots: dict[tuple[int, int], int] = {}
    specs: list[tuple[Shape, str]] = []
    met: dict[int, Symbol] = {}

    def slot_of(symbol: Symbol) -> Slot:
        key = (id(symbol.call), symbol.index)
        if key not in slots:
            slots[key] = len(specs)
            specs.append((symbol.shape, symbol.dtype.name))
        met[slots[key]] = symbol
        return Slot(slots[key])

    sources = {}
    for symbol in input_symbols:
        slot = slot_of(symbol)
        if slot.i in sources or slot.i != len(specs) - 1:
            raise ValueError(f"{caller}: expected every input once; {symbol!r} is there twice")
        if is_input(symbol):
            sources[slot.i] = symbol.call.module
    steps = []
    for call in _calls(caller, input_symbols, output_symbols):
        args, kwargs = replace_leaves(Symbol, slot_of, call.args), replace_leaves(Symbol, slot_of, call.kwargs)
        steps.append((call, args, kwargs))
    inputs, outputs = replace_leaves(Symbol, slot_of, inputs), replace_leaves(Symbol, slot_of, outputs)
    plan = Plan(inputs, outputs, [_step(call, a, k, slots, specs) for call, a, k in steps], sources, specs)
    plan.made_of(met)
    return plan


def _step(
    call: Call, args: tuple[Any, ...], kwargs: dict[str, Any], slots: dict[tuple[int, int], int], specs: list[Any]
) -> Step:
    for i, spec in enumerate(call.results):
        if (id(call), i) not in slots:  # an unused result
            slots[id(call), i] = len(specs)
            specs.append(spec)
    outs = [slots[id(call), i] for i in range(len(call.results))]
    return step(call.module, args, kwargs, outs, call.nested)


def is_input(symbol: Symbol) -> bool:
    """Return whether the symbol comes from `Input`."""
    return not call_inputs(symbol.call) and type(symbol.call.module).__name__ == "InputLayer"


def call_inputs(call: Call) -> list[Symbol]:
    """Return the symbols that a call was given."""
    return call.symbols


def _calls(caller: str, inputs: list[Symbol], outputs: list[Symbol]) -> list[Call]:
    """Return the calls between inputs and outputs, in the order in which they were recorded."""
    at_hand = {(id(symbol.call), symbol.index) for symbol in inputs}
    calls: dict[int, Call] = {}
    pending = list(outputs)
    while pending:
        symbol = pending.pop()
        if (id(symbol.call), symbol.index) in at_hand or id(symbol.call) in calls:
            continue
        before = call_inputs(symbol.call)
        if not before:
            raise ValueError(
                f"{caller}: expected outputs that depend on the given inputs alone; they also need {symbol!r}. "
                "Add it to inputs"
            )
        calls[id(symbol.call)] = symbol.call
        pending.extend(before)
    return sorted(calls.values(), key=lambda call: call.serial)


def _symbols(caller: str, name: str, structure: Any) -> list[Symbol]:
    symbols = instances(Symbol, structure)
    others = []
    pending = [structure]
    while pending:
        part = pending.pop()
        if isinstance(part, (list, tuple, Mapping)) and (part is structure or name == "outputs"):
            pending.extend(part.values() if isinstance(part, Mapping) else part)
        elif not isinstance(part, Symbol):
            others.append(part)
    if others or not symbols:
        received = describe(others[0] if others else structure)
        raise TypeError(
            f"{caller}: expected {name} to be a symbol, or a list or dict of symbols, made by nn.Input and by calling "
            f"layers on them; received {received}"
        )
    return symbols


def layer_names(caller: str, modules: list[Module]) -> dict[str, Module]:
    """Return the layers by their names; unnamed ones are called `dense`, `dense_1`, …, as in a Sequential.

    Raises:
        ValueError: if two have the same name.
    """
    names: dict[str, Module] = {}
    taken = {m._name for m in modules if m._name is not None}
    counts: dict[str, Iterator[int]] = {}
    for module in modules:
        name = module._name
        if name is None:
            base = base_name(module)
            candidates = (f"{base}_{i}" if i else base for i in counts.setdefault(base, itertools.count()))
            name = next(n for n in candidates if n not in names and n not in taken)
        elif name in names:
            raise ValueError(f"{caller}: expected layers of different names; two are called {name!r}. Rename one")
        names[name] = module
    return names


def base_name(module: Module) -> str:
    """Return the name of a layer that was given none: that of its class, or of its function if it is an operation."""
    kind = type(module).__name__
    return str(getattr(module, "function", kind)).removeprefix("ops.") if kind == "Operation" else snake_case(kind)
