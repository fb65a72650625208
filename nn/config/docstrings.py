"""Docstrings: an argument that several classes or functions share is described once, and shown by each.

A declared class describes its own arguments. For the others, and for those of which it says "see the module" or "as in
`Loss`", its docstring gets the texts of that module, of that class, or of the bases, when it is read. A function, or
another class, names the place that has the texts: `@arguments_from(place)`. What means the same in all methods of nn
is in `_OF_METHODS`; `describe_methods` adds it where a class is made, in a few microseconds.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, TypeVar

from autograd_lite import extend
from autograd_lite.extend import described_arguments, with_arguments

_POINTER = re.compile(r"(?:see|as in|as for|as of) (?:the modules?(?: `[\w.]+`)?|`[\w.]+`)(?:[;.] ?|$)")
_OTHERS = re.compile(r";? for the others see (?:the modules?)?.*")
_OTHER = {"options": "further arguments of the base class, such as `name` and `dtype` of a layer."}
# Of each weight that a class annotates.
_OF_WEIGHTS = {
    "_regularizer": "penalty on `{weight}`: a name, a Regularizer or a function; None for none.",
    "_constraint": "brings `{weight}` back after each step: a name, a Constraint or a function; None for none.",
}
# Of methods, each in one line: what their docstrings leave out.
_OF_METHODS = """
    x: input, shape (N, ...).
    inputs: input, or a list of them for a layer that takes several.
    input_shape: shape of the input, None for the batch axis; a list of shapes for several inputs.
    initial_state: list of states at the first step, shape (N, H) each; None for zeros.
    states: list of the cell's states, shape (N, H) each; None for zeros.
    z: result of `project`, shape (N, gates H).
    drop: what to multiply h by where it enters the gates, shape (N, H); None for nothing.
    training: whether to compute as in training; None for the mode of the layer.
    mask: booleans (N, T), True where a time step counts; None if all do.
    previous_mask: mask of the inputs, booleans (N, T), or a list of masks; None if all time steps count.
    return_attention_scores: whether to return the weights, too.
    use_causal_mask: whether a step of the query sees only steps up to its own.
    drawn: result of `draw`.
    batch_size: number of samples N.
    labels: of the images, one-hot, shape (N, K).
    mix_weight: share of its own label for each image, shape (N,).
    permutation_order: number of the other image for each, shape (N,).
    y_true: targets.
    y_pred: predictions, shape (N, ...).
    sample_weight: weight of each sample, shape (N,); None for 1.
    shape: shape of the predictions.
    losses: result of `call`.
    values: numbers, of any shape.
    epoch: number of the epoch, from 0.
    batch: number of the step in its epoch, from 0.
    logs: values by name, such as {"loss": 0.3}; empty if there are none yet.
    config: result of `get_config`.
    state: result of `state_dict`.
    caller: name of the calling method, for errors.
    parameter: one that the optimizer changes.
    path: of the file.
    output_mode: "one_hot", or "int" for the number of the bin or token.
    num_bins: number of bins.
    max_tokens: size of the vocabulary, what is unknown included; None for no limit.
    num_oov_indices: number of indices for what is unknown.
    name: prefix of the layer's name; None for a name by its class.
    X: samples, shape (N, ...).
    data: batch, (x,), (x, y) or (x, y, sample_weight).
    loss: penalty, a scalar Tensor.
    _options: further ones that TensorFlow's programs pass; they change nothing.
"""

T = TypeVar("T", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
_LINES = {line.strip().partition(":")[0]: f"{line}\n" for line in _OF_METHODS.split("\n") if line}


class Documentation:
    """The attribute `__doc__` of a class: its text with all arguments, made when it is read.

    Args:
        text: the docstring in the source.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, instance: Any, cls: type) -> str | None:
        owner = next(base for base in cls.__mro__ if vars(base).get("__doc__") is self)
        if owner is not cls:
            return None  # as of any class without a docstring
        owner.__doc__ = whole = _with_arguments(owner, inspect.cleandoc(self.text))
        return whole


def arguments_from(*places: Any) -> Callable[[T], T]:
    """Return `autograd_lite.extend.arguments_from` of places, with all that is known of classes of nn.

    Args:
        places: functions and classes that describe arguments, or texts with a row for each.

    Example:
        >>> from nn.layers import Dense
        >>> @arguments_from(Dense)
        ... def dense(units):
        ...     '''Return a layer.'''
        >>> list(described_arguments(dense.__doc__))
        [('units',)]
    """
    return extend.arguments_from(*(_arguments_of(p) if inspect.isclass(p) else p for p in places))


