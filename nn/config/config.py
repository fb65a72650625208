"""Configurations: the arguments of an object as plain values, from which it can be made again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from autograd_lite import Generator, Tensor

from .ambient import CUSTOM_OBJECTS, Block
from .arguments import checked_here, place_here
from .fields import attribute, attributes_of, declare, field, is_made, option, text_of, weight
from .known import Known
from .limits import reading
from .settings import DTypePolicy
from .signatures import ConstructorSignature

T = TypeVar("T")

_FUNCTIONS: Known[Callable[..., Any]] = Known({})
# Custom classes and functions that are registered for the whole process, by the names that configurations call them,
# and the names that they were given last (a notebook defines a class again).
_REGISTERED: dict[str, Any] = {}
_NAMES: dict[Any, str] = {}


def cached_by_class(function: Callable[[Any], T]) -> Callable[[Any], T]:
    """Cache a function of a class; each result is kept for as long as the class lives."""
    results: WeakKeyDictionary[Any, T] = WeakKeyDictionary()

    @functools.wraps(function)
    def look_up(kind: Any) -> T:
        if kind not in results:
            results[kind] = function(kind)
        return results[kind]

    return look_up


def _name_of(definition: Any) -> str:
    """Return the name of a class or function in configurations."""
    place = (place_here(definition) or "").partition(".")[0]
    return f"{place}.{definition.__name__}" if place else str(definition.__name__)


@dataclass_transform(eq_default=False, field_specifiers=(attribute, field, option, weight))
class Registered:
    """Base of everything that can be rebuilt from a configuration. Only registered classes are ever instantiated.

    The name of a class of nn begins with its module, as in `losses.Hinge` and `metrics.Hinge`. A custom class has just
    its own name, and so never replaces one of nn's.
    """

    __slots__ = ()
    _registry: ClassVar[MutableMapping[str, type[Registered]]] = Known(WeakValueDictionary())  # as long as they live
    config_name: ClassVar[str] = "Registered"
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # of a `Configurable`
    __signature__ = ConstructorSignature()  # before `__new__`, which takes anything

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.config_name = _name_of(cls)
        declare(cls)
        if not cls.__name__.startswith("_"):
            Registered._registry[cls.config_name] = cls
        checked_here(cls)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        raise NotImplementedError(f"{type(self).__name__}: write get_config(self)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new object from the result of `get_config`.

        Args:
            config: result of `get_config`.
        """
        with reading(config):
            return cls(**_values(cls, config))


class Stateful:
    """Base of objects that change with each batch although no call of a module reads them: metrics."""

    __slots__ = ()


