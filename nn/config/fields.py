"""Declared arguments: a class states each argument of its constructor once, and gets the constructor.

    class Huber(Loss):
        delta: float = field(number(above=0), default=1.0)

A field is the argument and the attribute: `Huber(2.0).delta`. As in `dataclasses`, the fields of base classes come
first, and `__post_init__`, where a class has one, runs at the end; it takes, by name, the arguments that are annotated
with `InitVar[…]`, which are not attributes. Type checkers and editors know the constructor by
`typing.dataclass_transform`; an argument that is stored in another form than it is given is annotated with
`Converted`. A class that writes `__init__` has that constructor, and passes on arguments as it likes.

Where the nearest `__init__` that a base class writes takes an argument, it is handed on to it, not kept twice, unless
that base declares the argument too: then the class has another one of that name, as `Embedding` has its `input_dim`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from autograd_lite.extend import explain_error

from .arguments import Check, unknown_argument
from .docstrings import Documentation

REQUIRED: Any = inspect.Parameter.empty
Given = TypeVar("Given", contravariant=True)
Kept = TypeVar("Kept", covariant=True)


class Converted(Generic[Given, Kept]):
    """The type of a field that takes `Given` and is `Kept`: `Converted[int | Sequence[int], tuple[int, ...]]`."""

    if TYPE_CHECKING:

        def __get__(self, owner: Any, kind: type | None = None) -> Kept: ...

        def __set__(self, owner: Any, value: Given) -> None: ...


class Field:
    """One argument of a constructor; `field` and `option` make them.

    Args:
        check: of (owner, name, value) to the value that is kept, or an error; None keeps the value as it is.
        default: the value of an argument that is left out, REQUIRED if it must not be.
        kw_only: whether it must be given by name.
        handed_on: whether a written `__init__` of a base class takes it, by its `**kwargs`.
        settable: whether the attribute, where it is assigned later, is the argument from then on.
    """

    #: Whether it stays on the class, as a descriptor whose `__set__` checks each assignment.
    live = False

    def __init__(
        self,
        check: Check | None = None,
        default: Any = REQUIRED,
        *,
        kw_only: bool = False,
        handed_on: bool = False,
        settable: bool = True,
    ) -> None:
        self.check, self.default, self.kw_only, self.handed_on = check, default, kw_only or handed_on, handed_on
        self.settable = settable
        self.kept = True

    def convert(self, owner: Any, name: str, value: Any) -> Any:
        """Return what an argument is kept as."""
        return value if self.check is None else self.check(owner, name, value)


class Accessor:
    """Is on a class for an argument that objects keep elsewhere: in a part, or in a table; a subclass says where.

    Args:
        name: of the argument.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def field_of(self, cls: type) -> Field:
        """Return the field that converts an assigned value."""
        return fields_of(cls)[self.name]

    def get(self, owner: Any) -> Any:
        """Return the value."""
        raise NotImplementedError

    def put(self, owner: Any, value: Any) -> None:
        """Change the value, to one that the field has converted."""
        raise NotImplementedError

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else self.get(owner)

    def __set__(self, owner: Any, value: Any) -> None:
        self.put(owner, self.field_of(type(owner)).convert(owner, self.name, value))


class _Attribute:
    """An attribute that is not an argument, with the class's value for it, if there is one."""

    def __init__(self, *default: Any) -> None:
        self.default = default


def field(
    check: Check | None = None,
    *,
    default: Any = REQUIRED,
    kw_only: bool = False,
    in_place: bool = False,
    settable: bool = True,
) -> Any:
    """Declare an argument, in the body of a class.

    Args:
        check: one of `nn.config.arguments`, or any function of (owner, name, value) that returns the value to keep.
        default: left out, the argument must be given.
        kw_only: whether it must be given by name; such come last.
        in_place: whether it may be given by position nevertheless, among its neighbors: type checkers would put an
            argument that a base class has among its keywords where that base has it, before all of this class's.
        settable: whether the attribute, where it is assigned later, is the argument in configurations; False for
            one that holds an object made of the argument.
    """
    return Field(check, default, kw_only=kw_only and not in_place, settable=settable)


