"""From a graph to a View: modules are closed and repetitions folded until it is readable.

A graph of up to 150 nodes is shown whole, if that fits. In a larger one, whatever repeats at least three times becomes
one box, and modules are closed from the inside out until the picture is small. Then those with the largest shares open
again while there is room. In a module that is still too long, neighbors are joined, the lightest first. A group is the
interval of recorded operations that one module, or one loop, made; the backward pass of a module is a separate group,
with "∇" after its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, TypedDict, Unpack

import numpy as np

from ....core.messages import checked
from ....ir.node_labels import count_of
from ....ir.pure_graph import PureGraph
from ...marks import Overlaid
from ...overlays import overlay_of
from ..describe import BACKWARD
from ..drawing import Drawing, drawing_of, first_that_fits
from ..scopes import Scope
from ..view import PICTURE_LIMIT, View
from .assemble import assemble
from .groups import Rows, cells_of, chains_of, fold_cotangents, kinds_of
from .plan import Bundles, Homes, Plan, homes_of, nearest, plan_boxes

Paths = Collection[str] | Callable[[str], bool]


class ViewOptions(TypedDict, total=False):
    """The keywords of `view_of`, which all pictures pass on."""

    overlay: Overlaid | None
    depth: int | None
    expand: Paths
    collapse: Paths
    fold: bool
    limit: int


# Up to the first number of nodes, all are shown. Larger graphs are folded until they fit on a page (the second), unless
# fewer boxes would remain than deserve to be called a picture (the third).
_WHOLE, _PAGE, _LEAST = 150, 60, 12
# How many boxes a module shows, until the picture fits.
_FEW = (30, 20, 12, 8, 6, 5, 4, 3)
# How often the largest module is opened, if there is room.
_TRIES = 10


@checked
def view_of(
    graph: PureGraph,
    *,
    overlay: Overlaid | None = None,
    depth: int | None = None,
    expand: Paths = (),
    collapse: Paths = (),
    fold: bool = True,
    limit: int = PICTURE_LIMIT,
) -> View:
    """Make the View of a graph: the boxes of a picture, their texts, and the edges between them.

    Args:
        graph: the graph.
        overlay: marks for nodes: an Overlay, an analysis that has one (Cost, Memory, NanReport, Health, GraphDiff), or
            "flops", "bytes", "saved" or "time" for that cost; "values" for measured arrays. A group shows
            the sum of what its members measure and the worst of their looks.
        depth: how many levels of modules stay open; None to choose a readable picture. 0 makes one box of
            every outermost module.
        expand: modules to open, with all around them, by path, such as "encoder.block_0"; or a function from a path
            to bool.
        collapse: modules to close, given in the same way.
        fold: False to show every node.
        limit: the most boxes. A larger picture is folded further, then cut to the boxes nearest to the results.

    Returns:
        The View; its caption counts the folded and hidden nodes. Unless the options ask for certain boxes, it
        is folded until its picture is at most 1,600 pixels wide and 3,000 tall.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if `limit` or `depth` is out of range, the overlay is of another graph, or no module has the path
            to be opened or closed.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> y = ag.tensor(1.0, requires_grad=True, name="x")
        >>> for _ in range(200):
        ...     y = y * 0.5
        >>> [node.lines[0] + " " + node.badge for node in view_of(build_graph(y)).nodes]
        ['x ', 'multiply ×200']
    """
    options = ViewOptions(overlay=overlay, depth=depth, expand=expand, collapse=collapse, fold=fold, limit=limit)
    return next(views_of(graph, **options)) if _is_asked(options) else drawing_for(graph, **options).view


def plan_for(graph: PureGraph, wider: float = 1.0, taller: float = 1.0, **options: Unpack[ViewOptions]) -> Plan:
    """Return the boxes that `view_of` chooses; `wider` and `taller` multiply the size that must fit."""

    def size_of(choice: tuple[Plan, Drawing]) -> tuple[float, float]:
        width, height = choice[1].size
        return wider * width, taller * height

    choices = ((plan, drawing_of(view)) for plan, view in _plans_and_views(graph, **options))
    return first_that_fits(choices, size_of)[0]


def drawing_for(graph: PureGraph, **options: Unpack[ViewOptions]) -> Drawing:
    """Return the View that `view_of` makes, laid out."""
    choices = map(drawing_of, views_of(graph, **options))
    return next(choices) if _is_asked(options) else first_that_fits(choices, lambda drawing: drawing.size)


def _is_asked(options: ViewOptions) -> bool:
    """Return whether the reader asks for certain boxes: then they are drawn, however large the picture is."""
    modules = options.get("expand") or options.get("collapse") or not options.get("fold", True)
    return bool(modules) or options.get("depth") is not None


def views_of(graph: PureGraph, **options: Unpack[ViewOptions]) -> Iterator[View]:
    """Yield the Views that `view_of` chooses from, beginning with the one that shows most.

    If the reader asks for certain modules, or for all nodes, there is no choice.
    """
    for _, view in _plans_and_views(graph, **options):
        yield view


def _plans_and_views(graph: PureGraph, **options: Unpack[ViewOptions]) -> Iterator[tuple[Plan, View]]:
    limit, depth, fold = options.get("limit", PICTURE_LIMIT), options.get("depth"), options.get("fold", True)
    expand, collapse = options.get("expand", ()), options.get("collapse", ())
    if not _is_count(limit) or not (depth is None or _is_count(depth)):
        raise TypeError(
            f"view_of: expected whole numbers as limit and depth; received limit={limit!r}, depth={depth!r}"
        )
    if limit < 1 or (depth is not None and depth < 0):
        raise ValueError(f"view_of: expected limit >= 1 and depth >= 0; received limit={limit}, depth={depth}")
    marks = overlay_of(graph, options.get("overlay"))
    homes = homes_of(graph.nodes)
    rows = Rows(graph.nodes, homes.own)
    rows.set_weights(graph, marks.totals if marks else {})
    for plan in _Folder(graph, homes, rows, depth, expand, collapse, limit).plans(fold):
        part = nearest(graph, plan, limit) if plan.size > limit else None
        visible = plan.size if part is None else len(part)
        caption = []
        if any(cell.title for cell in plan.cells) or plan.has_bundles:
            how = _how_to_see_more(len(graph), rows, limit)
            caption.append(f"collapsed: {len(graph):,} → {count_of(plan.size, 'node')}; {how}")
        if part is not None:
            hidden = f"{plan.size - visible:,} of {plan.size:,} nodes are not shown"
            caption.append(f"{hidden}: those farthest from the results")
        yield plan, assemble(graph, plan, homes, overlay=marks, caption=caption, part=part)


def _is_count(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def _how_to_see_more(n: int, rows: Rows, limit: int) -> str:
    if n <= limit:
        return "fold=False shows all"
    return "expand=[…] opens modules" if any(rows.paths) else "around(node) shows parts"


class _Folder:
    """The options, and the plans that follow from them."""

    def __init__(
        self, graph: PureGraph, homes: Homes, rows: Rows, depth: int | None, expand: Paths, collapse: Paths, limit: int
    ) -> None:
        self.graph, self.homes, self.rows, self.depth, self.limit = graph, homes, rows, depth, limit
        self.bundles = Bundles.BY_READERS
        paths = dict.fromkeys(path[:k] for path in dict.fromkeys(rows.paths) for k in range(1, len(path) + 1))
        opened, self.closed = _paths_named("expand", expand, paths), _paths_named("collapse", collapse, paths)
        self.opened = {path[:k] for path in opened for k in range(1, len(path) + 1)}
        self.level = self.levels = max(map(len, paths), default=0)
        self.shares = dict.fromkeys(paths, 0.0)
        for path, share in zip(rows.paths, rows.shares, strict=True):
            for k in range(1, len(path) + 1):
                self.shares[path[:k]] += share
        self.kinds = kinds_of(rows, paths)

    def plans(self, fold: bool) -> Iterator[Plan]:
        """Yield the boxes to choose from.

        After the first choice repetitions are folded, modules are closed from the inside out, and in the end
        neighbors are joined. Where all of that is too large, slots of a kind share a box, and in the end results and
        tensors with names go into groups, which list them.
        """
        first = self._first(fold)
        asked = not fold or self.depth is not None or self.opened or self.closed
        if asked or first.size <= min(_WHOLE, self.limit):
            yield first
        if asked:
            return
        smallest = first
        for without_names in (False, True):
            self.rows = self.rows.without_names() if without_names else self.rows
            for self.bundles in (Bundles.BY_READERS, Bundles.BY_KIND):
                plans = list(self._smaller())
                yield from _ever_smaller(plans, min(first.size, _WHOLE + 1, self.limit + 1))
                smallest = min(smallest, *[plan for _, plan in plans], key=lambda plan: plan.size)
        yield smallest

    def _smaller(self) -> Iterator[tuple[int, Plan]]:
        """Yield the boxes with fewer levels open, the largest modules alone, and neighbors joined, after how many."""
        for level in range(self.levels, -1, -1):
            yield from ((most, self._at(level, repeats=True, most=most)) for most in (0, *_FEW))
        self.level = 0
        yield from self._with_largest(repeats=True)

    def _first(self, fold: bool) -> Plan:
        """Return the boxes that the options ask for, or the most that can be read."""
        small = len(self.graph) <= min(_WHOLE, self.limit)
        if not fold or (self.depth is None and small and not self.closed):
            cells = [self.rows.cell([i], "", path) for i, path in enumerate(self.rows.paths)]
            cells = fold_cotangents(self.rows, self.graph.nodes, cells) if fold else cells
            return plan_boxes(self.graph, cells, self.homes)
        plan = self._at(self.levels if self.depth is None else self.depth)
        if self.depth is None and not small:
            plan = self._readable(plan)
            for _, more in self._with_largest() if self.level < self.levels else ():
                plan = more if more.size > plan.size else plan
        level = self.levels if self.depth is None else min(self.depth, self.levels)
        while plan.size > self.limit and level > 0:
            level -= 1
            plan = self._at(level)
        if plan.size > min(self.limit, _WHOLE) and self.depth is None:
            plan = plan_boxes(
                self.graph, chains_of(self.rows, plan.cells, self.graph.outputs), self.homes, self.bundles
            )
        return plan

    def _readable(self, plan: Plan) -> Plan:
        """Return the deepest level that fits on a page; if that leaves too little, the deepest that is readable."""
        readable = page = plan
        deepest = self.levels
        for level in range(self.levels - 1, -1, -1):
            if page.size <= min(_PAGE, self.limit):
                break
            page = self._at(level)
            self.level = level
            if readable.size > min(_WHOLE, self.limit):
                readable, deepest = page, level
        if page.size < _LEAST and readable.size <= self.limit:
            page, self.level = readable, deepest
        return page

    def _with_largest(self, repeats: bool | None = None) -> Iterator[tuple[int, Plan]]:
        """Yield the boxes as more and more modules are open, those with the largest shares first, up to a page.

        Before each is the number of boxes to which neighbors are joined, 0 where they are not.
        """
        inner: dict[Scope, list[Scope]] = {}
        for path in self.shares:
            inner.setdefault(path[:-1], []).append(path)
        pending = self._kinds([path for path in self.shares if len(path) == self.level + 1])
        heapify(pending)
        opened = set[Scope]()
        for _ in range(_TRIES):
            if not pending:
                return
            _, paths = heappop(pending)
            for most in (0, 8, 4) if repeats else (0,):  # the modules whole, or with neighbors joined
                plan = self._at(self.level, repeats=repeats, opened=opened.union(paths), most=most)
                if plan.size <= min(_PAGE, self.limit):
                    yield most, plan
                    if not most:
                        opened.update(paths)
                        for kind in self._kinds([part for path in paths for part in inner.get(path, ())]):
                            heappush(pending, kind)

    def _kinds(self, paths: Iterable[Scope]) -> list[tuple[float, list[Scope]]]:
        """Return modules that are opened together, since they are of a kind, after minus their share."""
        same: dict[object, list[Scope]] = {}
        for path in paths:
            same.setdefault(self.kinds[path], []).append(path)
        return [(-sum(self.shares[path] for path in kind), kind) for kind in same.values()]

    def _at(self, depth: int, *, repeats: bool | None = None, most: int = 0, opened: Collection[Scope] = ()) -> Plan:
        """Return the boxes with `depth` levels open, and some modules; each module has at most `most`, 0 for any."""

        def is_closed(path: Scope) -> bool:
            return path in self.closed or (len(path) > depth and path not in self.opened and path not in opened)

        repeats = len(self.graph) > min(_WHOLE, self.limit) if repeats is None else repeats
        cells = cells_of(self.rows, is_closed, self.opened.__contains__, repeats, most)
        cells = fold_cotangents(self.rows, self.graph.nodes, cells)
        return plan_boxes(self.graph, cells, self.homes, self.bundles if repeats else Bundles.NONE)


def _ever_smaller(plans: Sequence[tuple[int, Plan]], limit: int) -> Iterator[Plan]:
    """Yield plans of fewer boxes than a number, ever smaller: those without joined neighbors come first.

    Plans of very few boxes come last, for where nothing else fits.

    Args:
        plans: each after the number of boxes to which neighbors are joined, 0 where they are not.
        limit: the number.
    """
    whole = sorted([plan for most, plan in plans if not most], key=lambda plan: -plan.size)
    joined = sorted([plan for most, plan in plans if most], key=lambda plan: -plan.size)
    for choices, least in ((whole, _LEAST), (joined, _LEAST), ([*whole, *joined], 0)):
        size = limit
        for plan in choices:
            if least <= plan.size < size:
                size = plan.size
                yield plan


def _paths_named(which: str, asked: Paths, paths: Collection[Scope]) -> set[Scope]:
    """Return the paths that names mean: without "∇" the backward pass too, without a model's name that of any model."""
    named: dict[str, list[Scope]] = {}
    for first in (0, 1):
        taken = set(named)
        for path in paths:
            exact = ".".join(path[first:])
            for name in dict.fromkeys((exact, exact.replace(BACKWARD, ""))):
                if name and name not in taken:
                    named.setdefault(name, []).append(path)
    if callable(asked):
        return {path for path in paths if asked(".".join(path).replace(BACKWARD, ""))}
    names: Any = [asked] if isinstance(asked, str) else asked
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"{which}: expected module paths, such as [{next(iter(named), 'encoder')!r}], or a function from a path to "
            f"bool; received {asked!r}"
        )
    unknown = next((name for name in names if name not in named), None)
    if unknown is not None:
        some = ", ".join(repr(name) for name in list(named)[:5] if BACKWARD not in name) or "none: it has no modules"
        raise ValueError(f"{which}: expected module paths of the graph ({some}, …); received {unknown!r}")
    return {path for name in names for path in named[name]}
