"""`DistributedOptimizer`: the optimizer of a custom loop, whose steps use the gradients of all ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from ..config.ambient import CALL
from ..config.arguments import one_of, optional
from ..config.config import plain
from ..config.docstrings import arguments_from
from ..optimizers.composite import AroundOptimizer
from ..optimizers.hyper import Inner
from ..optimizers.optimizer import Optimizer
from ..optimizers.parameters import Parameters
from ..optimizers.rules import Array
from .buckets import BUCKET, Reducer
from .communicator import Communicator
from .ranks import world
from .state import assert_consistent

_compression = optional(one_of("float16"))


class DistributedOptimizer(AroundOptimizer):
    """Takes the steps of another optimizer with the means of the gradients that the ranks have.

    While `loss.backward()` runs on each rank, gradients are sent in buckets as soon as they are there; `step` waits for
    the last of them. With a loss that is the mean over a rank's rows, and as many rows on each rank, this is the step
    of one process on all rows; where the numbers differ, `scale_loss(loss, rows=len(x))` makes it so.

    `model.fit(..., distributed=True)` needs no such optimizer, but takes `bucket_mb` and `compression` from one. What
    `state_dict` returns is what the inner optimizer has, so that one process can go on from it.

    Args:
        inner_optimizer: takes the steps. Clipping, weight decay and averages are its arguments.
        communicator: connects the ranks; by default the world, see `init`.
        bucket_mb: megabytes that are sent at once, above 0 and at most 64.
        compression: "float16" sends gradients in half precision, scaled so that they fit; None as they are.
        parameters: the tensors to train, in the same order on every rank; by default those of the inner optimizer.

    Raises:
        TypeError: if `inner_optimizer` is not an optimizer.
        RankMismatch: on every rank, if the parameters differ in number, shape or dtype, or the optimizer does.

    Example:
        >>> import nn
        >>> from nn import distributed
        >>> model = distributed.broadcast_parameters(nn.Sequential([nn.layers.Dense(1, input_shape=(2,))]))
        >>> optimizer = distributed.DistributedOptimizer(nn.optimizers.SGD(0.1), parameters=model.parameters())
        >>> (model([[1.0, 2.0]]) ** 2).mean().backward()
        >>> optimizer.step()
        >>> optimizer.iterations
        1
    """

    learning_rate: Any = Inner()
    loss_scale_factor: Any = Inner()

    def __init__(
        self,
        inner_optimizer: Optimizer,
        communicator: Communicator | None = None,
        bucket_mb: float = BUCKET / 2**20,
        compression: str | None = None,
        *,
        parameters: Parameters | None = None,
    ) -> None:
        optimizer: Any = inner_optimizer
        if not isinstance(optimizer, Optimizer) or isinstance(optimizer, DistributedOptimizer):
            raise TypeError(
                "DistributedOptimizer: expected inner_optimizer to be an optimizer of one process, such as Adam(); "
                f"received {inner_optimizer!r:.80}"
            )
        self.name = "distributedoptimizer"
        self.inner_optimizer = inner_optimizer
        self.communicator = world() if communicator is None else communicator
        self.bucket_mb = bucket_mb
        if not 0 < bucket_mb <= 64:
            raise ValueError(f"DistributedOptimizer: expected bucket_mb above 0 and at most 64; received {bucket_mb}")
        self.compression = _compression(self, "compression", compression)
        self._reducer: Reducer | None = None
        if parameters is not None:
            self.bind(parameters)
        elif inner_optimizer.parameters:
            self.bind(inner_optimizer.parameters)

    def bind(self, parameters: Parameters) -> None:
        self.inner_optimizer.bind(parameters)
        bound, self._names = self.inner_optimizer._parameters, self.inner_optimizer._names
        self.use_ema = self.inner_optimizer.use_ema
        if self._reducer is not None and [id(p) for p in bound] == [id(p) for p in self._parameters]:
            return
        kinds = [(p.shape, str(p.dtype)) for p in bound]
        facts = {"optimizer": self.inner_optimizer, "parameters": kinds}
        assert_consistent("DistributedOptimizer", facts, self.communicator)
        if self._reducer is not None:
            self._reducer.detach()
        self._parameters = bound
        comm = self.communicator.channel("gradients")
        self._reducer = Reducer(comm, bound, int(self.bucket_mb * 2**20), self.compression)
        self._reducer.attach()

    def scale_loss(self, loss: Tensor, rows: int | None = None) -> Tensor:
        """Return the scalar to differentiate instead of the loss.

        Args:
            loss: a scalar, the mean over this rank's rows.
            rows: how many there are; left out, all ranks have as many.
        """
        if rows is not None and self.communicator.size > 1:
            total = np.array([float(rows)])
            self.communicator.sum(total)
            loss = loss * (self.communicator.size * rows / float(total[0]))
        return self.inner_optimizer.scale_loss(loss)

    def step(self) -> None:
        """Wait for the gradients of all ranks, and take the inner optimizer's step with their means.

        `.grad` stays what this rank has computed; see `synchronize`.

        Raises:
            GradError: if no parameters are bound, or none has a gradient on any rank.
        """
        self._require_bound("step")
        assert self._reducer is not None
        if CALL.get().shard is not None:  # whose gradients `fit` reduces
            self.inner_optimizer.step()
        elif is_compiling():
            self._reducer.leave_on_parameters()
            self.inner_optimizer.step()
        else:
            self.inner_optimizer.apply(self._reducer.finish(), self._parameters)

    @property
    def reducer(self) -> Reducer | None:
        """The `Reducer` of the gradients, once there are parameters."""
        return self._reducer

    def synchronize(self) -> None:
        """Wait for the gradients of all ranks, and put their means into `.grad`, for a step of the inner optimizer."""
        self._require_bound("synchronize")
        assert self._reducer is not None
        for p, g in zip(self._parameters, self._reducer.finish(), strict=True):
            p.grad = None if g is None else ag.tensor(g)

    @arguments_from(Optimizer.apply)
    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Tensor] | None = None) -> None:
        """Take the inner optimizer's step with gradients that are the same on all ranks."""
        self.inner_optimizer.apply(grads, trainable_variables)

    def state_dict(self) -> dict[str, Array]:
        """Return the state of the inner optimizer."""
        return self.inner_optimizer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of an optimizer like the inner one; see `Optimizer.load_state_dict`."""
        self.inner_optimizer.load_state_dict(state)

    def own_state(self) -> dict[str, Array]:
        """Return nothing: the inner optimizer has all."""
        return {}

    def checked_state(self, caller: str, state: Mapping[str, Array]) -> dict[str, Any]:
        return {}

    def get_config(self) -> dict[str, Any]:
        names = ("inner_optimizer", "bucket_mb", "compression")
        return {name: plain(getattr(self, name)) for name in names}
