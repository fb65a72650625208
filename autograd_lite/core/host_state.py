"""Host state, which compiled functions read outside of Tensors at every replay: `dynamic`, `static` and `callback`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain
from operator import is_
from typing import Any

from ..native.kernels import library
from .arguments import refusal
from .mode import MODE, TAPES


def dynamic(container: Any, key: Any, *, owned: bool = False) -> Any:
    """Return `container[key]`, which is read anew at every replay if this is in a function that is compiled.

    Numbers in it become dynamic scalars: Python's operators and branches work on them as on numbers. Arrays become
    Tensors. Everything else in it must stay the same; otherwise the function is traced again. `Changes.put` is the
    counterpart that changes it.

    Args:
        container: a dict, or a list; of an object's attributes, `vars(x)`.
        key: what to read.
        owned: whether nothing else uses the arrays in it, so that new ones may be written over them.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> settings = {"rate": 0.5}
        >>> scaled = ag.compile(lambda x: x * ag.dynamic(settings, "rate"))
        >>> for settings["rate"] in (0.5, 0.25, 2.0):
        ...     scaled(np.ones(2))
        array([0.5, 0.5])
        array([0.25, 0.25])
        array([2., 2.])
    """
    tape = MODE.get().tape if TAPES else None
    return container[key] if tape is None else tape.host_state.read(container, key, owned)


def static(container: Any, key: Any) -> Any:
    """Return `container[key]` as a constant of the compiled code; when it changes, the function is traced again.

    Numbers and strings are compared by value, everything else by identity.

    Args:
        container: a dict, or a list; of an object's attributes, `vars(x)`.
        key: what to read.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> settings = {"times": 2}
        >>> repeated = ag.compile(lambda x: np.concatenate([x] * ag.static(settings, "times")))
        >>> for settings["times"] in (2, 2, 2, 3):
        ...     repeated(np.ones(2)).shape
        (4,)
        (4,)
        (4,)
        (6,)
    """
    tape = MODE.get().tape if TAPES else None
    try:
        return container[key] if tape is None else tape.host_state.pin(container, key)
    except TypeError:
        if hasattr(container, "__getitem__"):
            raise
        raise TypeError(refusal("static", "container", "a dict or a list", container)) from None


def callback(f: Callable[..., Any], *args: Any) -> Any:
    """Return `f(*args)`, which is called at every replay too if this is in a function that is compiled.

    Args:
        f: a function of numbers that returns a number, such as a schedule; it must not change what others see.
        args: numbers, which may be `dynamic`.

    Example:
        >>> import math, numpy as np, autograd_lite as ag
        >>> from autograd_lite import extend
        >>> settings = {"angle": 0.0}
        >>> turned = ag.compile(lambda x: x * extend.callback(math.cos, ag.dynamic(settings, "angle")))
        >>> for settings["angle"] in (0.0, 0.0, math.pi):
        ...     turned(np.ones(2))
        array([1., 1.])
        array([1., 1.])
        array([-1., -1.])
    """
    tape = MODE.get().tape if TAPES else None
    return f(*args) if tape is None else tape.host_state.call(f, args)


def same_objects(containers: tuple[Collection[Any], ...], objects: tuple[Any, ...]) -> bool:
    """Return whether containers hold these very objects still, one after the other; of dicts, their values.

    So the number of an object's state, which compiled code is guarded on through `callback`, need not be computed
    anew at every replay.

    Args:
        containers: dicts, lists and the like; of an object's attributes, `vars(x)`.
        objects: their contents before.

    Example:
        >>> from autograd_lite import extend
        >>> settings, names = {"rate": 0.5, "times": 2}, ["a", "b"]
        >>> before = *settings.values(), *names
        >>> extend.same_objects((settings, names), before)
        True
        >>> names.append("c")
        >>> extend.same_objects((settings, names), before)
        False
    """
    if library:
        there: bool = library.same_objects(containers, objects)
        return there
    if sum(map(len, containers)) != len(objects):
        return False
    inside = (x.values() if x.__class__ is dict else x for x in containers)
    return all(map(is_, chain.from_iterable(inside), objects))
