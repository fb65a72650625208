"""Training or evaluation: a module has a mode of its own, which a call running in this thread or task may override.

`fit`, `predict`, `model(x, training=True)` and similar calls write into no module. They hold modes for the modules that
they run, visible to their own thread or task only; so one model can compute in many threads at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol
from weakref import ref

from ..config.ambient import MODES, Block


class _Tree(Protocol):
    """The parts of a tree of modules that modes use."""

    _begins_training: ClassVar[bool]
    _device_array: Any

    def _to_device(self, x: Any) -> Any: ...
    def _walk(self) -> Iterator[tuple[str, Any]]: ...


_change = itertools.count(1).__next__
_changes = 0


def trees_changed() -> None:
    """Note that some module may have gained parts."""
    global _changes
    _changes = _change()


class in_mode:
    """Context manager: a tree of modules is in training or evaluation mode inside, for this thread or task only.

    A mode set inside for one of them, as by `model.eval()`, also lasts until the end of the block.

    Args:
        root: the tree; parts that it gains later are included.
        training: its mode.
        modules: its modules, if they are known.
    """

    __slots__ = ("__weakref__", "_blocks", "_changes", "_modules", "_root", "_training", "modes")

    def __init__(self, root: _Tree, training: bool, modules: Iterable[_Tree] | None = None) -> None:
        self._root, self._training = root, training
        self.modes: dict[int, bool] = {}
        self._blocks: list[Block[ref[in_mode]]] = []
        self._modules: list[_Tree] = []  # kept alive, so that no other module gets one of their ids
        self._take_in(modules)

    def _take_in(self, modules: Iterable[_Tree] | None = None) -> None:
        self._changes = _changes
        added = [module for _, module in self._root._walk()] if modules is None else list(modules)
        self._modules += added
        for module in added:
            self.modes.setdefault(id(module), self._training)

    def mode_of(self, module: _Tree) -> bool | None:
        """Return the mode of a module, or None if it is not in the tree."""
        training = self.modes.get(id(module))
        if training is None and self._changes != _changes:
            self._take_in()
            training = self.modes.get(id(module))
        return training

    def __enter__(self) -> None:
        self._blocks.append(block := Block(ref(self)))
        MODES.enter(block)

    def __exit__(self, *error: object) -> None:
        MODES.leave(self._blocks)


def _holder(module: _Tree) -> in_mode | None:
    """Return the innermost block that holds a module."""
    for block in reversed(MODES.open.get()):
        held: in_mode | None = block.value()
        if held is not None and not block.ended and held.mode_of(module) is not None:
            return held
    return None


def mode_of(module: _Tree) -> bool:
    """Return whether a module is in training mode: as the innermost block that holds it says, else as set on it."""
    block = _holder(module) if MODES.open.get() else None
    own: bool = module.__dict__.get("training", module._begins_training) if block is None else block.modes[id(module)]
    return own


def set_mode(modules: Iterable[_Tree], training: bool) -> None:
    """Put modules into a mode; those that a block holds, until the block ends."""
    for module in modules:
        block = _holder(module)
        if block is None:
            vars(module)["training"] = training
        else:
            block.modes[id(module)] = training


def rest_in_inference(root: _Tree) -> None:
    """Put a tree into evaluation mode for the calls that no block holds: what `compile` and `load_model` do.

    The rule: called without `training=`, a model that was compiled or loaded computes in inference mode, as in Keras,
    and any other in training mode, as in PyTorch; `train()` and `eval()` change either.
    """
    for _, module in root._walk():
        vars(module)["training"] = False


def adopt(module: _Tree, part: _Tree) -> None:
    """Give the mode that was set on a module, and the place of its arrays, to a part that it has gained since."""
    if module._device_array is not None:
        for _, each in part._walk():
            if each._device_array is None:
                each.to(module._to_device)
    if "training" in vars(module):
        for _, each in part._walk():
            vars(each).setdefault("training", vars(module)["training"])
