"""A model as boxes and lines: one box a call of a layer, one frame a model inside the model, from shapes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd_lite.graph import View, ViewEdge, ViewNode

from ..models.sequential import Sequential
from ..module.module import Module

__all__ = ["Shown", "has_layers", "model_view"]

Spec = tuple[Any, str] | None  # shape, with None for free lengths, and dtype; None where they are not known
Source = tuple[str | None, Spec]  # the box that a value comes from, and its shape and dtype

_WORDS = {"op": "layer", "group": "model", "output": "output", "input": "input"}


class Shown(NamedTuple):
    """The lines of the boxes, and whether models inside the model are frames; the arguments of `plot_model`."""

    shapes: bool = True
    dtype: bool = False
    names: bool = True
    activations: bool = True
    trainable: bool = False
    nested: bool = False


def has_layers(model: Any) -> bool:
    """Return whether a model's calls are known without running it: a functional one, or a `Sequential`."""
    return getattr(model, "_plan", None) is not None or isinstance(model, Sequential)


def model_view(model: Any, shown: Shown) -> View:
    """Return the boxes and lines of a functional model or a `Sequential`, built or not; any other is one box.

    A layer that a model calls more than once has a box for each call, with "shared" and its number at the corner.
    Weights, buffers and constants have none.

    Args:
        model: the model.
        shown: the lines of the boxes.
    """
    boxes = _Boxes(shown)
    if has_layers(model):
        outputs = boxes.inside(model, boxes.inputs(model), ())
    else:  # one box
        outputs = boxes.call(model.name, model, [], [None])
    ends = {box for box, _ in outputs}
    nodes = tuple(
        node._replace(is_output=True, look="output" if node.look == "op" else node.look) if node.id in ends else node
        for node in boxes.nodes
    )
    layers = len(boxes.layers)
    caption = f"{model.name}: {layers} layer{'' if layers == 1 else 's'}{_parameters(model, ', ')}"
    return View(tuple(node.finish() for node in nodes), tuple(boxes.edges), model.name, (caption,), words=_WORDS)


class _Node(NamedTuple):
    """A box that is not yet known to be an output's."""

    id: str
    look: str
    lines: tuple[str, ...]
    scope: tuple[str, ...]
    badge: str = ""
    is_output: bool = False

    def finish(self) -> ViewNode:
        """Return the box."""
        return ViewNode(
            self.id, self.look, self.lines, "", self.is_output, self.scope, (" · ".join(self.lines),), self.badge
        )


class _Boxes:
    """The boxes and lines that were made so far."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.nodes: list[_Node] = []
        self.edges: list[ViewEdge] = []
        self.layers: set[int] = set()

    def inputs(self, model: Any) -> list[Source]:
        """Make the boxes of a model's inputs, of those that are known."""
        plan = getattr(model, "_plan", None)
        if plan is not None:
            return [
                self.input(name, plan.specs[slot])
                for name, slot in zip(model.input_names, plan.input_slots, strict=True)
            ]
        shape = model._sample_shape if getattr(model, "_sample", None) is None else model._sample
        if shape is None:
            return [(None, None)]
        return [self.input("input", ((None, *shape), str(getattr(model, "_sample_dtype", None) or model.dtype)))]

    def input(self, name: str, spec: Spec) -> Source:
        """Make the box of one input."""
        lines = (name, *([_text_of([spec], self.shown.dtype)] if self.shown.shapes or self.shown.dtype else []))
        return self.box("input", lines, (), []), spec

    def box(
        self, look: str, lines: tuple[str, ...], scope: tuple[str, ...], ins: Sequence[Source], badge: str = ""
    ) -> str:
        """Make a box, and the lines that lead to it."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(_Node(name, look, lines, scope, badge))
        self.edges += [ViewEdge(source, name) for source in dict.fromkeys(source for source, _ in ins) if source]
        return name

    def inside(self, model: Any, ins: Sequence[Source], scope: tuple[str, ...]) -> list[Source]:
        """Make the boxes of a model's layers, and return where its outputs come from."""
        plan = getattr(model, "_plan", None)
        values = dict(zip([0] if plan is None else plan.input_slots, ins, strict=True))
        calls = _calls(model)
        often, seen = Counter(id(layer) for _, layer, _, _ in calls), Counter[int]()
        last = [0]
        for name, layer, reads, last in calls:
            seen[id(layer)] += 1
            shared = f"shared {seen[id(layer)]}/{often[id(layer)]}" if often[id(layer)] > 1 else ""
            outs = [_result_of(layer)] if plan is None else [plan.specs[i] for i in last]
            results = self.call(name, layer, [values[i] for i in reads], outs, scope, shared)
            values |= dict(zip(last, results, strict=True))
        return [values[slot] for slot in (last if plan is None else plan.output_slots)]

    def call(
        self,
        name: str,
        layer: Any,
        ins: Sequence[Source],
        outs: Sequence[Spec],
        scope: tuple[str, ...] = (),
        shared: str = "",
    ) -> list[Source]:
        """Make the box of a call, or the frame of a model with its boxes."""
        nested = has_layers(layer) and bool(layer.layers)
        if nested and self.shown.nested:
            return self.inside(layer, ins, (*scope, f"{name} ({shared})" if shared else name))
        self.layers.add(id(layer))
        badges = [shared] if shared else []
        if self.shown.trainable and layer.built and layer.weights:
            badges.append("trainable" if any(w.requires_grad for w in layer.weights) else "frozen")
        lines = _lines(name, layer, [spec for _, spec in ins], outs, self.shown)
        box = self.box("group" if nested else "op", lines, scope, ins, ", ".join(badges))
        return [(box, spec) for spec in outs]


