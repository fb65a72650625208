"""The looks of a Tensor: its text, and its page in a notebook, with a short history drawn below its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.duck_arrays import LAZY, is_lazy, to_numpy
from ..core.hooks import HOOKS
from ..core.node import LEAF, Node
from ..core.shape_arithmetic import ShapeDtype

# A longer history is not drawn unless it is asked for: no one sees much in its picture, and drawing takes time.
_MOST_OPERATIONS = 1000
_IN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_IN_ADDRESS = str.maketrans({c: f"%{ord(c):02X}" for c in "%#<>\"&'\n"})


def text_of(t: Any) -> str:
    """Return the repr of a Tensor: its numbers as NumPy prints them, and all that is unusual about it."""
    if isinstance(t._data, ShapeDtype):  # an input that its op did not save
        parts = [f"values not saved, shape={t.shape}"]
    elif LAZY and is_lazy(t._data):  # whose values are asked for by other means than by looking
        parts = [f"shape={t.shape}, chunks={t._data.chunks}"]
    else:
        parts = [_numbers(t, "Tensor(")]
        if t.size > np.get_printoptions()["threshold"] or (not t.size and t.shape != (0,)):
            parts.append(f"shape={t.shape}")  # which the numbers do not show
    if t.dtype not in (np.float64, np.int_, np.bool_):  # NumPy's defaults; int_ is int32 on some machines
        parts.append(f"dtype={t.dtype}")
    node = t._node
    if node is LEAF:
        parts.append("requires_grad=True")
    elif node is not None:
        parts.append(f"op={node.op_name}")
    if t.name:
        parts.append(f"name={t.name!r}")
    return f"Tensor({', '.join(parts)})"


def html_of(t: Any) -> str:
    """Return the HTML of a Tensor with a history: its type, its numbers, and how it was computed."""
    facts = [f"shape {t.shape}", str(t.dtype), f"result of {t._node.op_name}"]
    head = " · ".join(fact.translate(_IN_HTML) for fact in facts)
    name = f"<b>{t.name.translate(_IN_HTML)}</b> · " if t.name else ""
    numbers = text_of(t) if isinstance(t._data, ShapeDtype) or (LAZY and is_lazy(t._data)) else _numbers(t)
    if _counts_at_most(t._node, _MOST_OPERATIONS):
        below = picture_html(HOOKS.svg(t), "How it was computed")
    else:
        below = (
            f"More than {_MOST_OPERATIONS:,} operations led to it; <code>ag.build_graph(…).show()</code> draws them."
        )
    return f'<div style="opacity:.75">{name}{head}</div>\n{text_html(numbers)}\n<div>{below}</div>'


def text_html(text: str) -> str:
    """Return the HTML of a text that is aligned by spaces."""
    return f'<pre style="margin:.3em 0 .6em;overflow-x:auto">{text.translate(_IN_HTML)}</pre>'


def picture_html(svg: str, words: str) -> str:
    """Return the HTML of a picture, an image: so it has the colors of the color scheme around it.

    Args:
        svg: the picture.
        words: for those who do not see it.
    """
    source = f"data:image/svg+xml;charset=utf-8,{svg.translate(_IN_ADDRESS)}"
    return f'<img alt="{words}" style="max-width:100%" src="{source}">'


def _numbers(t: Any, prefix: str = "") -> str:
    return np.array2string(to_numpy(t._data), separator=", ", prefix=prefix)


def _counts_at_most(node: Any, most: int) -> bool:
    """Return whether at most this many operations led to a node; no more of them are looked at."""
    seen, stack = {node}, [node]
    while stack and len(seen) <= most:
        for edge in stack.pop().inputs:
            if edge.__class__ is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return len(seen) <= most
