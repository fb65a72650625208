"""Layers over the axes of space: convolutions, pooling, padding, resizing, spectrograms."""
