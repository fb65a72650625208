"""Whether gradients are fit for training: norms per parameter and per layer, and the verdicts about them.

The thresholds are scale-free: multiplying the loss by a number, or changing its unit, changes only the verdicts about
what a dtype can hold.

vanishing, exploding
    Gradients start at the loss, so they are compared with the layers there: with the median (in logarithms) of the
    root mean square of the gradients of the three layers nearest to the loss, or of the nearer half if there are fewer
    than six. A layer farther from the loss whose gradient is `FACTOR` = 1000 times smaller or larger cannot be trained
    with the learning rate that suits those. In a healthy network these numbers lie within one or two powers of ten
    (Glorot and Bengio 2010, figures 6 and 7); ten sigmoid layers, each of which shrinks a gradient by a factor of at
    least 4, span six.
vanishing
    Also if the norm is below eps * the norm of the weights, with the eps of the dtype: a step with learning rate 1 is
    then rounded away and changes nothing. This is also the case at a minimum.
exploding
    Also if the norm is above 1 / eps * the norm of the weights: a step with learning rate 1 then leaves nothing of the
    weights, which are rounded away. Or if the root mean square is above the square root of the dtype's largest number:
    its square, which Adam and RMSprop need, would overflow.
dead
    Every element of the gradient is exactly 0; for a relu, every element of its result.
unreached
    There is no gradient at all; the table shows where the path to the loss was cut.
nan
    An element is NaN or infinite; `find_nan(loss)` tells where that began.

References:
    X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...core.errors import GradError, more_on
from ...core.messages import checked
from ...core.op import OPS
from ...ir.graph_node import GraphNode, Kind, Role
from ...ir.node_labels import align_columns, op_text, visible
from ...ir.pure_graph import PureGraph
from ...ir.pure_program import PureProgram
from ...ir.stats import Stats
from ...tensors.tensor import Tensor
from ..export.save import SaveOptions
from ..marks import Mark, Overlay
from .report import Report

FACTOR = 1000.0
_NEAREST = 3  # layers that the others are compared with: their median is sound even if one of them is not

_WORDS = {
    "vanishing": "vanishing",
    "exploding": "exploding",
    "dead": "dead",
    "unreached": "unreached",
    "nan": "not finite",
    "": "ok",
}
_GLYPHS = {"vanishing": "↓", "exploding": "↑", "dead": "×", "unreached": "?", "nan": "!", "": ""}


class ParameterHealth(NamedTuple):
    """The gradient of one parameter.

    Attributes:
        name: of the parameter; its id if it has none.
        layer: the name without its last part.
        id: of its node, if a graph was examined; otherwise empty.
        shape, dtype: of the parameter.
        norm: Euclidean norm of the gradient; None if there is none.
        weight: Euclidean norm of the parameter.
        zeros: the fraction of the gradient's elements that are exactly 0.
        update: Euclidean norm of the change made by the step, if known.
        flag: "vanishing", "exploding", "dead", "unreached", "nan", or empty.
        why: the reason as text.
    """

    name: str
    layer: str
    id: str
    shape: tuple[int, ...]
    dtype: str
    norm: float | None
    weight: float
    zeros: float = 0.0
    update: float | None = None
    flag: str = ""
    why: str = ""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def rms(self) -> float | None:
        """The root mean square of the gradient."""
        return None if self.norm is None or not self.size else self.norm / math.sqrt(self.size)

    @property
    def ratio(self) -> float | None:
        """The norm of the gradient over that of the parameter."""
        return None if self.norm is None or not self.weight else self.norm / self.weight


class LayerHealth(NamedTuple):
    """The gradients of all parameters of a layer together; see `ParameterHealth` for the fields."""

    path: str
    size: int
    norm: float | None
    weight: float
    flag: str = ""
    why: str = ""

    @property
    def rms(self) -> float | None:
        """The root mean square of the gradient."""
        return None if self.norm is None or not self.size else self.norm / math.sqrt(self.size)

    @property
    def ratio(self) -> float | None:
        """The norm of the gradient over that of the parameters."""
        return None if self.norm is None or not self.weight else self.norm / self.weight


class ReluHealth(NamedTuple):
    """The units of a relu that gave 0 for the whole batch.

    Attributes:
        id: of the node.
        scope: the module.
        dead: the number of units, along the last axis, that were 0 for every example.
        total: the number of units.
    """

    id: str
    scope: str
    dead: int
    total: int


@dataclass(frozen=True, slots=True, repr=False)
class Health(Report):
    """The gradients of one step.

    Attributes:
        parameters: one entry each, in the order of their first use.
        layers: one entry for each layer, in the same order.
        relus: one entry for each relu, if a loss was examined.
        median: of the root mean square of the gradient over the layers nearest to the loss; 0 if no layer has one.
        graph: that was examined; None if gradients were read off parameters.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True, name="w")
        >>> (w * w).sum().backward()
        >>> gradient_health([w]).parameters[0].name
        'w'
    """

    parameters: tuple[ParameterHealth, ...]
    layers: tuple[LayerHealth, ...]
    relus: tuple[ReluHealth, ...] = ()
    median: float = 0.0
    graph: PureGraph | None = field(default=None, compare=False)

    _without_graph = (
        ". Its gradients were read off parameters, without a graph. Examine the loss, gradient_health(loss), or draw "
        "it: build_graph(loss, backward=True).save(path, overlay=health)"
    )

    @property
    def ok(self) -> bool:
        """True if nothing is flagged."""
        return not self.problems

    @property
    def problems(self) -> tuple[ParameterHealth, ...]:
        """The parameters with something wrong."""
        return tuple(p for p in self.parameters if p.flag)

    def __getitem__(self, name: str) -> ParameterHealth:
        """Return the entry of a parameter by its name."""
        entry = next((p for p in self.parameters if p.name == name), None)
        if entry is None:
            raise KeyError(f"{name!r}: expected the name of a parameter: {[p.name for p in self.parameters]}")
        return entry

    def overlay(self, graph: PureGraph | None = None) -> Overlay:
        """Return the marks for pictures of the examined graph, or of another with the same names.

        Args:
            graph: required if gradients were read off parameters, without a graph.
        """
        names = {} if graph is None else {n.name: n for n in graph if n.kind is Kind.PARAMETER}
        marks = {}
        for p in self.parameters:
            is_examined = graph is None or (p.id in graph and (graph[p.id].name or p.id) == p.name)
            i = p.id if is_examined else names[p.name].id if p.name in names else ""
            if i:
                badge = f"{_GLYPHS[p.flag]} {_WORDS[p.flag]}" if p.flag else ""
                note = "no gradient" if p.norm is None else f"‖grad‖ {_short(p.norm)}"
                tip = tuple(filter(None, [p.why, *_facts(p)]))
                marks[i] = Mark(p.flag, badge, note, tip)
        for r in self.relus:
            if r.dead and (graph is None or (r.id in graph and graph[r.id].op == "relu")):
                tip = (f"{r.dead:,} of {r.total:,} units gave 0 for the whole batch",)
                look = "dead" if r.dead == r.total else ""
                marks[r.id] = Mark(look, f"× {r.dead:,} of {r.total:,} dead", tip=tip)
        return Overlay("gradient health", (self._headline(),), marks)

    def _picture(self, ending: str) -> tuple[PureGraph, SaveOptions] | None:
        return None if self.graph is None else (self.graph, {"overlay": self.overlay(self.graph)})

    def to_text(self) -> str:
        """Return a table of the parameters, one of the layers if that says more, and the problems."""
        blocks = [self._headline(), *_table(_PARAMETER_HEAD, [_parameter_row(p) for p in self.parameters])]
        if len(self.layers) > 1 and len(self.layers) < len(self.parameters):
            blocks += ["", *_table(_LAYER_HEAD, [_layer_row(layer) for layer in self.layers])]
        sentences = [f"{visible(p.name)}: {p.why}" for p in self.problems]
        for r in self.relus:
            if r.dead:
                where = f" in {visible(r.scope)}" if r.scope else ""
                sentences.append(f"{r.id} relu{where}: {r.dead:,} of {r.total:,} units gave 0 for the whole batch")
        return "\n".join([*blocks, *([""] if sentences else []), *sentences])

    def to_markdown(self) -> str:
        """Return the table of the parameters as Markdown."""
        rows = [_PARAMETER_HEAD, *(_parameter_row(p) for p in self.parameters)]
        cells = [[cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in rows]
        lines = ["| " + " | ".join(row) + " |" for row in cells]
        return "\n".join([lines[0], "|" + " :-- |" + " --: |" * (len(cells[0]) - 2) + " :-- |", *lines[1:]])

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Health of {self._headline()}>"

    def _headline(self) -> str:
        counts: dict[str, int] = {}
        for p in self.problems:
            counts[_WORDS[p.flag]] = counts.get(_WORDS[p.flag], 0) + 1
        wrong = ", ".join(f"{n} {word}" for word, n in counts.items()) or "all gradients are sound"
        n = len(self.parameters)
        return f"{n} parameter{'' if n == 1 else 's'}: {wrong}"


@checked
def gradient_health(source: Any, *, parameters: Any = None) -> Health:
    """Examine the gradients of one step.

    Args:
        source: a loss, whose gradients are then computed anew without changing `.grad`; or, after `backward`, a module
            or a list of tensors or (name, tensor) pairs, whose `.grad` are read; or a measured graph.
        parameters: with a loss: a module, or tensors, that should have a gradient, so that those that the loss does not
            depend on are reported too.

    Returns:
        The norms and the verdicts; the documentation of the module explains them.

    Raises:
        TypeError: if `source` is something else.
        ValueError: for a graph without a backward pass or without measurements.
        GradError: for a loss that does not require a gradient, or has no history.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
        >>> b = ag.tensor([0.0, 0.0], requires_grad=True, name="b")
        >>> health = gradient_health((w * w + (b > 1.0)).sum())
        >>> [(p.name, p.norm, p.flag) for p in health.parameters]
        [('w', 4.47213595499958, ''), ('b', None, 'unreached')]
        >>> health["b"].why
        "cut at n4 'greater', which has no derivative"
    """
    if isinstance(source, PureGraph):
        return _of_graph(source)
    if isinstance(source, Tensor) and not source.is_leaf:
        return _of_loss(source, parameters)
    if isinstance(source, Tensor) and not source.requires_grad:
        raise GradError(
            f"gradient_health: expected a loss that requires a gradient; received one of shape {source.shape} and "
            f"dtype {source.dtype}, which has no history. Make an input with ag.tensor(a, requires_grad=True), and "
            "compute outside no_grad(), without .detach()" + more_on("no-history")
        )
    pairs = named_tensors("gradient_health", source)
    return judge([entry_of(name, t, None if t.grad is None else t.grad.data) for name, t in pairs])


def named_tensors(caller: str, source: Any) -> list[tuple[str, Tensor]]:
    """Return the named tensors of a module, a mapping, a list of tensors or pairs, or a single tensor.

    Raises:
        TypeError: if it is something else.
    """
    if hasattr(source, "named_parameters"):
        return list(source.named_parameters())
    if isinstance(source, Mapping):
        pairs: Iterable[Any] = source.items()
    elif isinstance(source, Tensor):
        pairs = [source]
    else:
        pairs = source if isinstance(source, Iterable) and not isinstance(source, (str, np.ndarray)) else [None]
    tensors: list[tuple[str, Tensor]] = []
    for k, item in enumerate(pairs):
        name, t = item if isinstance(item, tuple) and len(item) == 2 else (getattr(item, "name", None), item)
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{caller}: expected a loss, a module, tensors or (name, tensor) pairs, or a measured graph; received "
                f"{type(source).__name__}"
            )
        tensors.append((str(name or f"parameter {k}"), t))
    return tensors


# ---- where the numbers come from ------------------------------------------------------------------------------------


def _entry(name: str, i: str, like: Any, weight: Stats, gradient: Stats | None, why: str = "") -> ParameterHealth:
    layer = name.rpartition(".")[0]
    shape, dtype = tuple(like.shape), str(like.dtype)
    if gradient is None:
        return ParameterHealth(name, layer, i, shape, dtype, None, weight.norm, flag="unreached", why=why)
    flag, reason = "", ""
    if not gradient.finite:
        reason = f"{gradient.nans:,} NaN and {gradient.infs:,} infinite elements of {gradient.size:,}"
        flag = "nan"
    elif gradient.size and gradient.zeros == gradient.size:
        flag, reason = "dead", "every element of the gradient is exactly 0"
    zeros = gradient.zeros / gradient.size if gradient.size else 0.0
    return ParameterHealth(name, layer, i, shape, dtype, gradient.norm, weight.norm, zeros, None, flag, reason)


def entry_of(name: str, t: Tensor, gradient: Any) -> ParameterHealth:
    """Return the numbers of a parameter and its gradient, an array or None; not yet compared with others."""
    stats = None if gradient is None else Stats.of(gradient)
    why = "no backward has reached it since the last zero_grad" if t.requires_grad else "it does not require a gradient"
    return _entry(name, "", t, Stats.of(t.data), stats, why)


def _of_loss(loss: Tensor, parameters: Any) -> Health:
    program = PureProgram.build(loss, backward=True)
    values = program.values()
    graph = program.graph
    gradients = graph.gradients
    required = named_tensors("gradient_health", parameters) if parameters is not None else []
    names = {id(t): name for name, t in required}
    entries, seen = [], set()
    for node in graph:
        if node.kind is Kind.PARAMETER and node.role is Role.FORWARD:
            tensor = program.bindings[node.id]
            seen.add(id(tensor))
            gradient = Stats.of(values[gradients[node.id]]) if node.id in gradients else None
            name = names.get(id(tensor)) or node.name or node.id
            why = "" if gradient is not None else _place_of_cut(graph, node)
            entries.append(_entry(name, node.id, node, Stats.of(values[node.id]), gradient, why))
    for name, t in required:
        if id(t) not in seen:
            why = "not on any path to the loss: the loss was not computed from it, or only through its bare values"
            entries.append(_entry(name, "", t, Stats.of(t.data), None, why))
    return replace(judge(entries, _relus(graph, values)), graph=graph)


def _of_graph(graph: PureGraph) -> Health:
    nodes = [n for n in graph if n.kind is Kind.PARAMETER]
    if not graph.flows or any(graph.measurement(n.id).values is None for n in nodes):
        missing = "a backward pass" if not graph.flows else "measurements"
        raise ValueError(
            f"gradient_health: expected a measured graph with a backward pass; received one without {missing}. "
            "Pass the loss, or Program.build(loss, backward=True).measure()"
        )
    reached = graph.gradients
    entries = []
    for n in nodes:
        values, gradient, _ = graph.measurement(n.id)
        if values is not None:
            why = "" if n.id in reached else _place_of_cut(graph, n)
            entries.append(_entry(n.name or n.id, n.id, n, values, gradient, why))
    relus = [n for n in graph if n.op == "relu" and not n.backward and n.size]
    dead = [n for n in relus if (values := graph.measurement(n.id).values) and values.zeros == n.size]
    return replace(judge(entries, tuple(ReluHealth(n.id, n.scope, n.size, n.size) for n in dead)), graph=graph)


def _relus(graph: PureGraph, values: Mapping[str, Any]) -> tuple[ReluHealth, ...]:
    relus = []
    for node in graph:
        value = values.get(node.id)
        if node.op == "relu" and not node.backward and isinstance(value, np.ndarray) and value.ndim > 1:
            off = (value == 0).all(axis=tuple(range(value.ndim - 1)))
            relus.append(ReluHealth(node.id, node.scope, int(off.sum()), off.size))
    return tuple(relus)


def _place_of_cut(graph: PureGraph, leaf: GraphNode) -> str:
    """Return where the path from a leaf to the results was cut: at the first operation that passes no gradient on."""
    reached = {leaf.id}
    for node in graph:
        if node.backward or reached.isdisjoint(node.inputs):
            continue
        op = OPS.get(node.op)
        if any(node.inputs[k] in reached for k in node.needs if op is None or op.rule(k) is not None):
            reached.add(node.id)
            continue
        where = f", at {node.source}" if node.source else ""
        name = visible(op_text(node, graph))
        if node.op == "stop_gradient":
            return f"detached at {node.id} 'stop_gradient'{where}"
        if op is not None and op.rules is None:
            return f"cut at {node.id} {name!r}, which has no derivative{where}"
        if node.dtype.kind not in "fc":
            return f"cut at {node.id} {name!r}, whose result is {node.dtype}{where}"
        return f"cut at {node.id} {name!r}, which passes no gradient on to it{where}"
    return "not on any path to the loss"


# ---- the verdicts ---------------------------------------------------------------------------------------------------


H = TypeVar("H", ParameterHealth, LayerHealth)


def judge(entries: Sequence[ParameterHealth], relus: tuple[ReluHealth, ...] = ()) -> Health:
    """Flag gradients that are vanishing or exploding compared with the others, and add up the layers."""
    groups: dict[str, list[ParameterHealth]] = {}
    for p in entries:
        groups.setdefault(p.layer or p.name, []).append(p)
    layers = [_layer(path, members) for path, members in groups.items()]
    sound = [k for k, layer in enumerate(layers) if layer.rms and not layer.flag]
    near = sound[-min(_NEAREST, (len(sound) + 1) // 2) :] if sound else [0]
    median = math.exp(statistics.median(math.log(layers[k].rms or 1.0) for k in near)) if sound else 0.0
    far = {layer.path for layer in layers[: near[0]]}
    parameters = tuple(_verdict(p, np.dtype(p.dtype), median if (p.layer or p.name) in far else None) for p in entries)
    dtypes = {p.layer or p.name: np.dtype(p.dtype) for p in entries}
    judged_layers = (_verdict(layer, dtypes[layer.path], median if layer.path in far else None) for layer in layers)
    return Health(parameters, tuple(judged_layers), relus, median)


def _layer(path: str, members: list[ParameterHealth]) -> LayerHealth:
    norms = [p.norm for p in members if p.norm is not None]
    size = sum(p.size for p in members if p.norm is not None)
    flags = {p.flag for p in members}
    flag = "nan" if "nan" in flags else next(iter(flags)) if len(flags) == 1 else ""
    why = members[0].why if flag else ""
    return LayerHealth(
        path, size, math.hypot(*norms) if norms else None, math.hypot(*(p.weight for p in members)), flag, why
    )


def _verdict(p: H, dtype: np.dtype[Any], median: float | None) -> H:
    """Flag one entry; the median of the layers nearest to the loss is None for those layers themselves."""
    rms = p.rms
    if p.flag or not rms or dtype.kind not in "fc":
        return p
    limits = np.finfo(dtype)
    if rms > math.sqrt(float(limits.max)):
        return p._replace(flag="exploding", why=f"its square overflows {dtype}: root mean square {_short(rms)}")
    if p.ratio is not None and p.ratio < float(limits.eps):
        why = f"a step with learning rate 1 is rounded away in {dtype}: {_short(p.ratio)} of the weights"
        return p._replace(flag="vanishing", why=f"{why}; converged, or cut off from the loss")
    if p.ratio is not None and p.ratio > 1 / float(limits.eps):
        why = f"a step with learning rate 1 leaves nothing of the weights in {dtype}: {_short(p.ratio)} times as large"
        return p._replace(flag="exploding", why=why)
    if median is None:
        return p
    if rms < median / FACTOR:
        why = f"root mean square {_short(rms)}, {_short(median / rms)} times smaller than {_short(median)}"
        return p._replace(flag="vanishing", why=f"{why}, the median of the layers nearest to the loss")
    if rms > median * FACTOR:
        why = f"root mean square {_short(rms)}, {_short(rms / median)} times larger than {_short(median)}"
        return p._replace(flag="exploding", why=f"{why}, the median of the layers nearest to the loss")
    return p


# ---- tables ---------------------------------------------------------------------------------------------------------

_PARAMETER_HEAD = ["parameter", "‖grad‖", "‖weight‖", "ratio", "zeros", "‖update‖", ""]
_LAYER_HEAD = ["layer", "‖grad‖", "‖weight‖", "ratio", ""]


def _parameter_row(p: ParameterHealth) -> list[str]:
    zeros = "" if p.norm is None else f"{100 * p.zeros:.0f} %"
    verdict = f"{_GLYPHS[p.flag]} {_WORDS[p.flag]}".strip()
    return [visible(p.name), _short(p.norm), _short(p.weight), _short(p.ratio), zeros, _short(p.update), verdict]


def _layer_row(layer: LayerHealth) -> list[str]:
    verdict = f"{_GLYPHS[layer.flag]} {_WORDS[layer.flag]}".strip()
    return [visible(layer.path), _short(layer.norm), _short(layer.weight), _short(layer.ratio), verdict]


def _facts(p: ParameterHealth) -> list[str]:
    facts = [f"norm of the gradient {_short(p.norm)}"] if p.norm is not None else []
    facts += [f"norm of the parameter {_short(p.weight)}"]
    facts += [f"ratio {_short(p.ratio)}"] if p.ratio is not None else []
    return facts + ([f"{100 * p.zeros:.0f} % zeros"] if p.zeros else [])


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    keep = [k for k in range(len(head)) if any(row[k] for row in rows)]
    cells = [[row[k] for k in keep] for row in (head, *rows)]
    return align_columns(cells, left=(0, len(keep) - 1))
