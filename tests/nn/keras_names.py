"""What Keras 3 documents, in sections, and what becomes of it here; docs/keras_coverage.md is made of this.

A section has the names of one module of Keras 3.15 as its documentation lists them, our module, and the reasons for
what is left out. A name without a reason must be in our module.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["HEADER", "PAGE", "SECTIONS", "Section", "page", "row"]

PAGE = "docs/keras_coverage.md"
HEADER = """# What of Keras 3 is here

Each name that Keras 3 documents, and where it is here or why it is not. A test makes this page, and fails where it
does not hold. Losses, metrics and the rest have Keras's arguments and defaults but for `dtype`: they work in the dtype
of the arrays that they are given.
"""


class Section(NamedTuple):
    """A module of Keras, our module, the documented names, and the reasons for those that are left out."""

    keras: str
    ours: str
    names: tuple[str, ...]
    left_out: MappingProxyType[str, str] = MappingProxyType({})


def split(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split()))


_CONFIGURATIONS = "a saved model is compiled anew, with names or objects; nothing is made of stored code"
_NO_CONFIGURATIONS = MappingProxyType({"deserialize": _CONFIGURATIONS, "serialize": _CONFIGURATIONS})

SECTIONS: tuple[Section, ...] = (
    Section(
        "keras.losses",
        "nn.losses",
        split("""
            BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
            CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence
            LogCosh Loss MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError
            Poisson SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy binary_focal_crossentropy
            categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy
            categorical_hinge circle cosine_similarity ctc deserialize dice get hinge huber kl_divergence log_cosh
            mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
            poisson serialize sparse_categorical_crossentropy squared_hinge tversky
        """),
        _NO_CONFIGURATIONS,
    ),
    Section(
        "keras.metrics",
        "nn.metrics",
        split("""
            AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
            CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives
            Hinge IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
            MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU
            PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision
            RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy
            SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy
            TrueNegatives TruePositives binary_accuracy binary_crossentropy binary_focal_crossentropy
            categorical_accuracy categorical_crossentropy categorical_focal_crossentropy categorical_hinge
            concordance_correlation deserialize get hinge huber kl_divergence log_cosh mean_absolute_error
            mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error pearson_correlation
            poisson serialize sparse_categorical_accuracy sparse_categorical_crossentropy
            sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy
        """),
        _NO_CONFIGURATIONS,
    ),
    Section(
        "keras.optimizers",
        "nn.optimizers",
        split("""
            Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam
            Optimizer OptimizerMap RMSprop SGD ScheduleFreeAdamW deserialize get serialize
        """),
        MappingProxyType(
            {
                "LossScaleOptimizer": "keeps gradients of half precision from underflow, which is not trained in here",
                "MultiOptimizer": "several optimizers, bound to different parameters, do the same in a train_step",
                "OptimizerMap": "belongs to MultiOptimizer",
            }
        ),
    ),
    Section(
        "keras.optimizers.schedules",
        "nn.optimizers.schedules",
        split("""
            CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule
            PiecewiseConstantDecay PolynomialDecay deserialize serialize
        """),
    ),
    Section(
        "keras.initializers",
        "nn.initializers",
        split("""
            Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity Initializer LecunNormal LecunUniform Ones
            Orthogonal RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros deserialize get serialize
        """),
        MappingProxyType({"STFT": "for the layer STFTSpectrogram of signals, which is not here"}),
    ),
    Section(
        "keras.regularizers",
        "nn.regularizers",
        split("L1 L1L2 L2 OrthogonalRegularizer Regularizer deserialize get serialize"),
    ),
    Section(
        "keras.constraints",
        "nn.constraints",
        split("Constraint MaxNorm MinMaxNorm NonNeg UnitNorm deserialize get serialize"),
    ),
)


def row(section: Section, name: str) -> tuple[str, str]:
    """Return a name of Keras's, and where it is here or why it is not."""
    if name in section.left_out:
        return f"`{name}`", f"– {section.left_out[name]}"
    thing = getattr(importlib.import_module(section.ours), name)
    file = (inspect.getmodule(thing) or thing).__name__.replace(".", "/")
    module = importlib.import_module(file.replace("/", "."))
    path = f"{file}/__init__.py" if hasattr(module, "__path__") else f"{file}.py"
    return f"`{name}`", f"`{section.ours}.{name}` in `{path}`"


def page(sections: Iterable[Section] = SECTIONS) -> str:
    """Return the text of docs/keras_coverage.md."""
    lines = [HEADER]
    for section in sections:
        here = [name for name in section.names if name not in section.left_out]
        lines += [
            f"## {section.keras}\n",
            f"{len(here)} of {len(section.names)} names.\n",
            "| Keras | here |",
            "|---|---|",
        ]
        lines += [f"| {name} | {where} |" for name, where in (row(section, name) for name in section.names)]
        lines.append("")
    return "\n".join(lines)
