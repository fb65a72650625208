"""Layers have Keras's outputs, gradients and statistics, with weights that are handed over in the order they have."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn

from .. import peers
from ..keras_names import LAYER_ARGUMENTS
from .layer_rows import FUNCTIONS, LAYERS, STATEFUL
from .rows import Row, compare, same, their_warnings, weighed

pytestmark = pytest.mark.ci


def converted(structure: Any, make: Any) -> tuple[Any, list[Any]]:
    """Return a structure with tensors in the place of float arrays, and the tensors."""
    made: list[Any] = []

    def convert(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)(convert(part) for part in x)
        if isinstance(x, dict):
            return {key: convert(part) for key, part in x.items()}
        if isinstance(x, np.ndarray):
            x = make(x, **({"requires_grad": True} if x.dtype.kind == "f" else {}))
            made.append(x)
        return x

    return convert(structure), [x for x in made if x.requires_grad] if made else []


def run(layer: Any, given: Any, make: Any, training: bool) -> list[Any]:
    """Return the results of a call and, in this order, gradients of inputs, of weights, and what else has changed."""
    (arguments, options), inputs = converted(given, make)
    options = options | ({"training": training} if takes_training(layer) else {})
    out = layer(*arguments, **options)
    leaves = nn.tree.flatten(out)
    total = weighed(leaves, None if make is ag.tensor else peers.torch())
    if total is not None:
        total.backward()
    tensors = [w if make is ag.tensor else w.value for w in layer.weights]
    trained = [w for w in tensors if w.requires_grad]
    gradients = [np.zeros(tuple(x.shape)) if x.grad is None else x.grad for x in [*inputs, *trained]]
    return [leaves, gradients, [w for w in tensors if not w.requires_grad]]


def takes_training(layer: Any) -> bool:
    return "training" in inspect.signature(layer.call).parameters


def random_weights(layer: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """Return values for the weights of a layer, those of variances positive."""
    paths = [path.rpartition(".")[2] for path, _ in (*layer.named_parameters(), *layer.named_buffers())]
    lows = [0.3 if any("variance" in path for path in paths) else -1.0 for _ in layer.weights]
    return [rng.uniform(low, 1.0, w.shape).astype(np.float32) for low, w in zip(lows, layer.weights, strict=True)]


# Layers without a share to drop that compute something else in training.
IN_TRAINING = {"BatchNormalization", "Equalization"}
CALLS = [(row, training) for row in LAYERS for training in (False, True) if not training or row.name in IN_TRAINING]


@pytest.mark.parametrize(("row", "training"), CALLS, ids=str)
def test_layers(row: Row, training: bool, rng: np.random.Generator) -> None:
    keras, torch = peers.keras(), peers.torch()
    ours, given = row.make(nn.layers), row.draw()
    ours.eval()(*given[0], **given[1])
    values = random_weights(ours, rng)
    with their_warnings():
        theirs = row.make(keras.layers)
        (arguments, options), _ = converted(given, torch.tensor)
        theirs(*arguments, **options)
        theirs.set_weights(values)
    ours.set_weights(values)
    with their_warnings():
        expected = run(theirs, given, torch.tensor, training)
    got = run(ours, given, ag.tensor, training)
    for what, a, b in zip(("value", "gradient", "statistic"), got, expected, strict=True):
        same(a, b, what)


@pytest.mark.parametrize("row", STATEFUL, ids=str)
def test_stateful_layers_over_several_batches(row: Row, rng: np.random.Generator) -> None:
    (x,), _ = row.draw()
    ours, theirs = row.make(nn.layers).eval(), row.make(peers.keras().layers)
    ours(x)
    with their_warnings(), peers.torch().no_grad():
        theirs(x)
        values = random_weights(ours, rng)
        ours.set_weights(values)
        theirs.set_weights(values)
        for _ in range(2):
            for layer in (ours, theirs):
                layer.reset_state()
            for batch in (x, -x, x[:, ::-1].copy()):
                same(nn.tree.flatten(ours(batch)), nn.tree.flatten(theirs(batch)))


@pytest.mark.parametrize("row", FUNCTIONS, ids=str)
def test_functions_that_merge(row: Row) -> None:
    keras = peers.keras()
    (arrays,), options = row.draw()
    ours, theirs = row.make(nn.layers), row.make(keras.layers)
    compare(lambda *parts: ours(list(parts), **options), lambda *parts: theirs(list(parts), **options), arrays)


_RULES = {f"{weight}_{rule}" for weight in ("kernel", "bias") for rule in ("regularizer", "constraint")}
# Arguments that Keras's layers have as attributes and ours do not, beside those of LAYER_ARGUMENTS.
OTHER_NAMES = {
    "DepthwiseConv1D": {"depthwise_regularizer", "depthwise_constraint"},  # kernel_regularizer, …
    "DepthwiseConv2D": {"depthwise_regularizer", "depthwise_constraint"},
    "GroupQueryAttention": {"num_query_heads", "head_dim", *_RULES},
    "Normalization": {"mean"},  # before it is adapted
}


def test_arguments_are_attributes_as_in_keras() -> None:
    for row in LAYERS + STATEFUL:
        with their_warnings():
            theirs, ours = row.make(peers.keras().layers), row.make(nn.layers)
        arguments = inspect.signature(type(theirs).__init__).parameters.keys() - LAYER_ARGUMENTS.keys()
        missing = {name for name in arguments if hasattr(theirs, name) and not hasattr(ours, name)}
        assert missing <= OTHER_NAMES.get(row.name, set()), str(row)
