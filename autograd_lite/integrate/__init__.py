"""Differential equations with derivatives by all that they depend on, under SciPy's names."""

from .initial_values import Solution as Solution, solve_ivp as solve_ivp

__all__ = ["Solution", "solve_ivp"]
__dir__ = __all__.copy
