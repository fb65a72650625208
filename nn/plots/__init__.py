"""Pictures that teach, drawn from functions, arrays and models with matplotlib, the extra `plot`.

Each function returns a matplotlib Figure and never shows it; those with a single set of axes draw into `ax=`. They are
dark where matplotlib's style is.

Example:
    >>> from nn import plots
    >>> figure = plots.gradient_descent(lambda x: (x - 1) ** 2, start=3.0, learning_rate=0.3)
    >>> figure.axes[0].get_xlabel()
    'x'
"""

from .decision import (
    DecisionSurface as DecisionSurface,
    decision_surface as decision_surface,
    plot_decision_surface as plot_decision_surface,
)
from .descent import gradient_descent as gradient_descent
from .loss_surface import loss_surface as loss_surface
from .paths import Path as Path, descend as descend

__all__ = [
    "DecisionSurface",
    "Path",
    "decision_surface",
    "descend",
    "gradient_descent",
    "loss_surface",
    "plot_decision_surface",
]