def option(*, default: Any = REQUIRED, kw_only: Literal[True]) -> Any:
    """Declare an argument that the `__init__` of a base class takes among its keyword arguments."""
    return Field(None, default, handed_on=True)


def weight(*, init: Literal[False] = False) -> Any:
    """Declare a tensor that `build` makes: it is neither an argument nor, before, an attribute."""
    return _Attribute()


def attribute(*value: Any, init: Literal[False] = False) -> Any:
    """Declare an attribute that is not an argument, even if it is one of a base class.

    Args:
        value: until something assigns another one; left out, there is no attribute until then.
        init: for type checkers.
    """
    return _Attribute(*value)


# ---- classes --------------------------------------------------------------------------------------------------------


def declare(cls: type) -> None:
    """Take the fields out of a new class's body, and give it the constructor that they make."""
    fields: dict[str, Field | None] = {}
    notes: dict[str, Any] = {}
    for name, value in list(vars(cls).items()):
        if isinstance(value, _Attribute):
            fields[name] = None
            setattr(cls, name, *value.default) if value.default else delattr(cls, name)
        elif isinstance(value, Field):
            fields[name] = value
            notes = notes or inspect.get_annotations(cls)
            value.kept = "InitVar[" not in str(notes.get(name))
            if not value.live:
                delattr(cls, name)
    cls._own_fields = fields  # type: ignore[attr-defined]
    if "__init__" not in vars(cls):
        above = [base for base in cls.__bases__ if _declares(base)]
        changed = any(f is not None or any(name in fields_of(base) for base in above) for name, f in fields.items())
        if changed or len(above) > 1 or (above and "__post_init__" in vars(cls)):
            cls.__init__ = _Constructor(cls)  # type: ignore[misc]
    if cls.__doc__ is not None:
        cls.__doc__ = Documentation(cls.__doc__)  # type: ignore[assignment]


def _declares(cls: type) -> bool:
    return any(_own(base) for base in cls.__mro__)


def fields_of(cls: type, below: type = object) -> dict[str, Field]:
    """Return the fields of a class, those of its bases first, but for those of `below` and of the bases after it."""
    order = cls.__mro__[: cls.__mro__.index(below)]
    declared = {name: f for base in reversed(order) for name, f in _own(base).items()}
    fields = {name: f for name, f in declared.items() if f is not None}
    return dict(sorted(fields.items(), key=lambda item: item[1].kw_only))


def attributes_of(owner: Any) -> Iterator[tuple[str, Field, Any]]:
    """Yield the arguments that a made constructor keeps as attributes, with their fields and what they are now."""
    cls = type(owner)
    if is_made(cls.__init__):
        for name, f in fields_of(cls, _writer(cls)).items():
            accessor = getattr(cls, name, None)
            if isinstance(accessor, Accessor):
                yield name, accessor.field_of(cls), accessor.get(owner)
            elif f.kept and f.settable and not f.live and not f.handed_on and hasattr(owner, name):
                yield name, f, getattr(owner, name)


def text_of(value: Any) -> str:
    """Return an argument as a repr shows it: of a function its name, of a path its text."""
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    return repr(str(value) if isinstance(value, PurePath) else value)


def _own(cls: type) -> Mapping[str, Field | None]:
    """Return the declarations of a class: its fields, and None for an attribute, even if that is a field of a base."""
    declared: Mapping[str, Field | None] = vars(cls).get("_own_fields", {})
    return declared


class _Constructor:
    """Stands for a constructor until one is looked up: to make it takes as long as to compile a function."""

    def __init__(self, owner: type) -> None:
        self.owner = owner

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        init = self.owner.__init__ = _constructor(self.owner)  # type: ignore[misc]
        return init if owner is None else init.__get__(owner, kind)


def _writer(cls: type) -> type:
    """Return the nearest base class with a written `__init__`; `object` if there is no other."""
    inits = ((base, vars(base).get("__init__")) for base in cls.__mro__[1:])
    return next(base for base, init in inits if init and not isinstance(init, _Constructor) and not is_made(init))


def is_made(init: Any) -> bool:
    """Return whether a constructor has been made of fields."""
    return hasattr(init, "binds")


