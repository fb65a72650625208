"""Configurations: what an object was made with, as plain values from which it can be made again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from autograd_lite import Tensor

__all__ = [
    "Configurable",
    "Registered",
    "argument_names",
    "class_called",
    "custom_objects",
    "function_called",
    "made",
    "plain",
    "publish",
    "reference",
    "restored",
]

T = TypeVar("T")

_FUNCTIONS: dict[str, Callable[..., Any]] = {}
_CUSTOM: ContextVar[Mapping[str, Any]] = ContextVar("nn_custom_objects", default=MappingProxyType({}))


def _name_of(thing: Any) -> str:
    """Return what configurations call a class or function."""
    package, *inner = thing.__module__.split(".")
    return f"{inner[0]}.{thing.__name__}" if package == "nn" and inner else str(thing.__name__)


class Registered:
    """Has a configuration, and is known by its name, so that they may nest; nothing else is ever made from one.

    The name of a class of nn has its module before it, `losses.Hinge` and `metrics.Hinge`; a user's class is called by
    its own name alone, and so never takes the place of one of nn's.
    """

    __slots__ = ()
    known: ClassVar[dict[str, type[Registered]]] = {}
    config_name: ClassVar[str] = "Registered"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.config_name = _name_of(cls)
        if not cls.__name__.startswith("_"):
            Registered.known[cls.config_name] = cls

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the constructor makes it of again, as plain values."""
        raise NotImplementedError(f"{type(self).__name__}: write get_config(self)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return an object like the one whose `get_config` this is."""
        return cls(**{name: restored(value) for name, value in config.items()})


class Configurable(Registered):
    """Keeps the arguments of its constructor, for `get_config` and `from_config`."""

    # A slot, not an entry of `vars`, where a module tree would look for its parts.
    __slots__ = ("_arguments",)
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Return an instance that remembers what it was made with."""
        new = super().__new__(cls)
        new._arguments = (args, kwargs)
        return new

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as numbers, strings, lists and dicts; see `from_config`."""
        args, kwargs = self._arguments
        if type(self).__init__ is object.__init__:
            return {}
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        bound.apply_defaults()
        config: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = bound.signature.parameters[name].kind
            config |= dict(value) if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
        return {name: plain(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new object, like the one whose `get_config` this is, but with initial values of its own.

        Raises:
            TypeError: for an argument that the class does not have.

        Example:
            >>> from nn import layers
            >>> layers.Dense.from_config(layers.Dense(3, activation="relu").get_config())
            Dense(units=3, activation=relu)
        """
        arguments = {name: restored(value) for name, value in config.items()}
        parameters = inspect.signature(cls.__init__).parameters.values()
        spread = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
        return cls(*arguments.pop(spread, ()), **arguments) if spread else cls(**arguments)


def argument_names(kind: type) -> list[str]:
    """Return the names of the arguments that a class's constructor takes.

    Its own come first, then those that it hands on by `**kwargs` to the constructors of its base classes.

    Example:
        >>> class Base:
        ...     def __init__(self, *, name=None): ...
        >>> class Derived(Base):
        ...     def __init__(self, rate, **kwargs): ...
        >>> argument_names(Derived)
        ['rate', 'name']
    """
    names: list[str] = []
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names += [p.name for p in parameters if p.kind in named and p.name not in names]
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return names


# ---- functions ------------------------------------------------------------------------------------------------------


def publish(functions: Iterable[Any]) -> None:
    """Let configurations name these functions of nn, as they name its classes."""
    _FUNCTIONS.update({_name_of(f): f for f in functions if inspect.isfunction(f)})


def reference(value: Any) -> Any:
    """Return what stands for a function in a configuration, where a bare name would not do; else as `plain`.

    Example:
        >>> from nn import losses
        >>> reference(losses.huber)
        {'class_name': 'function', 'config': 'losses.huber'}
    """
    if inspect.isfunction(value) and _FUNCTIONS.get(_name_of(value)) is value:
        return {"class_name": "function", "config": _name_of(value)}
    return plain(value)


# ---- to plain values and back ---------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value of a configuration as numbers, strings, lists and dicts, as far as there is a way.

    An object becomes {"class_name": …, "config": …}, one of nn's functions its name. What has no plain form, such as
    a function of the user's own, stays what it is.

    Example:
        >>> from nn import activations, layers
        >>> plain((activations.relu, np.float32(2), layers.Activation("tanh")))
        ['relu', 2.0, {'class_name': 'layers.Activation', 'config': {'activation': 'tanh'}}]
    """
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    if isinstance(value, Registered):
        return {"class_name": value.config_name, "config": plain(value.get_config())}
    ours = str(getattr(value, "__module__", "")).startswith("nn.")
    return value.__name__ if ours and (isinstance(value, type) or inspect.isfunction(value)) else value


def restored(value: Any) -> Any:
    """Return the objects that a plain value stands for; a class that is not known is left to who takes the argument.

    Example:
        >>> restored([{"class_name": "layers.Flatten", "config": {}}, 2.0])
        [Flatten(), 2.0]
    """
    if isinstance(value, list):
        return [restored(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"class_name", "config"}:
        if value["class_name"] == "function" and (function := function_called(value["config"])) is not None:
            return function
        if (kind := class_called(value["class_name"])) is not None:
            return kind.from_config(value["config"])
    return {key: restored(part) for key, part in value.items()}


def class_called(name: Any) -> Any:
    """Return the class that configurations call by this name, those of `custom_objects` first, or None."""
    if not isinstance(name, str):
        return None
    custom = _CUSTOM.get().get(name)
    return custom if isinstance(custom, type) else Registered.known.get(name)


def function_called(name: Any) -> Any:
    """Return the function that configurations call by this name: one of `publish` or `custom_objects`, or None."""
    if not isinstance(name, str):
        return None
    custom = _CUSTOM.get().get(name)
    return custom if custom is not None and not isinstance(custom, type) else _FUNCTIONS.get(name)


@contextmanager
def custom_objects(given: Mapping[str, Any]) -> Iterator[None]:
    """Let configurations that are restored inside name these classes and functions of the user's."""
    token = _CUSTOM.set(given)
    try:
        yield
    finally:
        _CUSTOM.reset(token)


def made(what: str, config: Any, kind: type[T]) -> T:
    """Return the object that a configuration stands for, which must be of a kind.

    Args:
        what: what is expected, with its article, for the error message.
        config: {"class_name": …, "config": …}; where nn has but one class of this kind and name, its module may be
            left out, as in configurations written for Keras.
        kind: the class that it must be of.

    Raises:
        ValueError: if it stands for something else, or for nothing that is known.
    """
    if isinstance(config, Mapping) and class_called(name := config.get("class_name")) is None:
        ends = [known for known, c in Registered.known.items() if issubclass(c, kind) and known.endswith(f".{name}")]
        if len(ends) == 1:
            config = {**config, "class_name": ends[0]}
    found = restored(config)
    if not isinstance(found, kind):
        raise ValueError(f"expected the configuration of {what}, as serialize() returns it; received {config!r:.200}")
    return found
