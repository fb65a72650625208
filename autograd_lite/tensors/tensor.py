"""The Tensor: an array, and the record of its computation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from operator import setitem
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core.arguments import kinds_of, numbers
from ..core.duck_arrays import (
    astype,
    convert_like,
    copy_array,
    is_duck_array,
    is_writeable,
    refuse_masked,
)
from ..core.dynamic_scalars import plain_number
from ..core.errors import DtypeError, GradError, ShapeError, more_on
from ..core.hooks import HOOKS
from ..core.messages import explain_error
from ..core.mode import MODE, TAPES, no_grad
from ..core.node import LEAF, NAMES, Node, Source, next_stamp
from ..core.op import BY_UFUNC, Op
from ..core.traceback_folding import fold_error
from ..core.undo import open_undo
from ..ops import barrier, index
from ..ops.gather import gather_at
from ..tree import LEAVES
from .array_api import Standard
from .conversions import Conversions, leaving
from .display import html_of, text_of
from .gradient_hooks import AWAITED, ArrivalHook, GradKeeper, HookHandle, UserHook
from .inplace import InPlace
from .ndarray_methods import Methods, UnknownIndex, canonical_index
from .operators import Operators
from .protocols import Dispatched, defer, of_numpy, on_arrays
from .record import apply, apply_with_params, binary, constant, copy_on_tape, open_edge, own_value, unary, wrap
from .sharing import at_a_place
from .views import take_anew

if TYPE_CHECKING:
    import numpy.typing as npt


class Tensor(InPlace, Operators, Methods, Dispatched, Conversions, Standard):
    """An n-dimensional array that records the operations applied to it.

    Args:
        a: array-like of any shape.
        dtype: NumPy dtype; by default the one NumPy would choose.
        requires_grad: whether `backward` fills `.grad`; needs a floating dtype.
        name: shown in pictures and error messages.
        copy: copy the values, so that the tensor shares its memory with nothing. False borrows an array that already
            has the dtype: do not change it while the tensor, or a graph made from it, is in use; only
            `raise_on_change` would notice.

    Raises:
        DtypeError: if a gradient is requested for a tensor that is not floating.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        Tensor([2., 4.])
    """

    # All but _data and _node are set only on the few tensors that use them, and are read with a default.
    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_name", "_node", "_shared", "_stamp", "_view", "_views")
    _data: Any  # ndarray, or the NumPy scalar that NumPy returned for a 0-d result
    _node: Any  # Node, LEAF on a leaf that requires a gradient, or None
    _grad: Tensor | None
    _hooks: list[UserHook | ArrivalHook]
    _name: str | None
    _shared: bool
    _stamp: int
    _view: Any  # see `views`
    _views: Any

    def __init__(
        self,
        a: npt.ArrayLike | Tensor,
        dtype: npt.DTypeLike | None = None,
        requires_grad: bool = False,
        name: str | None = None,
        *,
        copy: bool = True,
    ) -> None:
        if isinstance(a, Tensor) and not requires_grad:
            a._keep_history("ag.tensor(t)")
        try:
            needs_grad = bool(requires_grad)
            values = a._data if isinstance(a, Tensor) else plain_number(a)
            if values.__class__ in (list, tuple):
                refuse_masked(*values, caller="tensor")
            if values.__class__ is np.ndarray or not is_duck_array(values):
                data = np.array(values, dtype=dtype, copy=copy or None)
            else:
                data = astype(values, dtype, copy)
        except Exception as error:
            arguments = {"a": a, "dtype": dtype, "requires_grad": requires_grad}
            raise explain_error("tensor", error, arguments, kinds_of(Tensor.__init__), final=False) from None
        if data.dtype.kind not in "biufc":
            raise DtypeError(f"tensor: expected numbers; received dtype {data.dtype}. Convert the values first")
        self._data = data
        self._node = None
        self._stamp = next_stamp()
        self._name = name
        if not copy:
            self._shared = True
            if isinstance(a, Tensor):
                a._shared = True
        if needs_grad:
            self.requires_grad = True
        if TAPES and (tape := MODE.get().tape) is not None:
            tape.note_tensor(self)
            if not needs_grad:
                self._node = copy_on_tape(a, data)

    # ---- attributes -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> npt.NDArray[Any]:
        """A read-only view of the values, which follows `assign`; `numpy()` returns a copy.

        Of an array that is not NumPy's it is the array itself: change it with `assign` alone.
        """
        if TAPES:
            leaving("t.data")
        if is_duck_array(self._data):
            return self._data
        view = np.asarray(self._data).view()
        view.flags.writeable = False
        return view

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._data.shape

    @shape.setter
    def shape(self, value: Any) -> NoReturn:
        raise AttributeError(f"t.shape = {value}: a Tensor keeps its shape. Write t = t.reshape({value})")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    @property
    def nbytes(self) -> int:
        """The number of bytes of the values."""
        return int(self._data.nbytes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self._data.dtype

    @property
    def name(self) -> str | None:
        """The name given by the user or by a module, or None."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if self._node.__class__ is Node:
            NAMES[self._node] = name
        if hasattr(type(self._data), "parts"):  # in a transformation
            self._data.name_parts(name)

    @property
    def path(self) -> str:
        """The name, or "": what Keras calls the path of a variable."""
        return self.name or ""

    @property
    def value(self) -> Tensor:
        """The tensor itself: what Keras calls the value of a variable."""
        return self

    # ---- gradients --------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to this tensor; may be set on a leaf."""
        return self._node is not None and bool(self._node.needs)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf and not self._is_on_tape():
            raise GradError(
                "requires_grad can be set on a leaf only; this tensor is the "
                f"{self._node.describe()}. Use .detach() to start a new graph from its values"
            )
        if value and self.dtype.kind not in "fc":
            raise DtypeError(
                f"requires_grad=True: expected a floating dtype; received {self.dtype}. "
                "Fix: make it floating: tensor(a, dtype=float, …)" + more_on("integers")
            )
        self._node = LEAF if value else None
        if not getattr(self, "_stamp", 0):  # when it came to be; freezing and thawing change no values
            self._stamp = next_stamp()

    @property
    def trainable(self) -> bool:
        """Keras's name of `requires_grad`."""
        return self.requires_grad

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.requires_grad = value

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user, not by a recorded operation."""
        node = self._node
        is_unrecorded = node is None or node is LEAF or node.op is barrier.stop_gradient
        return is_unrecorded or (self._is_on_tape() and not MODE.get().tape.is_captured(self))  # type: ignore[union-attr]

    def _is_on_tape(self) -> bool:
        """Return whether only a tape has recorded this, so that it is a leaf where there is none."""
        if not TAPES or self._node.__class__ is not Node or self._node.needs or self.__class__ is not Tensor:
            return False
        return MODE.get().tape is not None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated here, or None; may be set, which copies the values."""
        if TAPES and (tape := MODE.get().tape) is not None:
            tape.note_gradient(self)
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: Tensor | npt.ArrayLike | None) -> None:
        if TAPES and (tape := MODE.get().tape) is not None:
            tape.note_gradient(self)
        if value is None:
            self._grad = None
            return
        new = own_value(value) if isinstance(value, Tensor) else Tensor(value)
        if new.shape != self.shape or new.dtype != self.dtype:
            raise ShapeError(
                f".grad: expected shape {self.shape} {self.dtype}, as the tensor has; received {new.shape} {new.dtype}"
            )
        self._grad = new

    def backward(
        self, cotangent: Tensor | npt.ArrayLike | None = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf it was made from; see `autograd_lite.backward`.

        Args:
            cotangent: what the gradient of this tensor is multiplied by, of its shape; None for 1, for a single number.
            retain_graph: whether to keep what a second backward pass reads; False by default.
            create_graph: whether the gradients can be differentiated in turn; False by default.

        Raises:
            GradError: without a history, for several numbers without a cotangent, or in a second pass.

        Example:
            >>> import autograd_lite as ag
            >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
            >>> (w**2).sum().backward()
            >>> w.grad
            Tensor([2., 4.])
        """
        try:
            HOOKS.backward(self, cotangent, retain_graph, create_graph)
        except Exception as error:
            raise fold_error(error)  # noqa: B904 it is the error itself

    def detach(self) -> Tensor:
        """Return the same values without history; `record_source` notes the line, for `why_no_grad`."""
        if self._node is not None or TAPES:
            mode = MODE.get()
            if mode.source and (self._node is not None or mode.tape is not None):
                return apply(barrier.stop_gradient, (self,), {})
        twin = wrap(self._data, None)
        twin._shared = self._shared = True
        return twin

    def retain_grad(self) -> None:
        """Keep `.grad` on this tensor although it is not a leaf."""
        if self._node is None:
            raise GradError("retain_grad: this tensor does not require a gradient; make its inputs require one")
        if self._node is not LEAF:
            if self._node.hooks is None:
                self._node.hooks = []
            self._node.hooks.append(GradKeeper(self))

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        """Call `hook` with the gradient of this tensor whenever a backward pass has computed it.

        Args:
            hook: a function of the gradient, a Tensor of this tensor's shape and dtype; its result, unless None,
                replaces the gradient.

        Returns:
            A handle whose `remove()` removes the hook.

        Raises:
            GradError: if this tensor does not require a gradient.

        Example:
            >>> x = tensor([1.0, 2.0], requires_grad=True)
            >>> handle = x.register_hook(lambda g: g * 10)
            >>> (x * x).sum().backward()
            >>> x.grad
            Tensor([20., 40.])
        """
        if not self.requires_grad:
            raise GradError("register_hook: this tensor does not require a gradient, so no hook would ever be called")
        if self._node is LEAF:
            hooks = self._hooks = getattr(self, "_hooks", [])
        else:
            if self._node.hooks is None:
                self._node.hooks = []
            hooks = self._node.hooks
        added = UserHook(hook)
        # `retain_grad` keeps the gradient as all hooks have left it.
        keepers = sum(isinstance(h, GradKeeper) for h in hooks)
        hooks.insert(len(hooks) - keepers, added)
        return HookHandle(hooks, added)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> HookHandle:
        """Call `hook` with this leaf as soon as `backward` has added the whole gradient to `.grad`.

        The pass may still be on its way to other leaves, so work that the hook starts runs concurrently. If the pass
        fails later, the gradients that have come stay.

        Args:
            hook: a function of this tensor; its result is ignored.

        Returns:
            A handle whose `remove()` removes the hook.

        Raises:
            GradError: if this tensor is not a leaf that requires a gradient.

        Example:
            >>> w, b = tensor([1.0, 2.0], requires_grad=True), tensor(0.0, requires_grad=True, name="b")
            >>> handle = b.register_post_accumulate_grad_hook(lambda t: print(t.name, t.grad.item(), w.grad))
            >>> (w * w + b).sum().backward()
            b 2.0 None
        """
        if self._node is not LEAF:
            raise GradError(
                "register_post_accumulate_grad_hook: expected a leaf that requires a gradient, whose .grad backward "
                "fills; received another tensor. Call register_hook on it"
            )
        hooks = self._hooks = getattr(self, "_hooks", [])
        hooks.append(added := ArrivalHook(hook))
        AWAITED[:] = [True]
        return HookHandle(hooks, added)

    def assign(self, value: Tensor | npt.ArrayLike) -> None:
        """Replace the values of a leaf in place; `.data` follows, and graphs that saved the old values refuse to run.

        Args:
            value: broadcastable to this tensor's shape, castable to its dtype.

        Raises:
            GradError: on a tensor that is not a leaf.
            ShapeError: if the value does not fit; nothing is changed.
        """
        new = self._fitting("assign", value)
        if TAPES and (tape := MODE.get().tape) is not None and tape.note_assignment(self, value):
            return
        # A cast may raise after it has written, so it gets new memory.
        new = new if new.dtype == self.dtype else new.astype(self.dtype, casting="same_kind")
        self._own_buffer()[...] = new

    def assign_sub(self, delta: Tensor | npt.ArrayLike) -> None:
        """Subtract `delta`, broadcastable, in place: `assign(self.data - delta)` in one pass (a leaf only)."""
        step = self._fitting("assign_sub", delta)
        if TAPES and (tape := MODE.get().tape) is not None:
            with no_grad():
                if tape.note_assignment(self, self - delta):
                    return
        buffer = self._own_buffer()
        np.subtract(buffer, step, out=buffer, casting="same_kind")

    def assign_add(self, delta: Tensor | npt.ArrayLike) -> None:
        """Add `delta`, broadcastable to this tensor's shape, in place: `assign(self.data + delta)` (a leaf only)."""
        step = self._fitting("assign_add", delta)
        if TAPES and MODE.get().tape is not None:
            with no_grad():
                self.assign(self + delta)
        else:
            self.assign(self._data + step)

    def _fitting(self, called: str, value: Any) -> npt.NDArray[Any]:
        """Return the array that a leaf is to be changed by, if it fits."""
        if not self.is_leaf and not self._is_on_tape():
            raise GradError(
                f"{called}: expected a leaf; received the {self._node.describe()}. Compute a new tensor instead"
            )
        new = convert_like(value._data if isinstance(value, Tensor) else numbers(called, "value", value), self._data)
        try:
            if new.shape != self.shape and np.broadcast_shapes(new.shape, self.shape) != self.shape:
                raise ValueError
        except ValueError:
            raise ShapeError(f"{called}: expected shape {self.shape}; received {new.shape}") from None
        if new.dtype != self.dtype and not np.can_cast(new.dtype, self.dtype, casting="same_kind"):
            raise TypeError(f"{called}: expected values that can be cast to {self.dtype}; received {new.dtype}")
        return new

    def _own_buffer(self) -> npt.NDArray[Any]:
        """Return the values for writing, stamped as changed now."""
        data = self._writable()
        if (undo := open_undo()) is not None:
            undo.append((setitem, data, Ellipsis, data.copy()))
        self._stamp = next_stamp()
        return data

    def _writable(self) -> npt.NDArray[Any]:
        """Return the values in a buffer that no other tensor shares."""
        data = self._data
        if getattr(self, "_shared", False) or not is_writeable(data):
            self._data = data = copy_array(data)
            self._shared, self._view = False, None
        if self._node is not LEAF:
            self._node = None  # if it was a view of another tensor, it no longer is
        return data

    # ---- the record -------------------------------------------------------------------------------------------------

    @property
    def op(self) -> Op | None:
        """The op that made this tensor, or None on a leaf."""
        node = self._node
        return None if node is None or node is LEAF else node.op

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The inputs of the op: Tensors, and arrays or numbers as they were given; empty on a leaf.

        An input whose values the op did not save has a shape and a dtype; asking for its values raises.
        """
        node = self._node
        if node is None or node is LEAF:
            return ()
        saved = node.saved[1:] if node.saved else node.inputs
        return tuple(open_edge(edge, value) for edge, value in zip(node.inputs, saved, strict=True))

    @property
    def params(self) -> dict[str, Any]:
        """The keyword parameters of the op that made this tensor."""
        node = self._node
        return {} if node is None or node is LEAF else dict(node.params)

    @property
    def source(self) -> Source | None:
        """The user's line that made this tensor, when `record_source()` was on."""
        return getattr(self._node, "source", None)

    # ---- NumPy's protocols ------------------------------------------------------------------------------------------

    def __apply_op__(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        return apply(of_numpy(op, inputs) if TAPES else op, inputs, params)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            op = BY_UFUNC.cached(ufunc) or BY_UFUNC.get(ufunc)
            if op is not None:
                if TAPES:
                    op = on_arrays(op, ufunc, inputs)
                if len(inputs) == 1:
                    return unary(op, inputs[0])
                result = binary(op, *inputs)
                if result is NotImplemented:  # operators defer to np.matrix; a ufunc treats it as any array
                    result = binary(op, *(constant(op, x) if isinstance(x, np.ndarray) else x for x in inputs))
                return defer(ufunc, inputs, Tensor) if result is NotImplemented else result
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    __hash__ = object.__hash__

    # ---- indexing ---------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Tensor:
        if key.__class__ is int or key.__class__ is slice:
            return apply_with_params(index.getitem, self, {"index": (key,)})
        try:
            canonical = canonical_index(key)
        except UnknownIndex:
            return at_a_place(gather_at(self, key), self, key)
        item = apply_with_params(index.getitem, self, {"index": canonical})
        if key.__class__ is np.ndarray and not key.ndim:
            item._view = None  # a copy in NumPy
        return item

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor: it holds one number; use .item()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor: it holds one number; use .item()")
        return (self[i] for i in range(self.shape[0]))

    # ---- looks ------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return what a notebook shows: the values, and below them a picture of the history if there is one."""
        faces: dict[str, Callable[[], str]] = {"text/plain": lambda: repr(self)}
        if type(self) is Tensor and self._node is not None and self._node is not LEAF:
            faces["text/html"] = lambda: html_of(self)
        asked = [kind for kind in faces if (not include or kind in include) and kind not in (exclude or ())]
        return {kind: faces[kind]() for kind in asked}

    def __format__(self, spec: str) -> str:
        return format(self._item(), spec) if self.ndim == 0 else format(str(self), spec)

    def __copy__(self) -> Tensor:
        return self.copy()  # as for NumPy arrays: new values, and the copy is recorded

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        twin = _rebuild(*self.__reduce__()[1])
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
        if not self.is_leaf:
            raise GradError("a tensor with history cannot be copied or pickled; use t.detach()")
        return _rebuild, (
            self._data.copy(),
            self.requires_grad,
            self.name,
            None if self.grad is None else copy_array(self.grad._data),
        )


def _rebuild(data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    twin = Tensor(data, requires_grad=requires_grad, name=name)
    twin.grad = grad
    return twin


class Stale(Tensor):
    """A view of what has been written since. Whoever looks at it, be it at its class, finds it taken anew."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        take_anew(self)
        return getattr(self, name)

    def __repr__(self) -> str:
        take_anew(self)
        return repr(self)

    def __bool__(self) -> bool:
        take_anew(self)
        return bool(self)


HOOKS.tensor = Tensor
HOOKS.stale = Stale
LEAVES.update((Tensor, Node))


def tensor(
    a: npt.ArrayLike | Tensor,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
    *,
    copy: bool = True,
) -> Tensor:
    """Make a Tensor from anything that NumPy can turn into an array, by default copying it; see `Tensor`.

    Args:
        a: array-like of any shape.
        dtype: NumPy dtype; by default the one NumPy would choose.
        requires_grad: whether `backward` fills `.grad`; needs a floating dtype.
        name: shown in pictures and error messages.
        copy: whether to copy the values; False borrows an array that already has the dtype, which must not change
            while the tensor is in use.

    Example:
        >>> tensor([[1.0, 2.0]], requires_grad=True, name="w")
        Tensor([[1., 2.]], requires_grad=True, name='w')
    """
    return Tensor(a, dtype, requires_grad, name, copy=copy)
