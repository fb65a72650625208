"""All calls from a lower layer up to a higher one: typed slots, which the higher layers fill as they are imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Hooks:
    """What higher layers provide. `Mode.watch`, which one block sets and no import, is the only other way up.

    Attributes:
        tensor: the Tensor class, which recording makes instances of; from `tensors.tensor`.
        compiled: `() -> module`, the package `graph.compiled`; from the package itself, which loads it late.
        load_ops: `(name) -> None`, loads the file of `ops` that defines this name, or for None all files; from `ops`
            itself.
        histories: `() -> module`, `control.histories`; from the package itself, which loads it late.
        apply_to_tracers: `(op, inputs, params) -> result`, applies an op to tracers; from `tensors.tracers`.
        backward: `(tensor, cotangent, retain_graph, create_graph) -> None`; from `engine`.
        cycle_error: `(call, arguments by name) -> TypeError | None`, of an argument that contains itself; from `tree`.
        namespace: `() -> module`, that of the array API standard; from the package itself, which loads it late.
        scipy_advice: `() -> sentence`, about the running function of SciPy; "" if there is none; from the package
            itself, which loads `scipy.advice` late.
        stale: the class of views that must be taken anew, see `tensors.views`; from `tensors.tensor`.
        sparse: `() -> (op, x, y) -> result`, which applies an operator to a Tensor and a sparse matrix of SciPy's; from
            the package itself, which loads `sparse.constants` late.
        svg: `(tensor) -> str`, the picture of a tensor's history; from the package itself, which loads `graph` for it.
        transposing: `() -> module`, the one of `functional` with derivatives of functions that are run again; from the
            package itself, which loads it late.
    """

    __slots__ = (
        "apply_to_tracers",
        "backward",
        "compiled",
        "cycle_error",
        "histories",
        "load_ops",
        "namespace",
        "scipy_advice",
        "sparse",
        "stale",
        "svg",
        "tensor",
        "transposing",
    )

    tensor: type[Any]
    apply_to_tracers: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    load_ops: Callable[[str | None], None]
    backward: Callable[[Any, Any, bool, bool], None]
    compiled: Callable[[], Any]
    cycle_error: Callable[[str, Mapping[str, Any]], TypeError | None]
    histories: Callable[[], Any]
    namespace: Callable[[], Any]
    scipy_advice: Callable[[], str]
    sparse: Callable[[], Callable[[Any, Any, Any], Any]]
    stale: type[Any]
    svg: Callable[[Any], str]
    transposing: Callable[[], Any]


HOOKS = Hooks()
