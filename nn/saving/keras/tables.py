"""Where Keras's files and nn differ in names: classes, arguments, parts, operations, variables of optimizers."""

from __future__ import annotations

from typing import Any

#: Keras's modules of classes, which are ours too; the first that is part of a module's name counts.
KINDS = (
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "models",
    "random",
)
#: Keras's name for a class where it is not ours, with its module.
CLASSES = {"models.Model": ("keras.src.models.functional", "Functional"), "models.Sequential": ("keras", "Sequential")}

#: The arguments that every layer of Keras has.
COMMON = {"name", "trainable", "dtype"}
_DEPTHWISE: dict[str, str | None] = {f"kernel_{rule}": f"depthwise_{rule}" for rule in ("regularizer", "constraint")}
#: Arguments that Keras has and we do not, with the values at which they change nothing; an empty set stands for any.
NEUTRAL: dict[str, frozenset[Any]] = {
    "dtype": frozenset(),  # of losses and metrics, which compute in that of their arrays
    "renorm_momentum": frozenset(),  # counts where renorm does
    "sparse": frozenset({False, None}),
    "unroll": frozenset(),
    "use_cudnn": frozenset(),
    "synchronized": frozenset(),
    "zero_output_for_mask": frozenset({False}),
    "build_input_shape": frozenset(),
}
#: Keras's name for an argument of ours where it has another, by class; None where it has none.
RENAMED: dict[str, dict[str, str | None]] = {
    "layers.AdditiveAttention": {"seed": None, "score_mode": None},
    "layers.Cropping1D": {"data_format": None},
    "layers.DepthwiseConv1D": _DEPTHWISE,
    "layers.DepthwiseConv2D": _DEPTHWISE,
    "layers.Embedding": {"input_dim": "input_dim"},
    "layers.LeakyReLU": {"alpha": None},
    "layers.Pipeline": {"dtype": None},
    "layers.ReversibleEmbedding": {"weights": None, "input_dim": "input_dim"},
    **{
        f"layers.{name}": {"data_format": None}
        for name in ("AutoContrast", "RandomBrightness", "RandomContrast", "Solarization")
    },
    "layers.SpatialDropout1D": {"data_format": None, "noise_shape": None},
    "layers.SpatialDropout2D": {"noise_shape": None},
    "layers.SpatialDropout3D": {"noise_shape": None},
}
#: Classes of ours that Keras does not have: their files are for nn alone.
OURS_ALONE = frozenset(
    f"layers.{name}"
    for name in (
        "ConvLSTMCell",
        "FixedPoint",
        "Operation",
        "PositionalEmbedding",
        "Residual",
        "RotaryEmbedding",
        "SinusoidalEmbedding",
        "TokenAndPositionEmbedding",
        "TransformerBlock",
    )
) | {"losses.FunctionLoss", "metrics.ConfusionMatrix", "metrics.MeanTensor", "optimizers.OneCycle"}

#: Parts by Keras's attribute names, where a class's differ from ours.
_ATTENTION = {
    "query": "query_dense",
    "key": "key_dense",
    "value": "value_dense",
    "gate": "_gate_dense",
    "attention_output": "output_dense",
}
PARTS = {
    "MultiHeadAttention": _ATTENTION,
    "GroupQueryAttention": {ours: f"_{theirs.lstrip('_')}" for ours, theirs in _ATTENTION.items()},
}
#: What the group of a layer of such a class is called in a file, where it is not the class's name in snake case.
GROUPS = {"GroupQueryAttention": "grouped_query_attention", "Model": "functional"}


#: The modules of Keras's operations, each with some of their names; those that are nowhere here are NumPy's.
OPERATIONS: dict[str, frozenset[str]] = {
    "keras.src.ops.nn": frozenset(
        """relu relu6 sigmoid sparse_sigmoid softplus softsign soft_shrink sparse_plus silu squareplus log_sigmoid
        leaky_relu hard_sigmoid hard_silu elu selu gelu celu glu tanh_shrink hard_tanh hard_shrink threshold softmax
        log_softmax sparsemax one_hot multi_hot moments""".split()  # noqa: SIM905 - a table
    ),
    "keras.src.ops.math": frozenset(("top_k", "in_top_k", "logsumexp", "rsqrt", "erf", "segment_sum")),
    "keras.src.ops.core": frozenset(("cast", "stop_gradient", "unstack")),
}
#: The arguments of operations that are arrays: they are in the call, the others in the configuration.
ARRAYS = frozenset(("x", "x1", "x2", "xs", "y", "a", "b", "condition", "indices", "values", "operands", "key"))

#: The slots of the parameters in the order of Keras's variables: those of one tuple, parameter by parameter, then those
#: of the next. An optimizer that is not here has one tuple of all its slots.
SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Adam": (("momentum", "velocity"), ("velocity_hat",)),
    "AdamW": (("momentum", "velocity"), ("velocity_hat",)),
    "RMSprop": (("velocity",), ("momentum",), ("average_gradient",)),
}
#: A number of the optimizer that Keras keeps after the slots.
LAST = {"Nadam": "u_product"}
#: A slot that Keras keeps with the other sign.
NEGATED = {"SGD": "momentum"}
