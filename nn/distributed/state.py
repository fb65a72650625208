"""The state of a training run sent from one rank to the others, and the proof that all of them train the same."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd_lite as ag

from ..module.module import Module
from ..module.state import generators, set_generators
from .communicator import Communicator
from .ranks import world

# Of an object that has no better text; it tells one process from another, and nothing else.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class RankMismatch(ValueError):
    """Raised on every rank where ranks do not do the same.

    Example:
        >>> raise RankMismatch("fit: expected the same model on every rank")
        Traceback (most recent call last):
        autograd_lite.nn.distributed.state.RankMismatch: fit: expected the same model on every rank
    """


def assert_consistent(caller: str, facts: Mapping[str, Any], comm: Communicator | None = None) -> None:
    """Compare what the ranks are about to do; nothing is sent but digests, unless they differ.

    Args:
        caller: the call, for messages.
        facts: by name, values whose texts must be equal.
        comm: connects the ranks; by default the world.

    Raises:
        RankMismatch: on every rank, if a value differs.

    Example:
        >>> assert_consistent("train", {"batch_size": 32})
    """
    comm = world() if comm is None else comm
    if comm.size == 1:
        return
    local = {name: _ADDRESS.sub("", repr(value)) for name, value in {"call": caller, **facts}.items()}
    digests = comm.all_gather_bytes(hashlib.sha256(repr(local).encode()).digest())
    if len(set(digests)) == 1:
        return
    every = comm.all_gather(local)
    for name in dict.fromkeys(key for one in every for key in one):
        values = [one.get(name, "nothing") for one in every]
        other = next((r for r, value in enumerate(values) if value != values[0]), None)
        if other is not None:
            first, second = _difference(values[0], values[other])
            raise RankMismatch(
                f"{caller}: expected the same {name} on every rank; received {first} on rank 0 and {second} on rank "
                f"{other}. Run the same script with the same arguments and data on all ranks"
            )


def _difference(a: str, b: str, around: int = 40) -> tuple[str, str]:
    """Return the parts of two texts from a little before their first difference."""
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(at - around, 0)
    return (("…" if start else "") + a[start : at + around], ("…" if start else "") + b[start : at + around])


def facts_of(model: Module) -> dict[str, str]:
    """Return what must be the same of a model on all ranks: its class, and the kinds of its tensors."""
    kinds = ", ".join(
        f"{path} {t.shape} {t.dtype}{'' if t.requires_grad else ' frozen'}" for path, t in model._tensors()
    )
    return {"class of the model": type(model).__name__, "tensors of the model": kinds}


def broadcast_parameters(model: Module, comm: Communicator | None = None, root: int = 0) -> Module:
    """Give all ranks the parameters and buffers that one of them has, and return the model.

    Args:
        model: built, of the same architecture on every rank.
        comm: connects the ranks; by default the world.
        root: the rank whose values count.

    Raises:
        RankMismatch: on every rank, if the models differ in more than values; nothing has changed then.

    Example:
        >>> import nn
        >>> from nn import distributed
        >>> model = distributed.broadcast_parameters(nn.Sequential([nn.layers.Dense(1, input_shape=(2,))]))
        >>> len(model.parameters())
        2
    """
    comm = world() if comm is None else comm
    assert_consistent("broadcast_parameters", facts_of(model), comm)
    if comm.size > 1:
        for _, t in model._tensors():
            values = np.array(t.data, order="C")
            comm.broadcast(values, root)
            t.assign(values)
    return model


def broadcast_state(model: Module, optimizer: Any, extra: Any, comm: Communicator) -> Any:
    """Give all ranks what rank 0 has of a training run: weights, optimizer, random streams; return its `extra`."""
    broadcast_parameters(model, comm)
    local = None
    if comm.rank == 0:
        state = optimizer.state_dict() if optimizer.parameters else None
        local = state, generators(model), ag.random.default_generator.state, extra
    state, streams, stream, extra = comm.all_gather(local)[0]
    if comm.rank:
        if state is not None:
            optimizer.load_state_dict(state)
        set_generators(model, streams)
        ag.random.default_generator.state = stream
    return extra


def digest_of(t: ag.Tensor) -> int:
    """Return a number that tells the values of a tensor from others."""
    values: Any = np.ascontiguousarray(t.data)
    return zlib.crc32(values)


def average_buffers(model: Module, comm: Communicator) -> None:
    """Replace buffers that differ, such as running statistics of each rank's rows, by their means over the ranks.

    Those that are not floating become rank 0's.

    Raises:
        RankMismatch: on every rank, if tensors are frozen on some ranks only.
    """
    buffers = {path: t for path, t in model._tensors() if not t.requires_grad}
    every = comm.all_gather({path: digest_of(t) for path, t in buffers.items()})
    if any(list(digests) != list(every[0]) for digests in every):  # a layer that one rank alone has frozen
        assert_consistent("fit", facts_of(model), comm)
    for path, t in buffers.items():
        if len({digests[path] for digests in every}) == 1:
            continue  # a mean of equal numbers may be another one
        values = np.array(t.data, order="C", ndmin=1)
        if values.dtype.kind == "f":
            values /= comm.size
            comm.sum(values)
        else:
            comm.broadcast(values)
        t.assign(values.reshape(t.shape))
