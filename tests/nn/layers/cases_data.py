"""Rows of the layer table: scaling of features, and categories as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn import layers

from .layer_cases import Input, LayerCase

TOKENS = Input((3, 4), "int64", 0, 5)
NO_WEIGHTS = {"step": "nothing in it can be trained, and integers have no gradient"}
STEPS = {
    "shape": "its result is of integers",
    "step": "its result is of integers, and has no gradient",
    "gradients": "its result is of integers, and has no gradient",
}
WORDS = Input((3, 4), "str")
STRINGS = {
    "shape": "its result is of integers",
    "step": "strings have no gradient",
    "gradients": "strings have no gradient",
    "picture": "strings are not recorded",
}
ENCODED = {part: reason for part, reason in STRINGS.items() if part != "shape"}
CONSTANT = {"step": "its result is constant between the boundaries"}
ADAPTED = {
    "lazy": "its data build it",
    "config": "what it has found in its data is state, not configuration",
}
DATA = np.random.default_rng(5).normal(2.0, 3.0, (20, 3, 4))


def adapted(layer: Any, data: Any = DATA) -> Any:
    """Return the layer after `adapt`."""
    layer.adapt(data)
    return layer


CASES = [
    LayerCase("Rescaling", lambda: layers.Rescaling(1 / 127.5, -1.0), ((3, 4),)),
    LayerCase("Rescaling, arrays", lambda: layers.Rescaling([0.5, 2.0], offset=[[1.0], [0.0]]), ((3, 2, 2),)),
    LayerCase("Normalization", lambda: layers.Normalization(), ((3, 4),)),
    LayerCase(
        "Normalization, given", lambda: layers.Normalization(1, mean=[1.0, 2.0], variance=[0.5, 4.0]), ((3, 2, 4),)
    ),
    LayerCase("Normalization, inverted", lambda: layers.Normalization(None, 2.0, 0.25, invert=True), ((3, 4),)),
    LayerCase("Normalization, adapted", lambda: adapted(layers.Normalization((1, -1))), ((3, 3, 4),), exempt=ADAPTED),
    LayerCase("MelSpectrogram", lambda: layers.MelSpectrogram(8, 3, sampling_rate=100, num_mel_bins=2), ((2, 11),)),
    LayerCase(
        "MelSpectrogram, magnitudes",
        lambda: layers.MelSpectrogram(8, 4, 6, "hamming", 100, 3, 1.0, 40.0, power_to_db=False, mag_exp=1.0),
        ((2, 9),),
    ),
    LayerCase("CategoryEncoding", lambda: layers.CategoryEncoding(6), (TOKENS,), exempt=NO_WEIGHTS),
    LayerCase("CategoryEncoding, one_hot", lambda: layers.CategoryEncoding(6, "one_hot"), (TOKENS,), exempt=NO_WEIGHTS),
    LayerCase(
        "CategoryEncoding, one_hot of a column",
        lambda: layers.CategoryEncoding(6, "one_hot"),
        (Input((3, 1), "int32", 0, 5),),
        exempt=NO_WEIGHTS,
    ),
    LayerCase(
        "CategoryEncoding, count", lambda: layers.CategoryEncoding(6, output_mode="count"), (TOKENS,), exempt=NO_WEIGHTS
    ),
    LayerCase(
        "CategoryEncoding, weighted",
        lambda: layers.CategoryEncoding(6, output_mode="count"),
        (TOKENS, (3, 4)),
        exempt={"shape": "`compute_output_shape` takes the shape of the indices alone"},
    ),
    LayerCase("Discretization", lambda: layers.Discretization([-0.5, 0.0, 0.7]), ((3, 4),), exempt=STEPS),
    LayerCase(
        "Discretization, multi_hot",
        lambda: layers.Discretization([-0.5, 0.0, 0.7], output_mode="multi_hot"),
        ((3, 4),),
        exempt=CONSTANT,
    ),
    LayerCase(
        "Discretization, adapted",
        lambda: adapted(layers.Discretization(num_bins=5, output_mode="one_hot"), DATA - 2),
        ((3, 4),),
        exempt=CONSTANT,
    ),
    LayerCase("IntegerLookup", lambda: layers.IntegerLookup(vocabulary=[4, 1, 3]), (TOKENS,), exempt=STEPS),
    LayerCase(
        "IntegerLookup, masked", lambda: layers.IntegerLookup(9, 2, 0, vocabulary=[4, 1, 3]), (TOKENS,), exempt=STEPS
    ),
    LayerCase(
        "IntegerLookup, inverted",
        lambda: layers.IntegerLookup(vocabulary=[40, 10, 30], invert=True),
        (TOKENS,),
        exempt=STEPS,
    ),
    LayerCase(
        "IntegerLookup, hashed",
        lambda: layers.IntegerLookup(num_oov_indices=3, vocabulary=[4], oov_method="farmhash"),
        (TOKENS,),
        exempt=STEPS,
    ),
    LayerCase(
        "IntegerLookup, weighed",
        lambda: layers.IntegerLookup(vocabulary=[4, 1], idf_weights=[0.5, 2.0], output_mode="tf_idf"),
        (TOKENS,),
        exempt=NO_WEIGHTS,
    ),
    LayerCase("StringLookup", lambda: layers.StringLookup(9, 2, "d", vocabulary=["b", "a"]), (WORDS,), exempt=STRINGS),
    LayerCase(
        "StringLookup, adapted",
        lambda: adapted(layers.StringLookup(output_mode="tf_idf"), [["c", "c"], ["c", "a"]]),
        (WORDS,),
        exempt=ENCODED,
    ),
    LayerCase(
        "StringLookup, one_hot",
        lambda: layers.StringLookup(vocabulary=["b"], output_mode="one_hot"),
        (Input((3, 1), "str"),),
        exempt=ENCODED,
    ),
    LayerCase(
        "TextVectorization",
        lambda: layers.TextVectorization(vocabulary=["b", "a"], output_sequence_length=3),
        (Input((5, 1), "str"),),
        exempt=STRINGS,
    ),
    LayerCase(
        "TextVectorization, count",
        lambda: layers.TextVectorization(9, "lower", None, 2, "count", None, True, vocabulary=["b", "a b"]),
        (WORDS,),
        exempt=ENCODED,
    ),
    LayerCase(
        "TextVectorization, adapted",
        lambda: adapted(layers.TextVectorization(output_mode="tf_idf", ngrams=(1, 3)), ["b a b", "c!"]),
        (Input((5,), "str"),),
        exempt=ENCODED,
    ),
    LayerCase("Hashing", lambda: layers.Hashing(3, "a", 7), (WORDS,), exempt=STRINGS),
    LayerCase("Hashing, integers", lambda: layers.Hashing(5, output_mode="count"), (TOKENS,), exempt=ENCODED),
    LayerCase(
        "HashedCrossing",
        lambda: layers.HashedCrossing(5),
        (Input((4,), "str"), Input((4,), "int64", 0, 9)),
        True,
        STRINGS,
    ),
    LayerCase(
        "HashedCrossing, one_hot",
        lambda: layers.HashedCrossing(5, "one_hot"),
        (Input((4, 1), "str"), Input((4, 1), "str")),
        True,
        ENCODED,
    ),
    LayerCase(
        "IntegerLookup, adapted",
        lambda: adapted(layers.IntegerLookup(output_mode="count"), np.array([[5, 2, 2], [2, 5, 0]])),
        (TOKENS,),
        exempt=NO_WEIGHTS,
    ),
]
