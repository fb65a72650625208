"""The tables: every operation and its derivative, in plain NumPy."""

from . import arith, compare, composed, explog, index, linalg, random, reduce, shape, special, trig

__all__ = ["arith", "compare", "composed", "explog", "index", "linalg", "random", "reduce", "shape", "special", "trig"]