def _constructor(cls: type) -> Any:
    """Return a class's constructor, compiled from the source one would have written."""
    writer = _writer(cls)
    written: Any = writer.__init__  # type: ignore[misc]
    above = list(inspect.signature(written).parameters.values())[1:] if writer is not object else []
    fields = fields_of(cls, writer)
    own = {name: f for name, f in fields.items() if not f.handed_on}
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [_parameter(cls, name, f) for name, f in fields.items()]
    # That of a class above the writer has run in the writer's `__init__`.
    finishes = any("__post_init__" in vars(base) for base in cls.__mro__[: cls.__mro__.index(writer) + 1])
    code = _code(own, writer, above, finishes)
    names = {f"default_{name}": f.default for name, f in own.items()} | {f"check_{n}": f.check for n, f in own.items()}
    names |= {"__name__": cls.__module__, "written": written, "explain": _problem, "unexpected": unknown_argument}
    names["known"] = [*fields, *(p.name for p in above)]
    names["words"] = getattr(cls, "_other_words", {})
    exec(compile(code, f"<the fields of {cls.__qualname__}>", "exec"), names)
    init: Any = names["__init__"]
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
    # For configurations: arguments that may be given by position, with their defaults; others if they are given.
    init.binds = inspect.Signature([*(p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD), options])
    given_by_name = [
        p.replace(kind=p.KEYWORD_ONLY) for p in above if p.name not in fields and p.kind is not p.VAR_KEYWORD
    ]
    init.__signature__ = inspect.Signature(
        [*parameters, *given_by_name, *(p for p in above if p.kind is p.VAR_KEYWORD)]
    )
    return init


def parameters_of(cls: type) -> list[inspect.Parameter]:
    """Return the arguments that the fields of a class make."""
    return [_parameter(cls, name, f) for name, f in fields_of(cls).items()]


def _parameter(cls: type, name: str, f: Field) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if f.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    annotations = (notes[name] for base in cls.__mro__ if name in (notes := inspect.get_annotations(base)))
    annotation = next(annotations, inspect.Parameter.empty)
    return inspect.Parameter(name, kind, default=f.default, annotation=annotation)


def _code(own: Mapping[str, Field], writer: type, above: list[inspect.Parameter], finishes: bool) -> str:
    """Return the source of a constructor with these fields, which calls that of `writer`, unless it is `object`'s."""
    head = ["self", *(_in_head(name, f) for name, f in own.items() if not f.kw_only)]
    by_name = [_in_head(name, f) for name, f in own.items() if f.kw_only]
    head += ["*", *by_name] if by_name else []
    handed = [p.name for p in above if p.name in own and p.name not in fields_of(writer)]
    lines = []
    if not any(p.kind is p.VAR_KEYWORD for p in above):
        others = {p.name for p in above} - own.keys()
        wrong = f"options.keys() - {others!r}" if others else "options"
        lines += [f"if options and {wrong}: raise unexpected(type(self).__name__, options, known, words)"]
    if writer is not object:
        lines += [f"written(self, {''.join(f'{name}={name}, ' for name in handed)}**options)"]
    values = {n: f"check_{n}(self, {n!r}, {n})" if f.check else n for n, f in own.items() if n not in handed}
    lines += [f"self.{name} = {value}" for name, value in values.items() if own[name].kept]
    rest = ", ".join(f"{name}={value}" for name, value in values.items() if not own[name].kept)
    lines += [f"self.__post_init__({rest})"] if finishes else []
    arguments = "".join(f"{name!r}: {name}, " for name in own)
    return _SOURCE.format(head=", ".join(head), body="\n        ".join(lines or ["pass"]), given=arguments)


def _in_head(name: str, f: Field) -> str:
    return name if f.default is REQUIRED else f"{name}=default_{name}"


_SOURCE = """\
def __init__({head}, **options):
    try:
        {body}
    except Exception as error:
        problem = explain(self, error, {{{given}**options}})
        try:
            if problem is error:
                raise
            raise problem from None
        finally:
            del problem  # whose traceback has this frame: a cycle
"""


def _problem(owner: Any, error: Exception, arguments: dict[str, Any]) -> Exception:
    """Return the error of a constructor that names the call, the expected and the received."""
    name = type(owner).__name__
    if name.startswith("_") or str(error).startswith(f"{name}: "):
        return error
    return explain_error(name, error, arguments, {}, retell=True)
