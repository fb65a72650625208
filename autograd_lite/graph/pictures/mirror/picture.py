"""The mirror of a loss in one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from ....core.messages import checked
from ....ir.build import built
from ....ir.program import PureProgram
from ....tensors.tensor import Tensor
from ..folding.fold import ViewOptions
from .svg import mirror_svg


class Picture(str):
    """The text of an SVG, shown as a picture by notebooks."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<SVG of {len(self):,} characters>"


@checked
def mirror(tensors: Tensor | Iterable[Tensor], *, measured: bool = False, **options: Unpack[ViewOptions]) -> Picture:
    """Return the mirror of a loss as SVG: its forward pass, and each derivative rule next to its op.

    Args:
        tensors: the loss, or several results.
        measured: run the backward pass, and show the norms of the gradients.
        options: see `Graph.to_mirror`.

    Returns:
        The text of the picture, as `build_graph(tensors, backward=True).to_mirror()` gives it; a notebook shows it.

    Raises:
        GradError: if no result requires a gradient; with `measured`, if `backward` released what it needs.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
        >>> picture = mirror((w * w).sum(), measured=True)
        >>> "vjp multiply" in picture, "grad (2,) · |g| 4.5" in picture
        (True, True)
    """
    if measured:
        return Picture(mirror_svg(PureProgram.build(tensors, backward=True).measured(), **options))
    return Picture(mirror_svg(built(tensors, backward=True).graph, **options))
