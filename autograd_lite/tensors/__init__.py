"""Tensor: the value that records its history; how an operation is applied, recorded and lifted."""
