"""A model drawn as a picture: `plot_model`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked

if TYPE_CHECKING:
    from autograd_lite.graph import Graph

    from ..models.model import Model

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
