"""ONNX: a program as a file that other runtimes load.

The file format is written by hand (`wire`), so exporting needs NumPy alone. What NumPy's functions and ONNX's own
operators are has rules in a table (`table`, and the modules that fill it), written with `Value`s as one writes NumPy
(`emit`); any other operation is written by its forward, which computes with Values then. `translate` goes through a
program, and `model` puts the file together.
"""

from . import (
    elementwise as elementwise,
    indexing as indexing,
    moving as moving,
    recurrent as recurrent,
    reducing as reducing,
    solving as solving,
    special as special,
    windows as windows,
)
from .model import OnnxOptions as OnnxOptions, onnx_model as onnx_model
from .table import REASONS as REASONS, RULES as RULES, reason_of as reason_of
