"""Differential equations with derivatives by all that they depend on, under SciPy's names."""
