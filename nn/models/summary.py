"""The table that `summary` prints, as text and for a notebook."""

from __future__ import annotations

import html
import sys
import textwrap
from typing import Any, NamedTuple

from ..module.module import Module

_ASCII = str.maketrans("┏┓┗┛┳┻┡┩╇├┤┼└┘┴│┃━─", "+++++++++++++++||=-")
_WIDEST = 36


class _Row(NamedTuple):
    depth: int
    cells: list[str]


def summary_text(model: Module, expand_nested: bool = False, show_trainable: bool = False) -> str:
    """Return a table of a built model's layers: name and type, output shape, number of parameters, connections.

    Args:
        model: a model that is built.
        expand_nested: whether to list the layers of models in the model.
        show_trainable: whether to show which layers are trained.

    Example:
        >>> from nn import layers, models
        >>> print(summary_text(models.Sequential([layers.Dense(2, input_shape=(3,))])))
        Model: "sequential"
        ┏━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓
        ┃ Layer (type)  ┃ Output Shape ┃ Param # ┃
        ┡━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩
        │ dense (Dense) │ (None, 2)    │       8 │
        └───────────────┴──────────────┴─────────┘
         Total params: 8 (32.00 B)
         Trainable params: 8 (32.00 B)
         Non-trainable params: 0 (0.00 B)
    """
    head, rows = _rows(model, expand_nested, show_trainable)
    cells = [[_wrap("  " * row.depth * (i == 0), cell) for i, cell in enumerate(row.cells)] for row in rows]
    widths = [
        max(len(line) for line in [title, *(x for row in cells for x in row[i])]) + 2 for i, title in enumerate(head)
    ]
    lines = [
        f'Model: "{model.name}"',
        _rule("┏━┳┓", widths),
        "┃" + "┃".join(_cell(title, w, title == "Param #") for title, w in zip(head, widths, strict=True)) + "┃",
        _rule("┡━╇┩", widths),
    ]
    tall = any(len(cell) > 1 for row in cells for cell in row)
    for i, row in enumerate(cells):
        if tall and i:
            lines.append(_rule("├─┼┤", widths))
        for k in range(max(map(len, row))):
            parts = [
                _cell(cell[k] if k < len(cell) else "", w, title == "Param #")
                for title, cell, w in zip(head, row, widths, strict=True)
            ]
            lines.append("│" + "│".join(parts) + "│")
    return "\n".join([*lines, _rule("└─┴┘", widths), *(f" {line}" for line in _totals(model))])


def printable(text: str) -> str:
    """Return the text with ASCII lines if standard output cannot show others."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return text.translate(_ASCII)
    return text


def summary_html(model: Module) -> str:
    """Return the summary as an HTML table, or the `repr` of a model that is not built."""
    try:
        model._ready("summary")
        head, rows = _rows(model, False, False)
    except ValueError:
        return f"<pre>{html.escape(repr(model))}</pre>"
    number = head.index("Param #")

    def line(tag: str, cells: list[str]) -> str:
        parts = (
            f'<{tag} style="text-align:{"right" if i == number else "left"}">{html.escape(cell)}</{tag}>'
            for i, cell in enumerate(cells)
        )
        return f"<tr>{''.join(parts)}</tr>"

    body = "\n".join(line("td", row.cells) for row in rows)
    totals = "<br>".join(map(html.escape, _totals(model)))
    return (
        f"<b>Model: {html.escape(model.name)}</b>\n<table>\n<thead>{line('th', head)}</thead>\n<tbody>\n{body}\n"
        f"</tbody>\n</table>\n{totals}"
    )


def _rows(model: Module, expand_nested: bool, show_trainable: bool) -> tuple[list[str], list[_Row]]:
    connected = _plan_of(model) is not None
    head = ["Layer (type)", "Output Shape", "Param #"]
    head += ["Connected to"] * connected + ["Trainable"] * show_trainable
    rows: list[_Row] = []
    pending: list[tuple[int, Module, str, Module]] = [(0, model, key, part) for key, part in reversed(_parts(model))]
    links = {id(model): _links(model)}
    while pending:
        depth, parent, key, part = pending.pop()
        cells = [f"{key} ({type(part).__name__})", _shape(part, parent), _count(part)]
        if connected:
            cells.append(links[id(parent)].get(id(part), "-") if id(parent) in links else "-")
        if show_trainable:
            weights = part.weights
            cells.append("Y" if any(t.requires_grad for t in weights) else "N" if weights else "-")
        rows.append(_Row(depth, cells))
        if expand_nested and part is not parent and hasattr(part, "_plan"):  # a model
            links[id(part)] = _links(part)
            pending.extend((depth + 1, part, k, p) for k, p in reversed(_parts(part)))
    return head, rows


def _parts(model: Any) -> list[tuple[str, Module]]:
    parts = [(name, m) for name, m in model._in_keras_order() if isinstance(m, Module)]
    return parts or [(model.name, model)]


def _links(model: Any) -> dict[int, str]:
    """Return, for each layer, the layers that it is connected to, as `name[call][result]`."""
    plan = _plan_of(model)
    if plan is None:
        return {}
    names = {id(m): name for name, m in model._members() if isinstance(m, Module)}
    result_names: dict[int, str] = {}
    counts: dict[int, int] = {}
    links_of: dict[int, list[str]] = {}
    for module, ins, outs in plan.calls():
        call = counts.get(id(module), 0)
        counts[id(module)] = call + 1
        links_of.setdefault(id(module), []).extend(result_names.get(slot, "input") for slot in ins)
        result_names |= {slot: f"{names[id(module)]}[{call}][{i}]" for i, slot in enumerate(outs)}
    return {key: ", ".join(links) or "-" for key, links in links_of.items()}


def _plan_of(module: Module) -> Any:
    """Return the plan of a functional model, else None."""
    return getattr(module, "_plan", None)


def _shape(module: Module, parent: Module) -> str:
    if type(module).__name__ == "InputLayer":
        return str((None, *getattr(module, "sample_shape", ())))
    if module.output_shape is not None:
        return str(module.output_shape)
    plan_of_module, around = _plan_of(module), _plan_of(parent)
    calls = [] if around is None else [outs for part, _, outs in around.calls() if part is module]
    plan, slots = (
        (plan_of_module, plan_of_module.output_slots)
        if plan_of_module is not None
        else (around, calls[0] if calls else [])
    )
    return str([plan.specs[slot][0] for slot in slots]) if slots else "?"


def _count(module: Module) -> str:
    return f"{sum(t.size for t in module.weights):,}" + " (unbuilt)" * bool(module._build_known())


def _totals(model: Module) -> list[str]:
    weights = model.weights
    kinds = [
        ("Total", weights),
        ("Trainable", [t for t in weights if t.requires_grad]),
        ("Non-trainable", [t for t in weights if not t.requires_grad]),
    ]
    return [
        f"{kind} params: {sum(t.size for t in part):,} ({_bytes(sum(t.nbytes for t in part))})" for kind, part in kinds
    ]


def _wrap(indent: str, cell: str) -> list[str]:
    indent = indent[: _WIDEST // 2]
    lines = textwrap.wrap(cell, _WIDEST - len(indent), break_on_hyphens=False) or [""]
    return [indent + line for line in lines]


def _cell(text: str, width: int, right: bool) -> str:
    return f" {text:>{width - 2}} " if right else f" {text:<{width - 2}} "


def _rule(marks: str, widths: list[int]) -> str:
    return marks[0] + marks[2].join(marks[1] * w for w in widths) + marks[3]


def _bytes(count: int) -> str:
    n = float(count)
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
