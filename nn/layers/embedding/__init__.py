"""Vectors for integers, and back."""
