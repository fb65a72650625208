"""SciPy's functions that support the array API standard, tried on Tensors with SCIPY_ARRAY_API=1."""
