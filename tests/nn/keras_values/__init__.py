"""Keras's values: tables of expressions that are computed in both libraries, on the same random input."""
