"""Pictures that teach, drawn from functions, arrays and models with matplotlib, the extra `plot`.

Each function returns a matplotlib Figure and never shows it; those with a single set of axes draw into `ax=`. They are
dark where matplotlib's style is. Those that end in `_movie` return a `Movie`: the same with a slider, for notebooks,
and as a page that needs no network.

Example:
    >>> from nn import plots
    >>> figure = plots.gradient_descent(lambda x: (x - 1) ** 2, start=3.0, learning_rate=0.3)
    >>> figure.axes[0].get_xlabel()
    'x'
"""

from .confusion import confusion as confusion
from .curves import learning_rates as learning_rates, overfitting as overfitting
from .decision import (
    DecisionSurface as DecisionSurface,
    decision_surface as decision_surface,
    plot_decision_surface as plot_decision_surface,
)
from .descent import gradient_descent as gradient_descent, gradient_descent_movie as gradient_descent_movie
from .loss_surface import loss_surface as loss_surface, loss_surface_movie as loss_surface_movie
from .movie import Movie as Movie, Moving as Moving, save as save
from .paths import Path as Path, descend as descend
from .tensors import (
    broadcasting as broadcasting,
    matrix_product as matrix_product,
    tensor_shapes as tensor_shapes,
)
from .unfolding import (
    ActivationRecorder as ActivationRecorder,
    unfolding as unfolding,
    unfolding_movie as unfolding_movie,
)
from .weights import weights as weights

__all__ = [
    "ActivationRecorder",
    "DecisionSurface",
    "Movie",
    "Moving",
    "Path",
    "broadcasting",
    "confusion",
    "decision_surface",
    "descend",
    "gradient_descent",
    "gradient_descent_movie",
    "learning_rates",
    "loss_surface",
    "loss_surface_movie",
    "matrix_product",
    "overfitting",
    "plot_decision_surface",
    "save",
    "tensor_shapes",
    "unfolding",
    "unfolding_movie",
    "weights",
]
__dir__ = __all__.copy
