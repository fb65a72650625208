"""Losses: `loss(y_true, y_pred)` is a scalar Tensor, the mean over the samples of a batch.

Arguments that all losses have: `reduction` and `name`. With l the losses of the samples, w their weights and m the mask
of those that count, the reduction is "sum" for sum(w l m); "sum_over_batch_size", the default, or "mean" for that over
sum(m); "mean_with_sample_weight" for that over sum(w m); None for w l m. Calls take `sample_weight` and `mask`, shape
(N,) or that of the losses of the samples. As functions, losses return l: `mean_squared_error(y_true, y_pred)`.

No loss broadcasts its targets: (N,) against (N, 1) is an error, and so are NaN and impossible targets.

The cross-entropies take probabilities, or logits with `from_logits=True`. Probabilities that a softmax (or sigmoid)
has just made are not used: the loss is computed from the logits behind them, which the record of `y_pred` has, and so
is exact where the probabilities round to 0 or 1. Probabilities of unknown origin are clipped to [EPSILON, 1 - EPSILON].

Losses of predictions in half precision compute in single precision, which they have; gradients have that of the
predictions. Losses give no floating-point warnings, and where predictions are infinite they have their limit, if there
is one.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .connectionist import CTC as CTC, ctc as ctc
    from .crossentropy import (
        BinaryCrossentropy as BinaryCrossentropy,
        CategoricalCrossentropy as CategoricalCrossentropy,
        CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
        SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
        binary_crossentropy as binary_crossentropy,
        categorical_crossentropy as categorical_crossentropy,
        categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
        sparse_categorical_crossentropy as sparse_categorical_crossentropy,
    )
    from .focal import (
        BinaryFocalCrossentropy as BinaryFocalCrossentropy,
        CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
        binary_focal_crossentropy as binary_focal_crossentropy,
        categorical_focal_crossentropy as categorical_focal_crossentropy,
    )
    from .loss import Loss as Loss, deserialize as deserialize, get as get, serialize as serialize
    from .margins import (
        CategoricalHinge as CategoricalHinge,
        Circle as Circle,
        Dice as Dice,
        Hinge as Hinge,
        SquaredHinge as SquaredHinge,
        Tversky as Tversky,
        categorical_hinge as categorical_hinge,
        circle as circle,
        dice as dice,
        hinge as hinge,
        squared_hinge as squared_hinge,
        tversky as tversky,
    )
    from .regression import (
        CosineSimilarity as CosineSimilarity,
        Huber as Huber,
        KLDivergence as KLDivergence,
        LogCosh as LogCosh,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Poisson as Poisson,
        cosine_similarity as cosine_similarity,
        huber as huber,
        kl_divergence as kl_divergence,
        log_cosh as log_cosh,
        mean_absolute_error as mean_absolute_error,
        mean_absolute_percentage_error as mean_absolute_percentage_error,
        mean_squared_error as mean_squared_error,
        mean_squared_logarithmic_error as mean_squared_logarithmic_error,
        poisson as poisson,
    )
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
