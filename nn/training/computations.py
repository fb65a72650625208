"""The computations of a step of training, evaluation or prediction on a batch, which `replays` compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from autograd_lite import GradError, Tensor, tree
from autograd_lite.extend import is_compiling

from ..config.ambient import CALL
from ..module.masks import MASKS, mask_of, set_mask
from ..module.penalties import added_by, model_call
from .outputs import _OutputsLoss


class StepResult(NamedTuple):
    """The results of a model for a batch.

    The last three are side effects of eager code in Python; they are there only after a trace or a replay.

    Attributes:
        loss: a scalar.
        weight: of the loss in the mean over batches, a float, or a Tensor if it depends on values.
        y_pred: the outputs.
        admitted: whether there are gradients to take a step by.
        masks: for each tensor of the outputs its mask or None.
        parts: of several outputs, the loss and its weight for each.
        added: for each layer that has any, the penalties that its calls have added.
    """

    loss: Tensor
    weight: Any
    y_pred: Any
    admitted: bool = False
    masks: Any = None
    parts: Any = None
    added: Any = None


def compute_gradients(
    model: Any, penalized: bool, x: Any, y: Any = None, w: Any = None, guard: Callable[[Tensor], bool] | None = None
) -> StepResult:
    """Compute the loss, and leave its gradients on the parameters.

    Args:
        model: a `Stepper` in training mode.
        penalized: whether its layers may add penalties.
        x, y, w: the batch.
        guard: differentiates, and returns whether to take the step.
    """
    compiled, shard = model._require_compiled(model._caller("fit")), CALL.get().shard
    if shard is not None:
        shard.restart()
    inputs = model._as_tensors(x)
    y_pred = model_call(model, model, (inputs,), {}) if penalized else model(inputs)
    loss, weight = model._loss_of(x, y, y_pred, w, penalized)
    admitted = False  # as it stays if nothing is to be trained
    if loss.requires_grad or any(p.requires_grad for p in compiled.optimizer.parameters):
        objective = loss if shard is None else shard.objective_of(loss, weight, model._overrides("compute_loss"))
        scaled = compiled.optimizer.scale_loss(objective)
        admitted = scaled.backward() is None if guard is None else guard(scaled)
    return _with_side_effects(model, compiled, StepResult(loss, weight, y_pred, admitted), penalized)


def compute_loss(model: Any, x: Any, y: Any = None, w: Any = None) -> StepResult:
    """Compute the loss of a model in evaluation mode."""
    compiled = model._require_compiled(model._caller("evaluate"))
    y_pred = model_call(model, model, (model._as_tensors(x),), {})
    loss, weight = model._loss_of(x, y, y_pred, w, training=False)
    return _with_side_effects(model, compiled, StepResult(loss, weight, y_pred), True)


def compute_outputs(model: Any, x: Any) -> Any:
    """Compute the outputs."""
    return model(model._as_tensors(x))


def update_parameters(model: Any) -> bool:
    """Take the optimizer's step, and drop the gradients."""
    optimizer = model._require_compiled(model._caller("fit")).optimizer
    if not optimizer._parameters:
        raise GradError(
            f"{model._caller('fit')}: expected a model with parameters; received one without. Layers that its call "
            "makes are new at each call: make them in __init__, self.dense = layers.Dense(3), and call self.dense(x)"
        )
    optimizer.step()
    optimizer.zero_grad()
    return True


def _with_side_effects(model: Any, compiled: Any, step: StepResult, penalized: bool) -> StepResult:
    """Return the results together with the side effects in Python, if this is traced."""
    if not is_compiling():
        return step
    masks = [mask_of(t) for t in tree.leaves(step.y_pred)] if MASKS else None
    parts = dict(compiled.loss.last_parts) if isinstance(compiled.loss, _OutputsLoss) else None
    added = [each.terms for each in added_by(model)] if penalized else None
    return StepResult(*tree.map(_detach, tuple(step._replace(masks=masks, parts=parts, added=added))))


def _detach(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) and x.requires_grad else x


def apply_side_effects(model: Any, compiled: Any, step: StepResult) -> tuple[Any, float, float]:
    """Return the outputs, the loss and its weight as numbers; make the side effects of an eager run."""
    if step.masks is not None:
        for t, mask in zip(tree.leaves(step.y_pred), step.masks, strict=True):
            if mask is not None:
                set_mask(t, mask)
    if step.parts is not None:
        parts = {name: (float(loss), float(weight)) for name, (loss, weight) in step.parts.items()}
        compiled.loss.last_parts.update(parts)
    if step.added is not None:
        for each, terms in zip(added_by(model), step.added, strict=True):
            each.terms = list(terms)
    return step.y_pred, step.loss.item(), float(step.weight)
