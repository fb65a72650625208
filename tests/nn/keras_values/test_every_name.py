"""Every name that both libraries have has a row in a table of this folder, or a reason here."""

from __future__ import annotations

import pytest

import nn

from ..keras_names import SECTIONS, split
from . import layer_rows, test_losses, test_ops, test_parts
from .rows import Row

NO_VALUES = "makes, names or stores objects: no numbers of its own"
BASE = "a base class: subclasses compute"
DRAWS = "draws: in test_augmentation, where both libraries draw the same"
PEER = "Keras on PyTorch cannot: it is TensorFlow's layer there"
STATE = {"deserialize", "get", "serialize"}
REASONS: dict[str, dict[str, str]] = {
    "keras.losses": {"Loss": BASE},
    "keras.metrics": {"Metric": BASE},
    "keras.optimizers": {
        "Optimizer": BASE,
        "OptimizerMap": "in the row of MultiOptimizer",
        "ScheduleFreeAdamW": "on PyTorch Keras 3.15 reads `momentum_old` after it was changed in place",
    },
    "keras.optimizers.schedules": {"LearningRateSchedule": BASE},
    "keras.initializers": {"Initializer": BASE},
    "keras.regularizers": {"Regularizer": BASE},
    "keras.constraints": {"Constraint": BASE},
    "keras.activations": {
        "sparsemax": "on PyTorch, that of positive values is all zeros in Keras 3.15; test_ops has its distribution",
    },
    "keras.layers": {
        "Input": NO_VALUES,
        "InputLayer": NO_VALUES,
        "InputSpec": NO_VALUES,
        "ContrastLimitedAdaptiveHistogramEqualization": "test_augmentation_policies compares it",
        "Layer": BASE,
        "SpectralNormalization": "Keras writes the divided kernel into the weight; test_wrapping compares calls",
        "StackedRNNCells": "in the row of RNN: called alone, its states are one flat list here",
        "Wrapper": BASE,
        **dict.fromkeys(split("HashedCrossing Hashing IntegerLookup StringLookup TextVectorization"), PEER),
        **dict.fromkeys(
            split("""
                AugMix CutMix MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
                RandomContrast RandomCrop
                RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue
                RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
                RandomShear RandomTranslation RandomZoom Solarization
            """),
            DRAWS,
        ),
    },
    "keras.ops": {},
}
# Functions of losses that are metrics too: the same objects.
SHARED = [row for row in test_losses.FUNCTIONS if row.make(nn.losses) is vars(nn.metrics).get(row.name)]
TABLES: dict[str, list[list[Row]]] = {
    "keras.losses": [test_losses.LOSSES, test_losses.FUNCTIONS],
    "keras.metrics": [test_losses.METRICS, test_losses.METRIC_FUNCTIONS, SHARED],
    "keras.optimizers": [test_parts.OPTIMIZERS],
    "keras.optimizers.schedules": [test_parts.SCHEDULES],
    "keras.initializers": [test_parts.INITIALIZERS, test_parts.DISTRIBUTIONS],
    "keras.regularizers": [test_parts.REGULARIZERS],
    "keras.constraints": [test_parts.CONSTRAINTS],
    "keras.activations": [test_parts.ACTIVATIONS],
    "keras.layers": [layer_rows.LAYERS, layer_rows.STATEFUL, layer_rows.FUNCTIONS],
    "keras.ops": [test_ops.OPS],
}


@pytest.mark.parametrize("section", REASONS)
def test_every_name_has_a_row_or_a_reason(section: str) -> None:
    (found,) = [s for s in SECTIONS if s.keras == section]
    # tests/nn/ops/test_ops.py runs over the whole table of operations.
    named = set(nn.ops.TABLE) if section == "keras.ops" else set()
    named |= {row.name for table in TABLES[section] for row in table}
    here = set(found.names) - set(found.left_out) - (set() if section == "keras.ops" else STATE)
    assert sorted(here - named - set(REASONS[section])) == []
    assert sorted(named & set(REASONS[section])) == [], "a reason for what has a row"
    assert sorted(set(REASONS[section]) - here) == [], "a reason for what is not here"


@pytest.mark.parametrize("section", REASONS)
def test_a_row_is_of_its_section_and_there_once(section: str) -> None:
    (found,) = [s for s in SECTIONS if s.keras == section]
    rows = [row for table in TABLES[section] for row in table]
    assert sorted({row.name for row in rows} - set(found.names)) == []
    assert len(set(rows)) == len(rows)
