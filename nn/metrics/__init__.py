"""Metrics: true values over all samples, whatever the batches they arrive in.

A metric is reset, updated with one batch after another, and asked for its result; called, it does the last two at once.
`update_state` takes `sample_weight`, shape (N,) or that of the values of the samples. As functions, metrics return one
value a sample: `binary_accuracy(y_true, y_pred)`.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from ..losses import (
        binary_crossentropy as binary_crossentropy,
        binary_focal_crossentropy as binary_focal_crossentropy,
        categorical_crossentropy as categorical_crossentropy,
        categorical_focal_crossentropy as categorical_focal_crossentropy,
        categorical_hinge as categorical_hinge,
        hinge as hinge,
        huber as huber,
        kl_divergence as kl_divergence,
        log_cosh as log_cosh,
        mean_absolute_error as mean_absolute_error,
        mean_absolute_percentage_error as mean_absolute_percentage_error,
        mean_squared_error as mean_squared_error,
        mean_squared_logarithmic_error as mean_squared_logarithmic_error,
        poisson as poisson,
        sparse_categorical_crossentropy as sparse_categorical_crossentropy,
        squared_hinge as squared_hinge,
    )
    from .accuracy import (
        Accuracy as Accuracy,
        AutoAccuracy as AutoAccuracy,
        BinaryAccuracy as BinaryAccuracy,
        CategoricalAccuracy as CategoricalAccuracy,
        SparseCategoricalAccuracy as SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy,
        TopKCategoricalAccuracy as TopKCategoricalAccuracy,
        binary_accuracy as binary_accuracy,
        categorical_accuracy as categorical_accuracy,
        sparse_categorical_accuracy as sparse_categorical_accuracy,
        sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy,
        top_k_categorical_accuracy as top_k_categorical_accuracy,
    )
    from .auc import AUC as AUC
    from .averages import Mean as Mean, MeanMetricWrapper as MeanMetricWrapper, MeanTensor as MeanTensor, Sum as Sum
    from .classes import (
        BinaryIoU as BinaryIoU,
        ConfusionMatrix as ConfusionMatrix,
        F1Score as F1Score,
        FBetaScore as FBetaScore,
        IoU as IoU,
        MeanIoU as MeanIoU,
        OneHotIoU as OneHotIoU,
        OneHotMeanIoU as OneHotMeanIoU,
    )
    from .counts import (
        FalseNegatives as FalseNegatives,
        FalsePositives as FalsePositives,
        Precision as Precision,
        PrecisionAtRecall as PrecisionAtRecall,
        Recall as Recall,
        RecallAtPrecision as RecallAtPrecision,
        SensitivityAtSpecificity as SensitivityAtSpecificity,
        SpecificityAtSensitivity as SpecificityAtSensitivity,
        TrueNegatives as TrueNegatives,
        TruePositives as TruePositives,
    )
    from .metric import Metric as Metric
    from .names import deserialize as deserialize, get as get, serialize as serialize
    from .of_losses import (
        BinaryCrossentropy as BinaryCrossentropy,
        CategoricalCrossentropy as CategoricalCrossentropy,
        CategoricalHinge as CategoricalHinge,
        Hinge as Hinge,
        KLDivergence as KLDivergence,
        LogCoshError as LogCoshError,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Poisson as Poisson,
        SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
        SquaredHinge as SquaredHinge,
    )
    from .regression import (
        ConcordanceCorrelation as ConcordanceCorrelation,
        CosineSimilarity as CosineSimilarity,
        PearsonCorrelation as PearsonCorrelation,
        R2Score as R2Score,
        RootMeanSquaredError as RootMeanSquaredError,
        concordance_correlation as concordance_correlation,
        pearson_correlation as pearson_correlation,
    )
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
