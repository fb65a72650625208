"""The chain rule for one graph, step by step and with its numbers: from the loss back to the requested tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from ...core.messages import checked
from ...files.json_codec import as_plain
from ...ir.pure_graph import PureGraph
from ...ir.pure_program import PureProgram
from ...tensors.tensor import Tensor
from .markdown import markdown
from .parts import Story
from .steps import Teller
from .text import text
from .wrt import Wrt, find_question

# Arrays of at most this many elements are written out: by default, and with values=True.
_SMALL, _LARGE = 16, 1000


class Explanation(Story):
    """The explanation of a gradient: see `explain`. Iterating goes through the steps.

    Attributes:
        outputs: the results that are explained, with their names and values.
        forward: the values on the way to them, in the order in which they were computed.
        seeds: the cotangents that the backward pass begins with: 1 for a loss.
        steps: the steps of the backward pass, in order, each an application of a rule.
        gaps: where no gradient flows, and why.
        targets: the tensors whose gradients are explained, with these.
        notes: further remarks, as text, on parts that are left out.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor(2.0, requires_grad=True, name="w")
        >>> explanation = ag.explain(w * w)
        >>> len(explanation.steps)
        2
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        names = ", ".join(target.name for target in self.targets)
        return f"<Explanation of the gradient with respect to {names}: {len(self.steps)} steps>"

    def to_text(self, width: int = 96) -> str:
        """Return the explanation as text, in lines of `width` characters where they can be broken."""
        return text(self, width)

    def to_markdown(self) -> str:
        """Return the explanation as Markdown, with the formulas in LaTeX."""
        return markdown(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as dicts, lists, strings and numbers; complex and non-finite numbers as text."""
        return {"version": 2, **as_plain(self)}

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


@checked
def explain(
    loss: Tensor | Iterable[Tensor] | PureProgram | PureGraph,
    wrt: Wrt = None,
    *,
    values: bool | Literal["auto"] = "auto",
    cotangent: Any = None,
    max_steps: int = 40,
) -> Explanation:
    """Explain a gradient: the chain rule for this graph, one op after another, from the loss back to a tensor.

    Every step shows the op's formula, the cotangent that comes in, the local derivative, the part passed on to the
    argument, sums because of broadcasting, casts, and where contributions of several uses add up.
    The numbers are those of the recorded computation, run again; no gradient is written to any tensor.

    Args:
        loss: one number; several results mean their sum. Or a `Program` or `Graph` with a backward pass; for a Graph
            there are no numbers.
        wrt: the tensor, its name or its id in the graph, or several of these. It may be the result of an operation.
            None for all parameters.
        values: "auto" for numbers in small graphs; True for numbers in any graph, and arrays of up to 1,000 elements
            written out; False for none.
        cotangent: what the backward pass starts with, as in `backward`, if the loss is not a single number.
        max_steps: the middle of a longer chain of steps is left out.

    Returns:
        The explanation: print it, show it in a notebook, or give it to `Graph.to_html`, which plays it.

    Raises:
        GradError: if the loss does not require a gradient, or is not a single number; or if no gradient reaches `wrt`,
            with the reason.
        KeyError: if there is no tensor of that name.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True, name="w")
        >>> print(explain((w * w).sum(), wrt=w))
        How L changes with w
        ====================
        <BLANKLINE>
        L is n2 = sum(n1) = 5
        w is n0, a parameter, (2,) float64
        <BLANKLINE>
        Forward: what was computed on the way
        <BLANKLINE>
            w, parameter   [1, -2]
            n1 = w * w     [1, 4]
            n2 = sum(n1)   5
        <BLANKLINE>
        Backward: the chain rule, one step after the other
        <BLANKLINE>
        It starts with dL/dn2 = 1, since n2 is L itself. Into each step comes g, the derivative of L with
        respect to the result of an op; the op's rule turns it into the derivative with respect to one
        of the op's arguments.
        <BLANKLINE>
        Step 1 of 3: n2 = sum(n1), back to n1
            comes in   g = dL/dn2 = 1
            locally    dn2/dn1 = 1
            why        every element counts once in its sum, so each gets the whole g
            gives      dL/dn1 = g (spread over (2,)) = [1, 1]
        <BLANKLINE>
        Step 2 of 3: n1 = w * w, back to w
            comes in   g = dL/dn1 = [1, 1]
            locally    dn1/dw = w = [1, -2]
            why        in a product w counts as much as what it is multiplied with, w
            gives      g * w = [1, -2]
            adds up    w is used 2 times; this is the first part of dL/dw
        <BLANKLINE>
        Step 3 of 3: n1 = w * w, back to w
            comes in   g = dL/dn1 = [1, 1]
            locally    dn1/dw = w = [1, -2]
            why        in a product w counts as much as what it is multiplied with, w
            gives      g * w = [1, -2]
            adds up    with what n1 contributes: part 2 of 2, that is all of dL/dw = [2, -4]
        <BLANKLINE>
        The gradient with respect to w, which backward() puts into w.grad
            dL/dw = [2, -4]
            is the sum of what its 2 uses contribute:
            step 2     n1 = w * w: [1, -2]
            step 3     n1 = w * w: [1, -2]
    """
    if max_steps < 2:
        raise ValueError(f"explain: expected max_steps of at least 2; received {max_steps}")
    teller = Teller(find_question(loss, wrt, values, cotangent), _LARGE if values is True else _SMALL, max_steps)
    return Explanation(
        teller.outputs(),
        teller.forward(),
        teller.seeds(),
        teller.steps(),
        teller.gaps(),
        teller.targets(),
        teller.notes(),
    )
