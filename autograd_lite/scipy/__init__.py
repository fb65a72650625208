"""SciPy's functions for Tensors, under SciPy's names and signatures, where SciPy itself takes arrays alone.

On bare arrays they are SciPy's own functions.
"""
