"""Views: Tensors that NumPy would have made in the memory of another one, and writes that both sides see.

The values of a Tensor never change, so that the recorded past stays true: a write gives it other values. To match
NumPy, a view knows its base, and the op that made it. A write through it is recorded as a new value of the base too, by
the op's `put`. Other views of the base are stale then, and are recomputed when something reads them.

A Tensor knows its views weakly, so nothing here is a cycle, and learns of them when it is written: until then, views
are noted in one list for all, at no other cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..core.forks import fork_safe_lock
from ..core.hooks import HOOKS
from ..core.mode import MODE, TAPES, Mode, enter_mode, leave_mode
from ..core.node import LEAF, Node, user_source
from ..core.op import Op
from ..native.kernels import library

# The base of a view, the op and its parameters, the values of the base at that time, and the number of views between it
# and the owner of the memory. Once the base has other values, by `assign`, it is not a view any more. A plain tuple,
# since every indexing creates one.
Link = tuple[Any, Any, dict[str, Any], Any, int]
ARRAY: Any = ()  # in place of a link, on a 0-d value inside `jvp` or `vmap`: an array, not a number
NEW: list[ref[Any]] = []  # views that their bases do not know yet
_FEW = 256
_LIMIT = [_FEW]  # the length of `NEW` at which dead references are removed
_DEEP = 64  # views of views; a list that is peeled, xs = xs[1:], must not keep all that it was
_LOCK = fork_safe_lock()
_BUSY: list[bool] = []  # not empty while views are taken from `NEW`
_new = object.__new__
_read = object.__getattribute__  # of a stale view too, without taking it anew


class Path:
    """Several steps, each an op with its parameters, from a Tensor to a view of a view of it."""

    __slots__ = ("steps",)

    def __init__(self, steps: tuple[tuple[Op, dict[str, Any]], ...]) -> None:
        self.steps = steps

    def __call__(self, x: Any) -> Any:
        """Take the view."""
        for op, params in self.steps:
            x = op(x, **params)
        return x

    def put(self, x: Any, y: Any) -> Any:
        """Return x with y in the places of the view."""
        before = [x]
        for op, params in self.steps[:-1]:
            before.append(op(before[-1], **params))
        for (op, params), whole in zip(reversed(self.steps), reversed(before), strict=True):
            y = op.put(whole, y, **params)
        return y


class Apart:
    """The function that NumPy makes a view by, where it is a copy here, and its counterpart, as `Op.put`."""

    __slots__ = ("put", "take")

    def __init__(self, take: Callable[[Any], Any], put: Callable[[Any, Any], Any]) -> None:
        self.take, self.put = take, put

    def __call__(self, x: Any) -> Any:
        """Take the view."""
        return self.take(x)


def _link_of(x: Any, op: Any, params: dict[str, Any], value: Any) -> Link:
    """Return the link of a view of x, which holds `value` and may be a view itself."""
    up = getattr(x, "_view", None)
    if not up:
        return x, op, params, value, 0
    if up[4] < _DEEP:
        return x, op, params, value, up[4] + 1
    steps: tuple[Any, ...] = ((op, params),)
    while up and _is_current(up):
        x, value = up[0], up[3]
        steps = (up[1].steps if isinstance(up[1], Path) else ((up[1], up[2]),)) + steps
        up = getattr(x, "_view", None)
    return x, Path(steps), {}, value, 0


def link(result: Any, x: Any, op: Any, params: dict[str, Any], value: Any) -> None:
    """Note that a Tensor may be a view of x."""
    result._view = _link_of(x, op, params, value)
    NEW.append(ref(result))
    if len(NEW) > _LIMIT[0]:
        _shorten()


def _shorten() -> None:
    """Forget the new views that live no more."""
    with _LOCK:
        n = len(NEW)
        NEW[:n] = [here for here in NEW[:n] if here() is not None]
        _LIMIT[0] = _FEW + 2 * len(NEW)


def _new_view(x: Any, out: Any, node: Any, op: Op, params: dict[str, Any], value: Any) -> Any:
    """Return a Tensor of an array that shares memory with another, and note if it is a view of x.

    Args:
        x: a Tensor.
        out: its values.
        node: what made it.
        op, params: by what.
        value: the values of x.
    """
    result = _new(HOOKS.tensor)
    result._data, result._node = out, node
    result._shared = x._shared = True
    if out.base is value or np.may_share_memory(out, value):  # else it was reshaped by a copy
        result._view = (x, op, params, value, 0) if value.base is None else _link_of(x, op, params, value)
        NEW.append(ref(result))
        if len(NEW) > _LIMIT[0]:
            _shorten()
    return result


new_view: Callable[..., Any] = library.views(NEW, _LIMIT, _shorten, _new_view, _DEEP) if library else _new_view


def _is_current(link: Link) -> bool:
    return _read(link[0], "_data") is link[3]


def introduce() -> None:
    """Tell Tensors of the views of them that there are."""
    if not NEW and not _BUSY:
        return
    with _LOCK:
        try:
            _BUSY.append(True)
            noted = NEW[:]
            del NEW[: len(noted)]
            _LIMIT[0] = _FEW
            for view in [view for here in noted if (view := here()) is not None]:
                link = _read(view, "_view")
                if not link:
                    continue
                if _is_current(link) and _in_one_memory(view, link):
                    _add(link[0], ref(view))
                else:
                    view._view = None
        finally:
            _BUSY.clear()


def _in_one_memory(view: Any, link: Link) -> bool:
    """Return whether NumPy has made a view, not a copy, which depends on the layout of an array that is reshaped."""
    if link[1].__class__ is Apart:
        return True
    a, b = _memory(view._data), _memory(link[3])
    if a.__class__ is np.ndarray and b.__class__ is np.ndarray:
        return np.may_share_memory(a, b)
    return isinstance(link[1], Op) and link[1].views(link[0], link[2])


def _memory(value: Any) -> Any:
    while value.__class__ is not np.ndarray and hasattr(value, "__inside__"):
        value = value.__inside__
    return value


def _add(t: Any, view: ref[Any]) -> None:
    views = getattr(t, "_views", None)
    if views is None:
        t._views = [view]
        return
    views.append(view)
    n = len(views)
    if n > 32 and not n & (n - 1):
        views[:] = [here for here in views if here() is not None]


# ---- writing --------------------------------------------------------------------------------------------------------


class Kin(NamedTuple):
    """What a Tensor that is about to be written is a view of, and the views of it, with whether they need gradients."""

    link: Link | None
    views: list[Any]
    needs: bool


def kin_of(t: Any, origin: Any) -> Kin:
    """Return the kin of a Tensor that is about to be written, without the view through which that is done."""
    introduce()
    link = getattr(t, "_view", None)
    if link and not _is_current(link):
        t._view = link = None
    return Kin(link or None, _views_of(t, origin), t._node is not None and bool(t._node.needs))


def _views_of(t: Any, origin: Any = None) -> list[Any]:
    """Return the views of a Tensor that are not stale."""
    views = []
    for here in getattr(t, "_views", None) or ():
        view = here()
        if view is None or view is origin or type(view) is HOOKS.stale:
            continue
        link = view._view
        if link and link[0] is t and _is_current(link):
            views.append(view)
    return views


def outdate(t: Any, kin: Kin, origin: Any, leaf: bool) -> None:
    """Make the views of a Tensor that has been written stale.

    Args:
        t: the Tensor.
        kin: as it was before.
        origin: the view through which it was written, if that is so.
        leaf: whether it is a leaf that requires a gradient, so that views with a history keep its old values.
    """
    t._views = [] if origin is None else [ref(origin)]
    tape = MODE.get().tape if TAPES else None
    waiting = [(view, kin.needs, leaf) for view in kin.views]
    while waiting:
        view, needed, leaf = waiting.pop()
        node = view._node
        needs = node is not None and bool(node.needs)
        if leaf and needs:
            view._view = None
            continue
        waiting += [(v, needs, False) for v in _views_of(view)]
        inside = tape is not None and node.__class__ is Node and node.stamp >= tape.began
        base, op, params, _, depth = view._view
        view._view = base, op, params, (needed and not needs, inside), depth
        view._views = []
        view._data = view._node = None
        view.__class__ = HOOKS.stale


def knows_views(t: Any) -> None:
    """Let a Tensor have a list of its views, if only an empty one."""
    t._views = getattr(t, "_views", None) or []


def in_step(written: Sequence[tuple[Any, bool]], arguments: Sequence[Any], reads_others: bool) -> bool:
    """Make the views of Tensors that a replay is to write stale; return whether it does then what its function does.

    Args:
        written: these Tensors, known to `knows_views`, each with whether it is only written.
        arguments: the arguments, which must not be such views: the replay has their values from before.
        reads_others: whether it reads Tensors from elsewhere, which might be such views.
    """
    met = False
    for t, only in written:
        if not (NEW or _BUSY or t._views):
            continue
        kin = kin_of(t, None)
        if kin.views and not only:
            return False
        if kin.views:
            outdate(t, kin, None, t._node is LEAF)
            met = True
    return not met or not (reads_others or any(type(x) is HOOKS.stale for x in arguments))


def take_anew(view: Any) -> None:
    """Recompute a stale view from its base.

    It has a history if its base has one, even if it is read under `no_grad`, unless it was created there.
    """
    base, op, params, (constant, inside), depth = _read(view, "_view")

    def change(mode: Mode) -> None:
        mode.record = not constant
        if not inside:
            mode.tape = None

    mode = MODE.get()
    if mode.record is constant or (mode.tape is not None and not inside):
        entry = enter_mode(change)
        try:
            new = op(base, **params)
        finally:
            leave_mode(entry)
    else:
        new = op(base, **params)
    view._data, view._node, view._view = new._data, new._node, (base, op, params, base._data, depth)
    view._shared = True
    view.__class__ = new.__class__
    new._view = None
    _add(base, ref(view))


def same_place(t: Any, index: tuple[Any, ...], value: Any) -> bool:
    """Return whether a value is the view of `t` at an index, as in `t[index] += v`, which has been written already."""
    if not isinstance(value, HOOKS.tensor) or type(value) is HOOKS.stale:
        return False
    link = getattr(value, "_view", None)
    if (
        not link
        or link[0] is not t
        or link[1].__class__ is not Op
        or link[1].name != "getitem"
        or not _is_current(link)
    ):
        return False
    theirs = link[2]["index"]
    return len(theirs) == len(index) and all(
        i is j or (i.__class__ is j.__class__ and i.__class__ in (int, slice) and i == j)
        for i, j in zip(theirs, index, strict=True)
    )


def where_made(t: Any) -> str:
    """Return where a view was made, if that was recorded, for messages."""
    source = getattr(t._node if t._node is not LEAF else None, "source", None)
    return f" that was made at {source}" if source else ""


def here() -> str:
    """Return the user's line that runs now, for messages."""
    source = user_source()
    return f" at {source}" if source else ""
