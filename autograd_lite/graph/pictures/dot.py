"""Graphviz's DOT language: plain quoted labels, ids without colons, a cluster per module, stable bytes.

Labels are never HTML-like, since several engines cannot read those. Lines are neither orthogonal nor concentrated,
which makes `dot` fail on graphs like these. Only one font is named; every engine has its own metrics for it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from ...core.late import needs
from ...ir.node_labels import clip, visible
from .scopes import walk_modules
from .style import EDGE_LOOKS, LOOKS, THEMES, Theme, heat_of
from .view import Direction, EdgeKind, View, ViewEdge, ViewNode

if TYPE_CHECKING:
    import graphviz

ThemeName = Literal["light", "dark"]

# Graphviz fails on labels that are much wider than a page.
_CLIP = 60
_NAME = "autograd_lite"


def dot_text(view: View, theme: ThemeName = "light", direction: Direction = "TB", *, rich: bool = False) -> str:
    """Return a picture as DOT text.

    Args:
        view: what to draw.
        theme: the colors, "light" or "dark".
        direction: where lines lead.
        rich: whether labels are HTML-like, with bold heads, which `dot` itself can read.

    Raises:
        ValueError: if there is no such theme.
    """
    head = [f"digraph {_NAME} {{\n"]
    defaults = _defaults(_theme(theme), direction)
    if rich:
        defaults["graph"] |= {"pad": "0.2", "ranksep": "0.35"}
        defaults["node"] |= {"margin": "0.18,0.1"}
    for kind, attributes in defaults.items():
        pairs = " ".join(f"{key}={_literal(value)}" for key, value in sorted(attributes.items()))
        head.append(f"\t{kind} [{pairs}]\n")
    return "".join([*head, *_body(view, _theme(theme), rich), "}\n"])


def digraph(view: View, theme: ThemeName = "light") -> graphviz.Digraph:
    """Return a picture as a `graphviz.Digraph`, whose source is `dot_text`.

    Raises:
        ModuleNotFoundError: if the package graphviz is not installed.
    """
    with needs("to_graphviz", "graphviz", otherwise=", or use to_dot"):
        import graphviz

    kinds = {f"{kind}_attr": attributes for kind, attributes in _defaults(_theme(theme)).items()}
    return graphviz.Digraph(_NAME, body=list(_body(view, _theme(theme))), **kinds)


def _quote(text: str) -> str:
    r"""Return a user's text as a DOT string: no escape sequence, entity or quote in it means anything.

    Example:
        >>> print(_quote('a "quoted" \\N'))
        "a \"quoted\" \\N"
    """
    return f'"{_escape(text)}"'


def _escape(text: str) -> str:
    # Graphviz decodes entities in labels, and reads \\N, \\G, \\l as names and line ends.
    return visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _theme(name: str) -> Theme:
    if name not in THEMES:
        raise ValueError(f"to_dot: expected a theme among {', '.join(THEMES)}; received {name!r}")
    return THEMES[name]


def _defaults(theme: Theme, direction: Direction = "TB") -> dict[str, dict[str, str]]:
    """Return the default attributes of the graph, the nodes and the edges, which users may change on a Digraph."""
    font = {"fontname": "Helvetica"}
    return {
        "graph": font | {"rankdir": direction, "newrank": "true", "fontsize": "11", "nodesep": "0.3", "ranksep": "0.4"}
        | {"labelloc": "t", "bgcolor": theme.page, "fontcolor": theme.soft},
        "node": font | {"fontsize": "11", "margin": "0.14,0.06", "height": "0.3", "fontcolor": theme.text},
        "edge": font | {"fontsize": "9", "color": theme.edge, "arrowsize": "0.7", "fontcolor": theme.soft},
    }  # fmt: skip


def _literal(value: str) -> str:
    """Write one of our own values, in quotes unless it is a word or a number."""
    return value if value.isalpha() or value.replace(".", "", 1).isdecimal() else f'"{value}"'


# ---- the body -------------------------------------------------------------------------------------------------------


def _body(view: View, theme: Theme, rich: bool = False) -> Iterator[str]:
    """Yield the lines between the defaults and the last brace."""
    caption = "\\n".join(_escape(clip(line, 4 * _CLIP)) for line in view.caption)
    yield f'\tlabel="{caption}"\n'
    yield from _clusters(view, theme, rich)
    for i, box in enumerate(view.cut):
        # Three dots mean values that a box reads but the picture does not show.
        yield f'\tcut{i} [label="...", shape=plaintext, fontcolor="{theme.soft}", class="cut"]\n'
        yield f'\tcut{i} -> {box} [style=dashed, color="{theme.quiet}"]\n'
    yield from (_edge(edge, theme) for edge in view.edges)


def _clusters(view: View, theme: Theme, rich: bool = False) -> Iterator[str]:
    """Yield the lines of the nodes, module by module."""
    number = 0
    for depth, item in walk_modules(view.nodes):
        # Hostile modules may nest by the thousand.
        pad = "\t" * min(depth + 1, 20)
        if isinstance(item, ViewNode):
            yield f"{pad}{_node(item, theme, rich)}\n"
        elif item is None:
            yield f"{pad}}}\n"
        else:
            yield f"{pad}subgraph cluster_{number} {{\n"
            yield f'{pad}\tlabel={_quote(clip(item, _CLIP))}; style="rounded,dashed"; color="{theme.frame}"\n'
            number += 1


def _node(node: ViewNode, theme: Theme, rich: bool = False) -> str:
    look, ink = LOOKS[node.look], theme.inks[node.look]
    double = ", peripheries=2" if node.is_output and "peripheries" not in look.dot else ""
    fill = ink.fill if node.weight is None else theme.heat[heat_of(node.weight)]
    mark = node.badge or look.glyph
    head, *rest = node.lines
    lines = [clip(line, _CLIP) for line in (head, *rest)]
    if rich:
        label = _rich(lines, mark, theme)
    else:
        lines[0] += f" [{mark}]" if mark else ""
        label = '"' + "\\n".join(map(_escape, lines)) + '"'
    return (
        f'{node.id} [label={label}, {look.dot}{double}, fillcolor="{fill}", color="{ink.border}", '
        f'id="{node.id}", class="{node.look}"]'
    )


def _rich(lines: Sequence[str], mark: str, theme: Theme) -> str:
    """Return a label with a bold head and smaller lines, as in SVG; `dot` alone reads it."""
    head, *rest = map(_markup, lines)
    small = [f'<font point-size="10" color="{theme.soft}">{line}</font>' for line in (_markup(mark), *rest) if line]
    beside = f"  {small.pop(0)}" if mark else ""
    space = ['<font point-size="3"> </font>'] if small else []
    return f'<{"<br/>".join([f"""<font point-size="13"><b>{head}</b></font>{beside}""", *space, *small])}>'


def _markup(text: str) -> str:
    return html.escape(visible(text)).replace("\\", "\\\\")  # Graphviz reads \\N and \\G as names here too


def _edge(edge: ViewEdge, theme: Theme) -> str:
    attributes = []
    if edge.kind is not EdgeKind.DATA:
        color = theme.gradient if edge.kind is EdgeKind.GRADIENT else theme.saved
        attributes += [EDGE_LOOKS[edge.kind].dot, f'color="{color}"']
    elif edge.quiet:
        attributes.append(f'color="{theme.quiet}"')
    if edge.label:
        attributes.append(f"label={_quote(edge.label)}")
    if edge.argument:
        attributes.append(f'headlabel="{edge.argument}"')
    attributes.append(f'class="{edge.kind}"')
    return f"\t{edge.source} -> {edge.target} [{', '.join(attributes)}]\n"
