"""Declared arguments, their checks, names, and the plain values that objects are made from again."""
