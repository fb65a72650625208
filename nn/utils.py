"""Helpers under the name that Keras users import them from: preparing data, drawing models, saving objects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor, set_seed as set_random_seed

from .config.arguments import checked
from .data.preparing import (
    normalize as normalize,
    pack_x_y_sample_weight as pack_x_y_sample_weight,
    pad_sequences as pad_sequences,
    split_dataset as split_dataset,
    timeseries_dataset_from_array as timeseries_dataset_from_array,
    unpack_x_y_sample_weight as unpack_x_y_sample_weight,
)
from .saving import (
    CustomObjectScope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    deserialize_keras_object as deserialize_keras_object,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
    serialize_keras_object as serialize_keras_object,
)
from .surfaces import plot_decision_surface as plot_decision_surface

if TYPE_CHECKING:
    from autograd_lite.graph import Graph

    from .models.model import Model

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_decision_surface",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


@checked
def to_categorical(x: npt.ArrayLike | Tensor, num_classes: int | None = None) -> npt.NDArray[np.float32]:
    """Return integer labels as one-hot rows: out[i, x[i]] = 1, all else 0.

    Args:
        x: integer labels from 0 to K - 1, shape (N,), or any shape; a last axis of length 1 is dropped.
        num_classes: K; by default the largest label plus 1.

    Returns:
        float32 array of shape (N, K), or x's shape with K appended.

    Raises:
        ValueError: if x is not made of integers from 0 to num_classes - 1, or is empty with no `num_classes` given.

    Example:
        >>> to_categorical([2, 0], num_classes=3)
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(x.data if isinstance(x, Tensor) else x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size == 0 and num_classes is None:
        raise ValueError(
            f"to_categorical: expected at least one label, or num_classes; received an empty x of shape {labels.shape}"
        )
    if labels.dtype.kind not in "iub" and not _whole(labels):
        raise ValueError(
            f"to_categorical: expected integer labels; received {labels.dtype} values that are not whole numbers, or "
            "not numbers. Round them, or map class names to 0, 1, … with np.unique(names, return_inverse=True)[1]"
        )
    labels = labels.astype(np.int64)
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"to_categorical: expected labels from 0 to {classes - 1}; received {labels.min()} to {labels.max()}. "
            "Subtract the smallest label, or pass a larger num_classes"
        )
    out = np.zeros((labels.size, classes), np.float32)
    out[np.arange(labels.size), labels.ravel()] = 1
    return out.reshape(*labels.shape, classes)


def _whole(labels: npt.NDArray[Any]) -> bool:
    """Return whether floating labels are whole numbers, which excludes NaN."""
    return labels.dtype.kind == "f" and bool(np.isfinite(labels).all() and (labels == np.floor(labels)).all())


_PICTURES = (".svg", ".png", ".pdf", ".dot", ".mmd", ".md")  # a page folds for itself; a listing has no boxes


@checked
def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = True,
    show_layer_names: bool = True,
    expand_nested: bool = False,
    dpi: float = 200.0,
    inputs: Any = None,
) -> Graph:
    """Draw a model: one box per layer, with the shapes that flow between them.

    Args:
        model: built, or given `inputs`.
        to_file: the file, whose ending gives its kind: .svg and .html need no other program, .png and .pdf need
            Graphviz or the extra `viz`; None for no file.
        show_shapes: True; pictures always show them.
        show_layer_names: True, likewise.
        expand_nested: whether to show the operations inside the layers too.
        dpi: dots per inch of a PNG.
        inputs: a batch to run the model on; by default one sample of zeros, if the model knows the shape.

    Returns:
        The graph, which a notebook shows, and which `autograd_lite.graph` can draw in other ways.

    Raises:
        ValueError: if the shape of the input is unknown, or shapes or names are to be left out.
        RenderError: if no program here can draw a PNG; the message says how to get one.

    Example:
        >>> from nn import layers, models
        >>> model = models.Sequential([layers.Dense(2, activation="relu", input_shape=(3,)), layers.Dense(1)])
        >>> print(plot_model(model, to_file=None).summary())
        5 operations, 1 input, 4 parameters (11 values), 21 FLOP
    """
    if not (show_shapes and show_layer_names):
        raise ValueError(
            "plot_model: expected show_shapes and show_layer_names to be True, since a picture has both; received "
            f"{show_shapes=}, {show_layer_names=}. Leave them out"
        )
    batch = _zeros_for(model) if inputs is None else inputs
    with ag.enable_grad(), model.mode(training=False):
        graph = ag.graph.trace(lambda x: model(x), batch)
    if to_file is not None:
        folds = not expand_nested and os.fspath(to_file).endswith(_PICTURES)
        graph.save(Path(to_file), dpi=dpi, depth=0 if folds else None)
    return graph


def _zeros_for(model: Any) -> Any:
    """Return one sample of zeros in the shape that a model knows, open lengths 1, with the names of its inputs."""
    plan = getattr(model, "_plan", None)
    if plan is not None:
        specs = [plan.specs[slot] for slot in plan.input_slots]
        parts = [_zeros(shape[1:], kind, name) for (shape, kind), name in zip(specs, model.input_names, strict=True)]
        return parts[0] if len(parts) == 1 else parts
    shape = model.input_shape if getattr(model, "_sample", None) is None else model._sample
    if shape is None:
        raise ValueError(
            f"plot_model: expected a model that knows the shape of its input; {model.name!r} does not. Give the first "
            "layer input_shape=(...), or pass inputs=batch"
        )
    return _zeros(shape, getattr(model, "_sample_dtype", None) or model.dtype, "x")


def _zeros(shape: tuple[int | None, ...], kind: Any, name: str) -> Tensor:
    return ag.tensor(np.zeros([1, *(n or 1 for n in shape)], kind), name=name)
