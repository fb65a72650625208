"""Where Keras's files and nn differ in names: classes, arguments, parts, operations, variables of optimizers."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    "value_range": frozenset({(0, 255), (0, 1), None}),
}
#: Keras's name for an argument of ours where it has another, by class; None where it has none.
RENAMED: dict[str, dict[str, str | None]] = {
    "layers.AdditiveAttention": {"seed": None, "score_mode": None},
    "layers.Cropping1D": {"data_format": None},
    "layers.DepthwiseConv1D": _DEPTHWISE,
    "layers.DepthwiseConv2D": _DEPTHWISE,
    "layers.Embedding": {"weights": None, "input_dim": "input_dim"},
    "layers.LeakyReLU": {"alpha": None},
    "layers.ReversibleEmbedding": {"weights": None, "input_dim": "input_dim"},
    "layers.SimpleRNN": {"seed": None},
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
        "Operation",
        "PositionalEmbedding",
        "Residual",
        "RotaryEmbedding",
        "SinusoidalEmbedding",
        "TokenAndPositionEmbedding",
        "TransformerBlock",
    )
) | {"losses.FunctionLoss", "metrics.MeanTensor", "optimizers.OneCycle"}

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
#: The variables of a class's `vars`, by our paths, where they are not just its own weights in Keras's order.
VARIABLES = {"SpectralNormalization": ("layer.kernel", "vector_u")}


class Op(NamedTuple):
    """An operation of Keras: its module, its class, and the arguments that are in its configuration.

    `config` has a name of Keras for each of the function's arguments after the first `arrays`, by our name.
    """

    name: str
    config: dict[str, str] = {}  # noqa: RUF012 - never changed
    arrays: int = 1
    module: str = "keras.src.ops.numpy"


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _reduction(name: str) -> Op:
    return Op(name, _same("axis", "keepdims"))


def _activation(name: str, *config: str) -> Op:
    return Op(name, _same(*config), module="keras.src.ops.nn")


_ELEMENTWISE = """
absolute add arccos arcsin arcsinh arctan arctan2 arctanh cos cosh divide equal exp exp2 expm1 greater greater_equal
hypot less less_equal log log10 log1p log2 matmul maximum minimum multiply negative not_equal power reciprocal sign sin
sinh sqrt square subtract tan tanh where
"""
#: Operations by the name that `nn.layers.Operation` has. Elementwise ones take arrays alone.
OPERATIONS = {
    **{name: Op("".join(part.capitalize() for part in name.split("_")), arrays=9) for name in _ELEMENTWISE.split()},
    **{name: _reduction(name.capitalize()) for name in ("max", "mean", "min", "prod", "std", "sum", "var")},
    "clip": Op("Clip", {"a_min": "x_min", "a_max": "x_max"}),
    "concatenate": Op("Concatenate", _same("axis")),
    "expand_dims": Op("ExpandDims", _same("axis")),
    "flip": Op("Flip", _same("axis")),
    "moveaxis": Op("Moveaxis", _same("source", "destination")),
    "repeat": Op("Repeat", _same("repeats", "axis")),
    "reshape": Op("Reshape", {"shape": "newshape"}),
    "roll": Op("Roll", _same("shift", "axis")),
    "squeeze": Op("Squeeze", _same("axis")),
    "stack": Op("Stack", _same("axis")),
    "swapaxes": Op("Swapaxes", _same("axis1", "axis2")),
    "tensordot": Op("Tensordot", _same("axes"), arrays=2),
    "tile": Op("Tile", {"reps": "repeats"}),
    "transpose": Op("Transpose", _same("axes")),
    "elu": _activation("Elu", "alpha"),
    "gelu": _activation("Gelu", "approximate"),
    "leaky_relu": _activation("LeakyRelu", "negative_slope"),
    "log_softmax": _activation("LogSoftmax", "axis"),
    "relu": _activation("Relu"),
    "relu6": _activation("Relu6"),
    "selu": _activation("Selu"),
    "sigmoid": _activation("Sigmoid"),
    "silu": _activation("Silu"),
    "softmax": _activation("Softmax", "axis"),
    "softplus": _activation("Softplus"),
    "softsign": _activation("Softsign"),
}

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
