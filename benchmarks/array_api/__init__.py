"""The test suite of Python's array API standard, run with NumPy and with `autograd_lite.numpy`."""
