"""The docstrings of losses as functions: the class's text, what a function takes, and what comes back."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from ..config.docstrings import arguments_from

_NUMBERS = "numbers of y_pred's shape, without NaN"
_ONE_HOT = "for each of K classes 0 or 1, or its probability; y_pred's shape (N, ..., K)"
_INDICES = "indices of classes, integers from 0 to K - 1, shape (N, ...) or (N, ..., 1)"
_BINARY = "0 or 1, or probabilities; y_pred's shape"
_SIGNS = "-1 or 1, or 0 or 1; y_pred's shape"
_MASKS = "0 or 1 at each place, or probabilities; y_pred's shape"

_REAL = "floating, shape (N, ..., F)"
_OF_CLASSES = "probabilities of K classes, shape (N, ..., K)"
_CLASSES = f"{_OF_CLASSES}; with from_logits=True any real numbers, of which softmax makes probabilities"
_CHANCES = "probabilities, shape (N, ..., F); with from_logits=True any real numbers, of which sigmoid makes them"
_COVERED = "probabilities at each place, shape (N, ...)"

# The targets and the predictions of each function.
_TAKES = {
    "binary_crossentropy": (_BINARY, _CHANCES),
    "binary_focal_crossentropy": (_BINARY, _CHANCES),
    "categorical_crossentropy": (_ONE_HOT, _CLASSES),
    "categorical_focal_crossentropy": (_ONE_HOT, _CLASSES),
    "categorical_generalized_cross_entropy": (_INDICES, _OF_CLASSES),
    "categorical_hinge": ("0 or 1 for each of K classes; y_pred's shape", "scores of K classes, shape (N, ..., K)"),
    "circle": ("the class of each sample, an integer, shape (N,) or (N, 1)", "embeddings of length 1, shape (N, D)"),
    "cosine_similarity": (_NUMBERS, _REAL),
    "ctc": (
        "labels, integers from 1 to K - 1, then zeros; shape (N, L)",
        "logits at T times of K symbols, of which 0 is the blank; shape (N, T, K)",
    ),
    "dice": (_MASKS, _COVERED),
    "hinge": (_SIGNS, "scores, shape (N, ..., F)"),
    "kl_divergence": ("probabilities of K classes; y_pred's shape", _OF_CLASSES),
    "poisson": ("counts, at least 0; y_pred's shape", "rates above 0, shape (N, ..., F)"),
    "sparse_categorical_crossentropy": (_INDICES, _CLASSES),
    "squared_hinge": (_SIGNS, "scores, shape (N, ..., F)"),
    "tversky": (_MASKS, _COVERED),
}
_EACH = "A Tensor with the loss of each sample, y_pred's shape without the last axis, or without `axis`."
_RETURNS = dict.fromkeys(
    ("dice", "tversky"),
    "A Tensor: one number for the batch, or one for each sample where `axis` leaves the first.",
) | {"ctc": "A Tensor with the loss of each sample, shape (N,)."}


def describe(function: Callable[..., Any], kind: type) -> None:
    """Give a loss that is a function its docstring.

    Args:
        function: the function, whose arguments are y_true, y_pred, and some of the class's.
        kind: the class of the same loss.
    """
    whole = inspect.getdoc(kind)
    if whole is None:  # as with python -OO
        return
    name = function.__name__
    y_true, y_pred = _TAKES.get(name, (_NUMBERS, _REAL))
    function.__doc__ = (
        f"Return the loss of each sample, without a reduction: `{kind.__name__}` as a function.\n\n"
        f"{re.split(r'^(?:Args|References|Example):$', whole, flags=re.MULTILINE)[0].rstrip()}\n\n"
        f"Returns:\n    {_RETURNS.get(name, _EACH)}\n\n"
        "Raises:\n    ShapeError: if the shapes do not fit together.\n"
        "    ValueError: for targets that are NaN or impossible."
    )
    rows = f"    y_true: the targets: {y_true}.\n    y_pred: the predictions: {y_pred}.\n"
    arguments_from(rows, kind)(function)
