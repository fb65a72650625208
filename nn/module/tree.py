"""The tree of parts: submodules and tensors found among a module's attributes, their paths, their mode.

A module's parameters are its Tensors that require a gradient, its buffers those that do not, its submodules the
modules among its attributes; lists, tuples and dicts are looked into. Nothing is registered: what an attribute holds
now is what counts. A path joins attribute names and indices with dots, as in `blocks.0.kernel`; it is the name of a
tensor in `state_dict`, in pictures and in error messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from autograd_lite import Tensor, arrays

from ..config.arguments import checked_here
from ..config.registry import snake_case
from .modes import in_mode, mode_of, set_mode

_STEP = 16  # levels of modules that need no care
_DEEP = "deep parts"  # where a state has them, which is not the name of an attribute

Part = TypeVar("Part", bound="Tree[Any]")
Shape = tuple[int | None, ...]


@checked_here
class Tree(Generic[Part]):
    """The parts of a module: no call and no build, so that everything else about modules may build on it."""

    # Class attributes, so that a subclass which forgets super().__init__() works too.
    built: bool = False
    _sample_shape: tuple[int, ...] | None = None  # of the input, if it is known beforehand
    _built_shape: Any = None  # the argument of `build`
    _open_shape: Shape | None = None  # that of a sample, if lengths in it are unknown
    output_shape: Shape | None = None
    _name: str | None = None
    _path: str | None = None
    _unnamed: ClassVar[frozenset[str]] = frozenset()  # dicts whose own names are left out of paths
    _begins_training: ClassVar[bool] = True
    _trainable: bool = True
    _frozen: tuple[str, ...] = ()
    _made_frozen: bool = False  # with trainable=False, before it had its parts
    _device_array: Any = None  # an array without axes where its tensors are to be; None for NumPy
    _levels: int = 0  # of modules in one another, if they are so many that a call needs room for them

    @property
    def name(self) -> str:
        """The given name, else the one that the module has in its parent, else the class's name in snake case."""
        if self._name is not None:
            return self._name
        last = (self._path or "").rpartition(".")[2]
        return last if last and not last.isdigit() else snake_case(type(self).__name__)

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Part | Tensor]]:
        for name, value in list(vars(self).items()):  # another thread may be building
            if value.__class__ not in PLAIN:
                yield from _members_in("" if name in self._unnamed else name, value)

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Part]]:
        """Yield this module and all below it with their paths, parents first, each module once."""
        for path, module, _ in self._scan(prefix):
            yield path, module

    def _scan(self, prefix: str = "") -> Iterator[tuple[str, Part, list[tuple[str, Part | Tensor]]]]:
        """Yield what `_walk` does, with the members of each module: its attributes are looked through once."""
        seen = set()
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                members = list(module._members())
                yield path, module, members
                below = [(_join(path, name), m) for name, m in members if isinstance(m, Tree)]
                stack.extend(reversed(below))

    def _tensors(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield the leaf tensors of the tree with their paths, each tensor once."""
        seen = set()
        for path, _, members in self._scan(prefix):
            for name, member in members:
                if isinstance(member, Tensor) and member.is_leaf and id(member) not in seen:
                    seen.add(id(member))
                    yield _join(path, name), member

    def _in_keras_order(self) -> list[tuple[str, Part | Tensor]]:
        """Return the members in the order of `layers` and `weights`: first the tensors that are trained, if not frozen.

        Paths, `parameters` and files follow `_members` instead, so that they do not depend on the later use of
        a layer's result.
        """
        return sorted(
            self._members(),
            key=lambda m: isinstance(m[1], Tensor) and not (m[1].requires_grad or m[0] in self._frozen),
        )

    def _tensors_in_keras_order(self) -> list[Tensor]:
        """Return the leaf tensors of the tree in the order of `weights`, each once, without states of `_carries`."""
        tensors: dict[int, Tensor] = {}
        seen = set()
        stack: list[Any] = [self]
        while stack:
            module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                states = module._carries()
                members = [m for name, m in module._in_keras_order() if name.partition(".")[0] not in states]
                tensors |= {id(t): t for t in members if isinstance(t, Tensor) and t.is_leaf and id(t) not in tensors}
                stack.extend(m for m in reversed(members) if isinstance(m, Tree))
        return list(tensors.values())

    def _depths(self) -> list[list[Part]]:
        """Return the modules of the tree, each once, by how many others they are in."""
        seen = {id(self)}
        depths: list[list[Any]] = [[self]]
        while depths[-1]:
            below = {id(m): m for module in depths[-1] for _, m in module._members() if isinstance(m, Tree)}
            depths.append([m for key, m in below.items() if key not in seen])
            seen |= below.keys()
        return depths[:-1]

    def __getstate__(self) -> Any:
        # Deep parts come first, so that pickle and deepcopy, which go down into all that they have not seen yet,
        # never go down far.
        state: Any = super().__getstate__()
        first = [part for parts in self._depths()[_STEP::_STEP] for part in parts]
        if first:
            own, *slots = state if isinstance(state, tuple) else (state,)
            own = {_DEEP: first[::-1], **own}
            state = (own, *slots) if slots else own
        return state

    def __setstate__(self, state: Any) -> None:
        own, slots = state if isinstance(state, tuple) else (state, None)
        vars(self).update(own or {})
        vars(self).pop(_DEEP, None)
        for name, value in (slots or {}).items():
            setattr(self, name, value)

    def _name_tree(self) -> None:
        prefix = self._path or ""
        deepest = 0
        for path, module in self._walk(prefix):
            module._path = path
            deepest = max(deepest, path.count("."))
        if deepest - prefix.count(".") >= _STEP or self._levels:  # a level is a name or more in a path
            self._levels = levels_of(self)
        for path, tensor in self._tensors(prefix):
            tensor.name = path
            arrays.allow_numpy(tensor)

    def named_modules(self) -> list[tuple[str, Part]]:
        """Return this module, whose path is "", and all modules below it, with their paths, parents first."""
        return list(self._walk())

    def _carries(self) -> tuple[str, ...]:
        """Return the names of attributes that carry state from call to call: lists of tensors (N, …), None at first."""
        return ()

    # ---- mode --------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch the whole tree to training mode (dropout drops), and return the module.

        Args:
            mode: False for evaluation mode, as `eval` does.
        """
        set_mode((module for _, module in self._walk()), bool(mode))
        return self

    def eval(self) -> Self:
        """Switch the whole tree to evaluation mode (dropout passes through), and return the module."""
        set_mode((module for _, module in self._walk()), False)
        return self

    @property
    def training(self) -> bool:
        """Whether it is in training mode: as set by a call running in this thread, else as set on the module."""
        return mode_of(self)

    @training.setter
    def training(self, training: bool) -> None:
        set_mode((self,), bool(training))

    def mode(self, *, training: bool) -> AbstractContextManager[None]:
        """Put the whole tree into training or evaluation mode inside, for this thread or task only.

        Args:
            training: which of the two.
        """
        return in_mode(self, training)

    # ---- where its arrays are --------------------------------------------------------------------------------------

    def to(self, kind: Any) -> Self:
        """Put all parameters and buffers, with their gradients, on arrays of another library, in place.

        Parts that are built later follow, and so do the arrays that the module is called with, and at its next step the
        state of an optimizer. See `python -m autograd_lite help devices`.

        Args:
            kind: the library, a module that has `asarray`, such as `cupy`, or `numpy` for the way back; or a function
                that makes one of its arrays of one of NumPy's. The device is the one where it makes arrays now.

        Returns:
            The module.

        Raises:
            TypeError: if `kind` is neither.

        Example:
            >>> import numpy
            >>> import nn
            >>> type(nn.Sequential([nn.layers.Dense(2, input_shape=(3,))]).to(numpy).parameters()[0].data)
            <class 'numpy.ndarray'>
        """
        make = getattr(kind, "asarray", kind)
        if not callable(make):
            raise TypeError(
                f"{type(self).__name__}.to: expected a library with asarray, such as cupy or numpy, or a function of "
                f"an array; received {kind!r:.80}. Write model.to(cupy) after import cupy"
            )
        there = make(np.zeros((), np.float32))
        for _, module in self._walk():
            module._device_array = there if arrays.is_duck_array(there) else None
        for _, tensor in self._tensors():
            arrays.move(tensor, there)
        return self

    def _to_device(self, x: Any) -> Any:
        """Return an array where the tensors of the module are."""
        return x if self._device_array is None else arrays.asarray_like(x, self._device_array)

    # ---- freezing ----------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether the parameters require gradients; setting it reaches the whole tree, also parts not yet built.

        Buffers, such as running statistics, stay buffers. After a change, compile the model again with a new optimizer.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        for _, module in self._walk():
            module._trainable, module._made_frozen = bool(trainable), False
            module._apply_trainable()

    def _freeze_new(self) -> None:
        """Freeze the weights that a frozen module has just got, and the parts of one that was made frozen."""
        if self._made_frozen:
            self.trainable = False
        elif not self._trainable:
            self._apply_trainable()

    def _apply_trainable(self) -> None:
        own = {name: t for name, t in self._members() if isinstance(t, Tensor) and t.is_leaf}
        if not self._trainable:
            names = tuple(name for name, t in own.items() if t.requires_grad)
            self._frozen = (*self._frozen, *names)
            for name in names:
                own[name].requires_grad = False
        elif self._frozen:
            for name in self._frozen:
                if name in own:
                    own[name].requires_grad = True
            self._frozen = ()


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def levels_of(value: Any) -> int:
    """Return how many modules of a tree are in one another, at most; 0 of anything else."""
    return len(value._depths()) if isinstance(value, Tree) else 0


# The types of most attributes: neither a member nor a place for one.
PLAIN = frozenset({bool, int, float, str, type(None)})


def _members_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Tree, Tensor)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            if part.__class__ not in PLAIN:
                yield from _members_in(_join(name, str(i)), part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if part.__class__ not in PLAIN:
                yield from _members_in(_join(name, str(key)), part)
