"""Functions that neural networks need and NumPy lacks: activations, convolutions, pooling, recurrences."""