class Configurable(Registered):
    """Keeps the arguments of its constructor, for `get_config` and `from_config`."""

    # A slot, because a module tree looks for its parts among the entries of `vars`.
    __slots__ = ("_arguments",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Return an instance that remembers its arguments."""
        new = super().__new__(cls)
        new._arguments = (args, kwargs)
        return new

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as numbers, strings, lists and dicts; see `from_config`.

        Returns:
            The arguments by name; of an attribute that was assigned after the object was made, its value now.
        """
        args, kwargs = self._arguments
        if type(self).__init__ is object.__init__:
            return {}
        bound = _signature(type(self)).bind(self, *args, **kwargs)
        bound.apply_defaults()
        config: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = bound.signature.parameters[name].kind
            if kind is not inspect.Parameter.VAR_POSITIONAL or value:
                config |= dict(value) if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
        config = {name: plain(value) for name, value in config.items()}
        for name, argument, value in attributes_of(self):
            before = config.get(name, argument.default)
            now = plain(value)
            if not _same(now, before) and not _same(now, plain(argument.convert(self, name, restore(before)))):
                config[name] = now
        return config

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._changed_arguments())})"

    def _changed_arguments(self) -> Iterator[str]:
        """Yield the texts of the arguments that differ from their defaults."""
        if type(self).__init__ is object.__init__:
            return
        args, kwargs = self._arguments
        signature = _signature(type(self))
        for name, value in list(signature.bind(self, *args, **kwargs).arguments.items())[1:]:
            parameter = signature.parameters[name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                yield from (f"{key}={text_of(part)}" for key, part in value.items())
            elif text_of(value) != text_of(parameter.default):
                yield f"{name}={text_of(getattr(self, name, value))}"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new object from the result of `get_config`, with new initial values.

        Raises:
            TypeError: for an argument that the class does not have.

        Example:
            >>> from nn import layers
            >>> layers.Dense.from_config(layers.Dense(3, activation="relu").get_config())
            Dense(units=3, activation=relu)
        """
        with reading(config):
            arguments = _values(cls, config)
            parameters = _signature(cls).parameters.values()
            spread = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
            return cls(*arguments.pop(spread, ()), **arguments) if spread else cls(**arguments)


def _same(a: Any, b: Any) -> bool:
    """Return whether two plain values are the same; sequences are, of equal entries."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or (type(a) is type(b) and bool(a == b))


def _signature(kind: type) -> inspect.Signature:
    """Return the signature of a class's constructor; kept on the class, since making it leaves cyclic garbage."""
    init: Any = kind.__init__  # type: ignore[misc]
    cached = vars(kind).get("_signature_of")
    if cached is None or cached[0] is not init:
        cached = (init, init.binds if is_made(init) else inspect.signature(init))
        kind._signature_of = cached  # type: ignore[attr-defined]
    return cached[1]


def _values(kind: Any, config: Any) -> dict[str, Any]:
    """Return the constructor's arguments that a configuration gives.

    Raises:
        ValueError: if it is not a dict of arguments.
    """
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        raise ValueError(
            f"{kind.__name__}.from_config: expected a dict, as {kind.__name__}.get_config() returns it; received "
            f"{config!r:.80}"
        )
    return {name: restore(value) for name, value in config.items()}


def argument_names(kind: type) -> list[str]:
    """Return the names of the arguments that a class's constructor takes.

    Its own come first, then those that `**kwargs` passes on to the constructors of its base classes.

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
        if "__init__" not in vars(base) or base is object:
            continue
        init: Any = base.__init__  # type: ignore[misc]
        parameters = list(inspect.signature(init).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names += [p.name for p in parameters if p.kind in named and p.name not in names]
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return names


# ---- functions ------------------------------------------------------------------------------------------------------


def publish(functions: Iterable[Any]) -> None:
    """Let configurations name these functions of nn, as they do its classes."""
    _FUNCTIONS.update({_name_of(f): f for f in functions if inspect.isfunction(f)})


def reference(value: Any) -> Any:
    """Return how a configuration refers to a function where a bare name is not enough; otherwise like `plain`.

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
    """Return a value of a configuration as numbers, strings, lists and dicts, as far as possible.

    An object becomes {"class_name": …, "config": …}, one of nn's functions its name. Anything without a plain form,
    such as a custom function, stays as it is.

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
        kind = np.dtype(value)
        return "string" if kind.kind in "US" else kind.name
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    if isinstance(value, Generator):
        return value.initial_seed
    if isinstance(value, DTypePolicy):
        return value.name
    if isinstance(value, Registered) or (hasattr(value, "get_config") and custom_name(type(value)) is not None):
        return {"class_name": name_in_configurations(type(value)), "config": plain(value.get_config())}
    if not isinstance(value, type) and callable(value) and (name := custom_name(value)) is not None:
        return {"class_name": "function", "config": name}
    ours = place_here(value) is not None
    return value.__name__ if ours and (isinstance(value, type) or inspect.isfunction(value)) else value


def restore(value: Any) -> Any:
    """Return the objects that plain values describe; unknown classes are left for the receiver to report.

    Example:
        >>> restore([{"class_name": "layers.Flatten", "config": {}}, 2.0])
        [Flatten(), 2.0]
    """
    if not isinstance(value, (dict, list)):
        return value
    with reading(value):
        return _restore(value)


def _restore(value: Any) -> Any:
    if isinstance(value, list):
        return [_restore(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"class_name", "config"}:
        if value["class_name"] == "function" and (function := function_called(value["config"])) is not None:
            return function
        if (kind := class_called(value["class_name"])) is not None:
            if hasattr(kind, "from_config"):
                instance = kind.from_config(value["config"])
                if "build_config" in value and hasattr(instance, "build_from_config"):  # of a custom class, as in Keras
                    instance.build_from_config(value["build_config"])
                return instance
            return kind(**_values(kind, value["config"]))
    return {key: _restore(part) for key, part in value.items()}


def class_called(name: Any) -> Any:
    """Return the class with this name in configurations, or None; custom classes come first."""
    if not isinstance(name, str):
        return None
    custom = custom_called(name)
    return custom if isinstance(custom, type) else Registered._registry.get(name)


def function_called(name: Any) -> Any:
    """Return the function with this name in configurations, custom or from `publish`, or None."""
    if not isinstance(name, str):
        return None
    custom = custom_called(name)
    return custom if custom is not None and not isinstance(custom, type) else _FUNCTIONS.get(name)


# ---- custom classes and functions -----------------------------------------------------------------------------------


@checked_here
class CustomObjectScope:
    """Context manager: inside, configurations, files and strings may name these custom classes and functions.

    Args:
        custom_objects: classes and functions by name; those of enclosing scopes stay known.

    Raises:
        TypeError: for something that is neither a function nor a class with a configuration.

    Example:
        >>> from nn import layers
        >>> with CustomObjectScope({"half": lambda x: x / 2}):
        ...     layers.Activation("half")([[3.0]]).tolist()
        [[1.5]]
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self._given = dict(custom_objects or {})
        check_custom(type(self).__name__, self._given)
        self._blocks: list[Block[Mapping[str, Any]]] = []

    def __enter__(self) -> CustomObjectScope:
        block: Block[Mapping[str, Any]] = Block(self._given)
        self._blocks.append(block)
        CUSTOM_OBJECTS.enter(block)
        return self

    def __exit__(self, *error: object) -> None:
        CUSTOM_OBJECTS.leave(self._blocks)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Return a decorator that lets configurations and files name a custom class or function.

    Its name there, and in strings, is `package>name`. If the name is taken, the new one replaces the old.

    Args:
        package: distinguishes your classes from others with the same name.
        name: by default that of the class or function.

    Raises:
        TypeError: when it decorates something that is neither a function with a name nor a class with `get_config`.

    Example:
        >>> from nn import layers
        >>> @register_keras_serializable("my_project")
        ... def cube(x):
        ...     return x**3
        >>> config = layers.Dense(2, activation=cube).get_config()
        >>> config["activation"]
        {'class_name': 'function', 'config': 'my_project>cube'}
        >>> layers.Dense.from_config(config).activation is cube
        True
    """

    def register(definition: T) -> T:
        caller = "register_keras_serializable"
        own_name = getattr(definition, "__name__", None) if name is None else name
        check_custom(caller, {str(own_name): definition})
        if not own_name or own_name == "<lambda>":
            raise TypeError(f"{caller}: expected a function or class with a name; received {definition!r}. Give name=")
        _NAMES[definition] = f"{package}>{own_name}"
        _REGISTERED[_NAMES[definition]] = definition
        return definition

    return register


def get_custom_objects() -> dict[str, Any]:
    """Return the registered custom classes and functions, by name: the dict itself, not a copy.

    Example:
        >>> register_keras_serializable("my_project", "twice")(lambda x: 2 * x)  # doctest: +ELLIPSIS
        <function <lambda> at ...>
        >>> get_custom_objects()["my_project>twice"](4)
        8
    """
    return _REGISTERED


def custom_called(name: str) -> Any:
    """Return the custom class or function with this name, in a scope or registered, or None."""
    return next((names[name] for names in CUSTOM_OBJECTS.values() if name in names), _REGISTERED.get(name))


def custom_name(definition: Any) -> str | None:
    """Return the name of a custom class or function, in a scope or registered, or None."""
    scoped = {name: custom for names in reversed(CUSTOM_OBJECTS.values()) for name, custom in names.items()}
    name = next((name for name, custom in scoped.items() if custom is definition), None)
    if name is None and definition.__hash__ is not None:
        name = _NAMES.get(definition)
        name = name if name in _REGISTERED else None
    return name or next((name for name, custom in _REGISTERED.items() if custom is definition), None)


def name_in_configurations(definition: Any) -> str:
    """Return the name of a class or function in configurations."""
    return custom_name(definition) or _name_of(definition)


def named_object(identifier: Any) -> Any:
    """Return the custom object that a string names, an instance if it is a class; anything else unchanged.

    The configuration of a function also gives the function.
    """
    if isinstance(identifier, str) and (custom := custom_called(identifier)) is not None:
        return custom() if isinstance(custom, type) else custom
    if isinstance(identifier, Mapping) and identifier.get("class_name") == "function":
        return restore(dict(identifier))
    return identifier


def check_custom(caller: str, custom: Mapping[str, Any]) -> None:
    """Check that these are functions, or classes whose objects have configurations."""
    for name, definition in custom.items():
        if not (hasattr(definition, "get_config") if isinstance(definition, type) else callable(definition)):
            raise TypeError(
                f"{caller}: expected custom_objects to be functions, and classes derived from nn's or with get_config; "
                f"received {name!r}: {definition!r}"
            )


# ---- checked --------------------------------------------------------------------------------------------------------


def make(expected: str, config: Any, kind: type[T]) -> T:
    """Return the object that a configuration describes, which must be of a kind.

    Args:
        expected: the kind of object, with its article, for the error message.
        config: {"class_name": …, "config": …}; if nn has only one class of this kind and name, its module may be left
            out, as in configurations written for Keras.
        kind: the class that it must be of.

    Raises:
        ValueError: if it describes something else, or nothing known.
    """
    if isinstance(config, Mapping) and class_called(name := config.get("class_name")) is None:
        ends = [full for full, c in Registered._registry.items() if issubclass(c, kind) and full.endswith(f".{name}")]
        if len(ends) == 1:
            config = {**config, "class_name": ends[0]}
    instance = restore(config)
    if not isinstance(instance, kind):
        raise ValueError(
            f"expected the configuration of {expected}, as serialize() returns it; received {config!r:.200}"
        )
    return instance
