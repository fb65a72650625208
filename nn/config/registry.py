"""Things found by name, and the way from names and configurations to objects and back.

Each kind of object (losses, metrics, initializers …) has one `Registry`, and its module's `get`, `serialize` and
`deserialize` are made by it.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from .arguments import checked
from .config import make, named_object, plain

T = TypeVar("T")


class Registry(Generic[T]):
    """The classes of one kind, by their names in snake case and by other names.

    Args:
        title: one of them, with its article, for error messages: "a loss".
        kind: their base class.
        classes: those that are found by their own names; or the names of some that load late, separated by spaces.
        others: classes, or their names, by more names.
        room: the package that has the named classes; it has been imported.
        make: makes the object of a class and the name, or None; by default the class is called without arguments.
        wrap: makes an object of a function; by default functions are refused.
        takes: the arguments of such a function, for error messages: "of (y_true, y_pred)".
        none: whether None stands for itself.
        words: what to write for names that users of other libraries try, or of something else, by these names in lower
            case and without underscores.

    Example:
        >>> class Shape: ...
        >>> class BlueSquare(Shape): ...
        >>> shapes = Registry("a shape", Shape, [BlueSquare], others={"blue": BlueSquare})
        >>> list(shapes.names), type(shapes.get("BlueSquare")).__name__
        (['blue_square', 'blue'], 'BlueSquare')
        >>> shapes.get("bleu")
        Traceback (most recent call last):
        ValueError: expected the name of a shape; received 'bleu'. Did you mean 'blue'? Known names: blue_square, blue
    """

    def __init__(
        self,
        title: str,
        kind: Any,
        classes: Iterable[Any] | str = (),
        *,
        others: Mapping[str, Any] | None = None,
        room: str = "",
        make: Callable[[Any, str | None], T] = lambda entry, name: entry(),
        wrap: Callable[[Any], T] | None = None,
        takes: str = "",
        none: bool = False,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self.title, self.kind, self.make, self.wrap, self.takes, self.none = title, kind, make, wrap, takes, none
        entries = classes.split() if isinstance(classes, str) else classes
        self.entries = {snake_case(getattr(entry, "__name__", entry)): entry for entry in entries} | dict(others or {})
        self.room, self.words = room, words or {}

    @property
    def names(self) -> dict[str, Any]:
        """The classes by all names."""
        return {name: self._load(entry) for name, entry in self.entries.items()}

    def _load(self, entry: Any) -> Any:
        return getattr(sys.modules[self.room], entry) if isinstance(entry, str) else entry

    def get(self, identifier: Any) -> Any:
        """Return the object that a name, a configuration, a class or a function stands for, or the given one.

        Raises:
            ValueError: for a name that is not known.
            TypeError: for anything else.
        """
        identifier = named_object(identifier)
        if isinstance(identifier, str):
            return self.make(self._load(find(self.title, identifier, self.entries, self.words)), identifier)
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, self.kind) or (identifier is None and self.none):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, self.kind):
            return self.make(identifier, None)
        if callable(identifier) and self.wrap is not None:
            return self.wrap(identifier)
        allowed = ["a name", f"{self.title.partition(' ')[0]} {self.kind.__name__}"]
        allowed += [f"a function {self.takes}".rstrip()] * (self.wrap is not None) + ["None"] * self.none
        expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise TypeError(f"expected {self.title}: {expected}; received {identifier!r:.200}")

    def serialize(self, value: Any) -> Any:
        """Return the configuration of an object, as {"class_name": …, "config": …}."""
        return plain(self.get(value))

    def deserialize(self, config: Any) -> T:
        """Return an object like the one that was serialized, or the one that has a name.

        Raises:
            ValueError: if the configuration stands for something else.
        """
        instance: T = self.get(config) if isinstance(config, str) else make(self.title, config, self.kind)
        return instance

    def functions(self, module: str) -> tuple[Callable[[Any], T], Callable[[Any], Any], Callable[[Any], T]]:
        """Return `get`, `serialize` and `deserialize`, as functions of a module of nn."""

        def get(identifier: Any) -> Any:
            return self.get(identifier)

        def serialize(value: Any) -> Any:
            return self.serialize(value)

        def deserialize(config: Any) -> Any:
            return self.deserialize(config)

        word = self.title.partition(" ")[2]
        serialize.__code__ = serialize.__code__.replace(co_varnames=(word,))  # Keras's name of the argument
        get.__doc__ = f"""Return {self.title} by its name or configuration, or the given one.

        Args:
            identifier: a name, such as {", ".join(map(repr, list(self.entries)[:2]))}; a configuration, which
                `serialize` returns; a class, {self.title} or a function.

        Raises:
            ValueError: for a name that is not known.
            TypeError: for anything else.
        """
        serialize.__doc__ = f"""Return the configuration of {self.title}; see `deserialize`.

        Args:
            {word}: the object; a custom function stays as it is.

        Returns:
            {{"class_name": …, "config": …}}, in plain values.
        """
        deserialize.__doc__ = f"""Return {self.title} like the one that was serialized.

        Args:
            config: the result of `serialize`, or a name.

        Raises:
            ValueError: if the configuration stands for something else.
        """
        for function in (get, serialize, deserialize):
            function.__module__, function.__qualname__ = module, function.__name__
        return checked(get), checked(serialize), checked(deserialize)


def find(expected: str, name: str, table: Mapping[str, T], words: Mapping[str, str] | None = None) -> T:
    """Return the entry of `table` that is called `name`, whatever its case and underscores.

    Args:
        expected: an entry with its article, for the error message: "a loss".
        name: as the user wrote it; "MeanSquaredError" and "mean_squared_error" are the same name.
        table: entries by their names.
        words: what to write in place of other names, by these in lower case and without underscores.

    Raises:
        ValueError: if there is none; the message has the nearest names, then all of them.

    Example:
        >>> find("a number", "One", {"one": 1, "two": 2})
        1
    """
    if name in table:
        return table[name]
    spelled = {_key(entry): entry for entry in table}
    if _key(name) in spelled:
        return table[spelled[_key(name)]]
    near = [spelled[key] for key in difflib.get_close_matches(_key(name), spelled, n=3)]
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    if words and _key(name) in words:
        meant = f" {words[_key(name)]}."
    raise ValueError(f"expected the name of {expected}; received {name!r}.{meant} Known names: {', '.join(table)}")


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def snake_case(name: str) -> str:
    """Return a class's name in snake case.

    Example:
        >>> snake_case("LayerNormalization"), snake_case("MyMLP"), snake_case("Conv2D")
        ('layer_normalization', 'my_mlp', 'conv2d')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", name).lower()
