"""Functions that NumPy lacks: activations, convolutions, pooling, recurrences, custom ops."""
