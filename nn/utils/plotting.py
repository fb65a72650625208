"""A model drawn as a picture: `plot_model`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, Picture, trace, view_of

from ..config.arguments import checked, one_of
from .model_view import Shown, has_layers, model_view

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["plot_model"]

_DIRECTIONS = ("TB", "LR", "BT", "RL")
_OF_COMPUTATIONS = (".html", ".mmd", ".md", ".txt", ".json")  # a page and listings show what a model computes


@checked
def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = True,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200.0,
    show_layer_activations: bool = True,
    show_trainable: bool = False,
    splines: str = "ortho",
    inputs: Any = None,
) -> Picture:
    """Draw a model: one box per call of a layer, with its name, type, activation, parameters and shapes.

    Shapes are those that the model knows, with None for the batch and for free lengths. A model that is not built has
    "?" in place of unknown shapes. One whose `call` is written in Python is run once to see its layers, or is one
    box if the shape of its input is not known.

    Args:
        model: the model, built or not.
        to_file: the file, whose ending gives its kind: .svg and .dot need nothing else; .png and .pdf are the same
            picture, and need the extra `plot`, or Graphviz. A page (.html), which opens layers with a click, and .mmd,
            .md, .txt and .json show what the model computes. None for no file.
        show_shapes: whether to show the shapes of arguments and results.
        show_dtype: whether to show the dtypes of results.
        show_layer_names: whether to show the names of layers; otherwise their types alone.
        rankdir: where lines lead: "TB" down, "BT" up, "LR" to the right, "RL" to the left.
        expand_nested: whether to draw models in the model as frames with their layers; otherwise they are one box each.
        dpi: dots per inch of a PNG.
        show_layer_activations: whether to show activations.
        show_trainable: whether to mark layers as trainable or frozen.
        splines: accepted as Keras's argument; lines are always curves.
        inputs: a batch to run a model on that has to be run; by default one sample of zeros, if its shape is known.

    Returns:
        The picture, which a notebook shows.

    Raises:
        ValueError: if a word or an ending is wrong, or a page is asked for and the shape of the input is not known.
        RenderError: if nothing here can draw a PNG; the message says how to get what can.

    Example:
        >>> from nn import layers, models
        >>> model = models.Sequential([layers.Dense(2, activation="relu", input_shape=(3,)), layers.Dense(1)])
        >>> for box in plot_model(model, to_file=None).view.nodes:
        ...     print(box.lines)
        ('input', '(None, 3)')
        ('dense', 'Dense · relu · 8 parameters', '(None, 3) → (None, 2)')
        ('dense_1', 'Dense · 3 parameters', '(None, 2) → (None, 1)')
    """
    direction: Any = one_of(*_DIRECTIONS)("plot_model", "rankdir", rankdir)
    if has_layers(model) or (inputs is None and _sample_of(model) is None):
        shown = Shown(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested)
        picture = Picture(model_view(model, shown), direction)
    else:
        graph = _trace(model, inputs)
        picture = Picture(view_of(graph, depth=None if expand_nested else 0), direction)
    if to_file is not None:
        if Path(to_file).suffix.lower() in _OF_COMPUTATIONS:
            _trace(model, inputs).save(Path(to_file))
        else:
            picture.save(Path(to_file), dpi=dpi)
    return picture


def _trace(model: Any, inputs: Any) -> Graph:
    """Return the graph of a model's computation for a batch."""
    batch = _zeros_for(model) if inputs is None else inputs
    with ag.enable_grad(), model.mode(training=False):
        return trace(lambda x: model(x), batch)


def _zeros_for(model: Any) -> Any:
    """Return one sample of zeros in the shape that a model knows, open lengths 1, with the names of its inputs."""
    plan = getattr(model, "_plan", None)
    if plan is not None:
        specs = [plan.specs[slot] for slot in plan.input_slots]
        parts = [_zeros(shape[1:], kind, name) for (shape, kind), name in zip(specs, model.input_names, strict=True)]
        return parts[0] if len(parts) == 1 else parts
    shape = _sample_of(model)
    if shape is None:
        raise ValueError(
            f"plot_model: expected a model that knows the shape of its input; {model.name!r} does not. Give the first "
            "layer input_shape=(...), or pass inputs=batch"
        )
    return _zeros(shape, getattr(model, "_sample_dtype", None) or model.dtype, "x")


def _sample_of(model: Any) -> tuple[int | None, ...] | None:
    """Return the shape of one sample that a model takes, if it is known."""
    sample: tuple[int | None, ...] | None = getattr(model, "_sample", None)
    return getattr(model, "_sample_shape", None) if sample is None else sample


def _zeros(shape: tuple[int | None, ...], kind: Any, name: str) -> Tensor:
    return ag.tensor(np.zeros([1, *(n or 1 for n in shape)], kind), name=name)