def describe_methods(cls: C) -> C:
    """Complete the docstrings of a class's methods: add the arguments that `_OF_METHODS` has and they leave out.

    Args:
        cls: the class.

    Example:
        >>> @describe_methods
        ... class Loud:
        ...     def call(self, x):
        ...         '''Return 2 x.'''
        >>> Loud.call.__doc__
        'Return 2 x.\\n\\nArgs:\\n    x: input, shape (N, ...).\\n'
    """
    for name, value in vars(cls).items():
        function = getattr(value, "__func__", value)  # of class methods and static ones
        if not isinstance(function, FunctionType) or name[0] == "_" or not (text := function.__doc__):
            continue
        code = getattr(function, "__wrapped__", function).__code__
        count = code.co_argcount + code.co_kwonlyargcount + (code.co_flags & inspect.CO_VARKEYWORDS > 0)
        names = [name for name in code.co_varnames[:count] if name in _LINES]
        if names and "\n" not in text:
            function.__doc__ = f"{text}\n\nArgs:\n{''.join(_LINES[name] for name in names)}"
        elif not all(f" {name}: " in text or f" {name}, " in text for name in names):
            arguments_from({name: _LINES[name].partition(": ")[2].rstrip() for name in names})(function)
    return cls


def _of_module(name: str) -> dict[str, str]:
    """Return the arguments that the docstring of a module describes, one by one."""
    whole = getattr(sys.modules.get(name), "__doc__", None) or ""
    rows: dict[str, str] = {}
    for names, text in described_arguments(
        "Args:\n" + "".join(f"{line}\n" for line in whole.split("\n") if line.startswith("    "))
    ).items():
        pointer = _POINTER.match(text)
        there = _arguments_at(name, pointer[0]) if pointer else dict.fromkeys(names, text)
        rows |= {name: there[name] for name in names if name in there}
    return rows


def _of_class(cls: type) -> dict[str, str]:
    """Return the arguments that a class describes itself, and those of the place to which it points."""
    own = vars(cls).get("__doc__")
    whole = own.text if isinstance(own, Documentation) else own
    rows: dict[str, str] = {}
    for names, text in described_arguments(inspect.cleandoc(whole or "")).items():
        pointer = _POINTER.match(text)
        there: Mapping[str, str] = _arguments_at(cls.__module__, pointer[0]) if pointer else {}
        if others := _OTHERS.search(text):
            rows = dict(_arguments_at(cls.__module__, others[0])) | rows
        rest = text[pointer.end() :] if pointer else _OTHERS.sub(".", text)
        for name in names:
            if pointer and name in there:
                rows[name] = f"{there[name]} {rest}".strip()
            elif not pointer:
                rows[name] = rest
    return rows


def _arguments_at(module: str, pointer: str) -> Mapping[str, str]:
    """Return the arguments of the places that a text in a module names: classes, or modules of the same package."""
    names = re.findall(r"`([\w.]+)`", pointer)
    package = ".".join(module.split(".")[:3])  # autograd_lite.nn.layers
    inside = {name: m for name, m in sys.modules.copy().items() if f"{name}.".startswith(f"{package}.")}
    here = sys.modules.get(module, sys)  # a class of a text that was run has no module
    rows: dict[str, str] = {}
    for name in names:
        near = (vars(m).get(name) for m in (here, *inside.values()))
        if cls := next(filter(inspect.isclass, near), None):
            rows |= _arguments_of(cls)
        tables = (_of_module(m) for m in inside if m.endswith(f".{name}") and m != module)
        rows |= next(filter(None, tables), {})
    return rows or ({} if names else _of_module(module))


def _arguments_of(cls: type) -> dict[str, str]:
    """Return the text of each argument: by the class, by its module, by a base, or by that of a base."""
    rows: dict[str, str] = {}
    for base in cls.__mro__[:-1]:
        rows = _of_module(base.__module__) | _of_class(base) | rows
    return rows


def _with_arguments(cls: type, text: str) -> str:
    """Return a docstring with all arguments of the constructor, in their order."""
    try:
        names = list(inspect.signature(cls).parameters)
    except (TypeError, ValueError):
        return text
    return with_arguments(text, names, _OTHER | dict(_of_weights(names)) | _arguments_of(cls))


def _of_weights(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the arguments that each weight of a class makes, with what they are."""
    for name in names:
        for ending, text in _OF_WEIGHTS.items():
            if name.endswith(ending):
                yield name, text.format(weight=name.removesuffix(ending).replace("recurrent", "recurrent_kernel"))
