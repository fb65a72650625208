"""Configurations: what an object was made with, as plain values from which it can be made again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from autograd_lite import Tensor

__all__ = ["Configurable", "made", "plain", "restored"]

T = TypeVar("T")


class Configurable:
    """Keeps the arguments of its constructor, for `get_config` and `from_config`.

    Every subclass is known by its name, so that configurations may nest; nothing else is ever made from one.
    """

    # A slot, not an entry of `vars`, where a module tree would look for its parts.
    __slots__ = ("_arguments",)
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]
    known: ClassVar[dict[str, type[Configurable]]] = {}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Return an instance that remembers what it was made with."""
        new = super().__new__(cls)
        new._arguments = (args, kwargs)
        return new

    #: what configurations call the class: its name, but where two classes of nn have the same one
    config_name: ClassVar[str] = "Configurable"

    def __init_subclass__(cls, config_name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.config_name = config_name or cls.__name__
        ours = Configurable.known.get(cls.config_name)
        if ours is None or not ours.__module__.startswith("nn."):
            Configurable.known[cls.config_name] = cls

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


def plain(value: Any) -> Any:
    """Return a value of a configuration as numbers, strings, lists and dicts, as far as there is a way.

    An object becomes {"class_name": …, "config": …}, one of nn's functions its name. What has no plain form, such as
    a function of the user's own, stays what it is.

    Example:
        >>> from nn import activations, layers
        >>> plain((activations.relu, np.float32(2), layers.Activation("tanh")))
        ['relu', 2.0, {'class_name': 'Activation', 'config': {'activation': 'tanh'}}]
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
    if not str(getattr(value, "__module__", "")).startswith("nn.") and not isinstance(value, Configurable):
        return value
    if isinstance(value, type):
        return value.__name__
    if inspect.isfunction(value):
        return value.__name__
    own = getattr(value, "get_config", None)
    settings = own() if own else {k: v for k, v in vars(value).items() if not k.startswith("_")}
    return {"class_name": getattr(value, "config_name", type(value).__name__), "config": plain(settings)}


def restored(value: Any) -> Any:
    """Return the objects that a plain value stands for; a class that is not known is left to who takes the argument.

    Example:
        >>> restored([{"class_name": "Flatten", "config": {}}, 2.0])
        [Flatten(), 2.0]
    """
    if isinstance(value, list):
        return [restored(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"class_name", "config"} and value["class_name"] in Configurable.known:
        return Configurable.known[value["class_name"]].from_config(value["config"])
    return {key: restored(part) for key, part in value.items()}


def made(what: str, config: Any, kind: type[T]) -> T:
    """Return the object that a configuration stands for, which must be of a kind.

    Args:
        what: what is expected, with its article, for the error message.
        config: {"class_name": …, "config": …}.
        kind: the class that it must be of.

    Raises:
        ValueError: if it stands for something else, or for nothing that is known.
    """
    found = restored(config)
    if not isinstance(found, kind):
        raise ValueError(f"expected the configuration of {what}, as serialize() returns it; received {config!r:.200}")
    return found
