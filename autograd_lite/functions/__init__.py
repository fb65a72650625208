"""Functions that NumPy lacks: activations, convolutions, pooling, recurrences, and ops of the user's own."""