def _calls(model: Any) -> list[tuple[str, Any, list[int], list[int]]]:
    """Return the name, the layer, and the slots in and out of every call in a model."""
    plan = getattr(model, "_plan", None)
    if plan is None:
        named = [(name, layer) for name, layer in model._in_keras_order() if isinstance(layer, Module)]
        return [(name, layer, [i], [i + 1]) for i, (name, layer) in enumerate(named)]
    inputs = {i for i in plan.input_slots if i in plan.sources}
    return [(m.name, m, ins, outs) for m, ins, outs in plan.calls() if ins or not inputs.intersection(outs)]


# ---- words ----------------------------------------------------------------------------------------------------------


def _lines(name: str, layer: Any, ins: Sequence[Spec], outs: Sequence[Spec], shown: Shown) -> tuple[str, ...]:
    """Return what a box says: the name; the type, activation and number of parameters; the shapes."""
    kind = _type_of(layer)
    facts = [] if kind == "Operation" else [kind]
    if shown.activations and (activation := _activation_of(layer)):
        facts.append(activation)
    count = _parameters(layer)
    head, rest = (name, facts) if shown.names or not facts else (facts[0], facts[1:])
    lines = [head, " · ".join([*rest, *([count] if count else [])])]
    if shown.shapes and any((*ins, *outs)):
        lines.append(f"{_text_of(ins) or '?'} → {_text_of(outs, shown.dtype)}")
    elif shown.dtype:
        lines.append(", ".join(spec[1] if spec else "?" for spec in outs))
    return tuple(line for line in lines if line)


def _text_of(specs: Sequence[Spec], dtype: bool = False) -> str:
    """Return shapes as text, and their dtypes."""
    texts = ["?" if spec is None else f"{spec[0]} {spec[1]}" if dtype else f"{spec[0]}" for spec in specs]
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{len(texts)} × {texts[0]}"
    return ", ".join(texts if len(texts) < 5 else [*texts[:3], f"… {len(texts) - 3} more"])


def _type_of(layer: Any) -> str:
    """Return the class of a layer, and of the layer that it wraps."""
    inner = next((part for part in (getattr(layer, key, None) for key in ("layer", "forward_layer")) if part), None)
    kind = type(layer).__name__
    return f"{kind}({type(inner).__name__})" if isinstance(inner, Module) else kind


def _activation_of(layer: Any) -> str:
    """Return the name of a layer's activation, or "" if it has none that changes anything."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        return ""
    name = getattr(activation, "__name__", None) or getattr(activation, "name", type(activation).__name__)
    return "" if name == "linear" else str(name)


def _parameters(layer: Any, before: str = "") -> str:
    """Return the number of a layer's parameters as text, or "" if it has none or is not built."""
    try:
        count = layer.count_params()
    except ValueError:
        return ""
    return f"{before}{count:,} parameter{'' if count == 1 else 's'}" if count else ""


def _result_of(layer: Any) -> Spec:
    """Return the shape and dtype of a layer's result, or None if the shape is not known."""
    shape, plan = getattr(layer, "output_shape", None), getattr(layer, "_plan", None)
    if shape is None and plan is not None:
        spec: Spec = plan.specs[plan.output_slots[0]]
        return spec
    return None if shape is None else (shape, str(getattr(layer, "dtype", None) or "float32"))
