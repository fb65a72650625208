"""The tables of docs/reference/layers.md: what each layer computes, what it makes of an example, and its weights.

All of it comes from running the examples below; `test_tables.py` holds the page to it.
"""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

import numpy as np

import autograd_lite as ag
from nn import layers

__all__ = ["EXAMPLES", "HEADER", "PAGE", "classes", "example", "page"]

PAGE = "docs/reference/layers.md"
HEADER = """# Layers

Every layer of `nn.layers`, with an example and its weights there. A test makes this page by running the examples. The
[reference](index.md) has arguments, formulas and references, [another page](../guides/nn/own_layers.md) shows how to
write custom layers, and [a table](../guides/nn/pytorch_weights.md) lists the names of the weights in PyTorch.

- N is the batch, the first axis of every input. Channels of images and sequences come last; layers for images and
  volumes also take `data_format="channels_first"`.
- Weights are made at the first call, or at once with `input_shape=`, and are float32 unless `dtype=` is given.
- Weights in *italics* are buffers: state that no optimizer changes.
- Every weight takes `<name>_initializer`, `<name>_regularizer` and `<name>_constraint`, as in
  `Dense(8, kernel_regularizer="l2", bias_constraint="non_neg")`.

"""
SECTIONS = MappingProxyType(
    {
        "dense": "Dense, activation, dropout",
        "einsum_dense": "",
        "activation": "Activations with arguments",
        "convolution.convolution": "Convolutions",
        "convolution.transposed": "Transposed convolutions",
        "convolution.pooling": "Pooling",
        "convolution.adaptive_pooling": "",
        "recurrent.recurrent": "Recurrent layers",
        "recurrent.cells": "",
        "convolution.conv_lstm": "",
        "recurrent.wrappers": "Layers around layers",
        "recurrent.wrapper": "",
        "equilibrium": "",
        "attention.attention": "Attention",
        "attention.scores": "",
        "attention.grouped_attention": "",
        "embedding.embedding": "Embeddings and positions",
        "embedding.reversible_embedding": "",
        "attention.rotary": "",
        "normalization": "Normalization",
        "noise": "Noise",
        "activity_regularization": "",
        "function": "",
        "pipeline": "",
        "merging": "Several inputs",
        "reshaping": "Shapes",
        "convolution.padding": "",
        "convolution.resizing": "",
        "preprocessing.scaling": "Preparing data",
        "preprocessing.categories": "",
        "preprocessing.lookup": "",
        "preprocessing.hashing": "",
        "preprocessing.vectorization": "",
        "convolution.spectrogram": "",
        "masking": "",
        "augmentation.geometry": "Changing images at random",
        "augmentation.color": "",
        "augmentation.effects": "",
        "augmentation.mixing": "",
        "augmentation.histograms": "",
        "augmentation.policies": "",
    }
)
# Bases of other layers, and what functional models make for themselves.
WITHOUT = ("Layer", "Wrapper", "InputLayer", "InputSpec", "Operation")
PAIR = ((5,), (5,))
# name: (how to make it, the shapes of its arguments without the batch axis; a list of them is one argument, "int" means
# integers and "str" strings)
EXAMPLES: dict[str, tuple[Any, ...]] = {
    "Dense": ("Dense(7)", (5,)),
    "Activation": ('Activation("gelu")', (5,)),
    "Dropout": ("Dropout(0.5)", (5,)),
    "EinsumDense": ('EinsumDense("abc,cd->abd", (None, 7), bias_axes="d")', (3, 5)),
    "ReLU": ("ReLU(max_value=6)", (5,)),
    "LeakyReLU": ("LeakyReLU(0.1)", (5,)),
    "PReLU": ("PReLU()", (5,)),
    "ELU": ("ELU()", (5,)),
    "Softmax": ("Softmax()", (5,)),
    "Conv1D": ("Conv1D(7, 3)", (16, 5)),
    "Conv2D": ('Conv2D(7, (3, 2), strides=2, padding="same")', (16, 12, 5)),
    "Conv3D": ("Conv3D(7, 3, dilation_rate=2)", (16, 12, 10, 5)),
    "DepthwiseConv1D": ("DepthwiseConv1D(3, depth_multiplier=2)", (16, 5)),
    "DepthwiseConv2D": ("DepthwiseConv2D(3, depth_multiplier=2)", (16, 12, 5)),
    "SeparableConv1D": ("SeparableConv1D(7, 3)", (16, 5)),
    "SeparableConv2D": ("SeparableConv2D(7, 3)", (16, 12, 5)),
    "Conv1DTranspose": ("Conv1DTranspose(7, 3, strides=2)", (16, 5)),
    "Conv2DTranspose": ('Conv2DTranspose(7, 3, strides=2, padding="same")', (16, 12, 5)),
    "Conv3DTranspose": ("Conv3DTranspose(7, 3)", (16, 12, 10, 5)),
    **{f"{kind}Pooling1D": (f"{kind}Pooling1D(2)", (16, 5)) for kind in ("Max", "Average")},
    **{f"{kind}Pooling2D": (f"{kind}Pooling2D(3, strides=2)", (16, 12, 5)) for kind in ("Max", "Average")},
    **{f"{kind}Pooling3D": (f"{kind}Pooling3D(2)", (16, 12, 10, 5)) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling1D": (f"Global{kind}Pooling1D()", (16, 5)) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling2D": (f"Global{kind}Pooling2D()", (16, 12, 5)) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling3D": (f"Global{kind}Pooling3D()", (16, 12, 10, 5)) for kind in ("Max", "Average")},
    **{f"Adaptive{kind}Pooling1D": (f"Adaptive{kind}Pooling1D(4)", (16, 5)) for kind in ("Max", "Average")},
    **{f"Adaptive{kind}Pooling2D": (f"Adaptive{kind}Pooling2D((4, 3))", (16, 12, 5)) for kind in ("Max", "Average")},
    **{f"Adaptive{kind}Pooling3D": (f"Adaptive{kind}Pooling3D(2)", (16, 12, 10, 5)) for kind in ("Max", "Average")},
    "SimpleRNN": ("SimpleRNN(7)", (16, 5)),
    "LSTM": ("LSTM(7, return_sequences=True)", (16, 5)),
    "GRU": ("GRU(7)", (16, 5)),
    "RNN": ("RNN(LSTMCell(7))", (16, 5)),
    "StackedRNNCells": ("RNN(StackedRNNCells([GRUCell(7), GRUCell(3)]))", (16, 5)),
    **{name: (f"RNN({name}(7), return_sequences=True)", (16, 5)) for name in ("SimpleRNNCell", "LSTMCell", "GRUCell")},
    "ConvLSTM1D": ("ConvLSTM1D(7, 3)", (4, 16, 5)),
    "ConvLSTM2D": ("ConvLSTM2D(7, 3)", (4, 16, 12, 5)),
    "ConvLSTM3D": ("ConvLSTM3D(7, 3)", (4, 8, 8, 8, 5)),
    "Bidirectional": ("Bidirectional(LSTM(7))", (16, 5)),
    "TimeDistributed": ("TimeDistributed(Dense(7))", (16, 5)),
    "SpectralNormalization": ("SpectralNormalization(Dense(7))", (5,)),
    "FixedPoint": ('FixedPoint(Pipeline([Concatenate(), Dense(7, "tanh")]), state_shape=(7,))', (5,)),
    "MultiHeadAttention": ("MultiHeadAttention(num_heads=2, key_dim=3)", (16, 5), (12, 5)),
    "Attention": ("Attention()", [(16, 5), (12, 5)]),
    "AdditiveAttention": ("AdditiveAttention()", [(16, 5), (12, 5)]),
    "GroupQueryAttention": ("GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)", (16, 5), (12, 5)),
    "TransformerBlock": ("TransformerBlock(num_heads=2, intermediate_dim=20)", (16, 6)),
    "Embedding": ("Embedding(100, 7)", "int", (16,)),
    "PositionalEmbedding": ("PositionalEmbedding(20)", (16, 5)),
    "SinusoidalEmbedding": ("SinusoidalEmbedding()", (16, 6)),
    "TokenAndPositionEmbedding": ("TokenAndPositionEmbedding(100, 20, 7)", "int", (16,)),
    "ReversibleEmbedding": ("ReversibleEmbedding(100, 7)", "int", (16,)),
    "RotaryEmbedding": ("RotaryEmbedding()", (16, 6)),
    "BatchNormalization": ("BatchNormalization()", (5,)),
    "LayerNormalization": ("LayerNormalization()", (5,)),
    "GroupNormalization": ("GroupNormalization(groups=2)", (16, 12, 6)),
    "RMSNormalization": ("RMSNormalization()", (5,)),
    "UnitNormalization": ("UnitNormalization()", (5,)),
    "SpatialDropout1D": ("SpatialDropout1D(0.5)", (16, 5)),
    "SpatialDropout2D": ("SpatialDropout2D(0.5)", (16, 12, 5)),
    "SpatialDropout3D": ("SpatialDropout3D(0.5)", (16, 12, 10, 5)),
    **{name: (f"{name}(0.1)", (5,)) for name in ("GaussianDropout", "GaussianNoise", "AlphaDropout")},
    **{name: (f"{name}()", [*PAIR]) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
    "Concatenate": ("Concatenate()", [(5,), (7,)]),
    "Dot": ("Dot(axes=1)", [*PAIR]),
    "Residual": ('Residual(Dense(5, activation="relu"))', (5,)),
    "Flatten": ("Flatten()", (16, 12, 5)),
    "Reshape": ("Reshape((4, -1))", (16, 5)),
    "Permute": ("Permute((2, 1))", (16, 5)),
    "RepeatVector": ("RepeatVector(4)", (5,)),
    "Identity": ("Identity()", (5,)),
    "ZeroPadding1D": ("ZeroPadding1D(2)", (16, 5)),
    "ZeroPadding2D": ("ZeroPadding2D(2)", (16, 12, 5)),
    "ZeroPadding3D": ("ZeroPadding3D(2)", (16, 12, 10, 5)),
    "Cropping1D": ("Cropping1D(2)", (16, 5)),
    "Cropping2D": ("Cropping2D(2)", (16, 12, 5)),
    "Cropping3D": ("Cropping3D(2)", (16, 12, 10, 5)),
    "UpSampling1D": ("UpSampling1D(2)", (16, 5)),
    "UpSampling2D": ("UpSampling2D(2)", (16, 12, 5)),
    "UpSampling3D": ("UpSampling3D(2)", (16, 12, 10, 5)),
    "CenterCrop": ("CenterCrop(8, 6)", (16, 12, 5)),
    "Resizing": ("Resizing(8, 6)", (16, 12, 5)),
    "Normalization": ("Normalization()", (5,)),
    "Rescaling": ("Rescaling(1 / 255)", (16, 12, 5)),
    "STFTSpectrogram": ("STFTSpectrogram(frame_length=256)", (1600, 1)),
    "MelSpectrogram": ("MelSpectrogram(256, 100, num_mel_bins=40)", (1600,)),
    "Discretization": ("Discretization(bin_boundaries=[0.0, 1.0])", (5,)),
    "CategoryEncoding": ("CategoryEncoding(num_tokens=7)", "int", (3,)),
    "IntegerLookup": ("IntegerLookup(vocabulary=[3, 5])", "int", (3,)),
    "StringLookup": ('StringLookup(vocabulary=["a", "b"])', "str", (3,)),
    "TextVectorization": ('TextVectorization(vocabulary=["a", "b"], output_sequence_length=20)', "str", (1,)),
    "Hashing": ("Hashing(num_bins=7)", "str", (3,)),
    "HashedCrossing": ("HashedCrossing(num_bins=7)", "str", [(1,), (1,)]),
    "Pipeline": ("Pipeline([Rescaling(0.5), Dense(3)])", (5,)),
    "Lambda": ("Lambda(lambda x: x**2)", (5,)),
    **{
        name: (f"{name}({arguments})", (16, 12, 3))
        for name, arguments in (
            ("AugMix", ""),
            ("AutoContrast", ""),
            ("ContrastLimitedAdaptiveHistogramEqualization", ""),
            ("Equalization", ""),
            ("RandAugment", ""),
            ("RandomBrightness", "0.2"),
            ("RandomColorDegeneration", "0.5"),
            ("RandomColorJitter", "hue_factor=0.1"),
            ("RandomContrast", "0.2"),
            ("RandomCrop", "8, 6"),
            ("RandomElasticTransform", ""),
            ("RandomErasing", ""),
            ("RandomFlip", '"horizontal"'),
            ("RandomGaussianBlur", ""),
            ("RandomGrayscale", "0.5"),
            ("RandomHue", "0.1"),
            ("RandomInvert", "0.5"),
            ("RandomPerspective", ""),
            ("RandomPosterization", "4"),
            ("RandomRotation", "0.1"),
            ("RandomSaturation", "0.2"),
            ("RandomSharpness", "0.2"),
            ("RandomShear", "0.1"),
            ("RandomTranslation", "0.1, 0.1"),
            ("RandomZoom", "0.2"),
            ("Solarization", "threshold_factor=0.5"),
        )
    },
    "CutMix": ("CutMix()", (16, 12, 3)),
    "MixUp": ("MixUp()", (16, 12, 3)),
    "Masking": ("Masking()", (16, 5)),
    "ActivityRegularization": ("ActivityRegularization(l2=0.01)", (5,)),
}


def classes() -> dict[str, list[str]]:
    """Return the names of the layers by the module that they are in."""
    found: dict[str, list[str]] = {}
    for name, thing in {name: getattr(layers, name) for name in layers.__all__}.items():
        if inspect.isclass(thing) and name == thing.__name__ and name not in WITHOUT and not name.startswith("_"):
            found.setdefault(thing.__module__.removeprefix("autograd_lite.nn.layers."), []).append(name)
    return found


def example(name: str) -> tuple[str, str]:
    """Return an example of a layer, with the shapes that go in and come out, and the weights that it gets."""
    source, *rest = EXAMPLES[name]
    kind = rest[0] if isinstance(rest[0], str) else "float32"
    shapes = rest[1:] if isinstance(rest[0], str) else rest
    listed = isinstance(shapes[0], list)
    given = [np.zeros((2, *s), kind) for s in (shapes[0] if listed else shapes)]
    layer = eval(source, {name: getattr(layers, name) for name in layers.__all__})
    with ag.no_grad():
        out = layer(given) if listed else layer(*given)
    before = ", ".join(_shape(a.shape) for a in given)
    mine = [(path, t) for path, t in layer._tensors()]
    weights = [f"`{path}` {t.shape}" if t.requires_grad else f"*{path}* {t.shape}" for path, t in mine]
    return f"`{source}`: {before} → {_shape(out.shape)}", ", ".join(weights)


def _shape(shape: tuple[int, ...]) -> str:
    return f"(N, {', '.join(map(str, shape[1:]))})" if len(shape) > 1 else "(N,)"


def sentence(name: str) -> str:
    """Return the first sentence of a layer's docstring, for a cell of a table."""
    text = " ".join((inspect.getdoc(getattr(layers, name)) or "").split("\n\n")[0].split())
    return text.rstrip(".").replace("`", "").replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def page() -> str:
    """Return the text of the page."""
    found = classes()
    groups: dict[str, list[str]] = {}
    title = ""
    for module in [*SECTIONS, *sorted(set(found) - set(SECTIONS))]:
        title = SECTIONS.get(module, "Others") or title
        groups.setdefault(title, []).extend(sorted(found.get(module, [])))
    lines = [HEADER]
    for title, names in groups.items():
        lines += [f"## {title}\n", "| layer | computes | example | weights |", "|---|---|---|---|"]
        for name in names:
            made, weights = example(name) if name in EXAMPLES else ("", "")
            lines.append(f"| `{name}` | {sentence(name)} | {made} | {weights} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"
