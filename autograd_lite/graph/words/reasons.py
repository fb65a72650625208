"""Why a derivative rule is what it is, in a sentence for readers who see the chain rule for the first time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..parts import GraphNode

__all__ = ["reason"]

# {x} is the argument, {other} the other operand, {out} the result, {n} how many elements went into one of the result.
_CHOSEN = "the operand that was chosen gets g, the other 0; where both are equal they share it"
_MOVED = "the elements only change places, and g goes the same way back"
_SAID: Mapping[str, str | tuple[str, ...]] = {
    "add": "in a sum each term changes the result one for one",
    "subtract": ("it changes the result one for one", "it is subtracted: as much as {x} grows, {out} shrinks"),
    "multiply": "in a product {x} counts as much as what it is multiplied with, {other}",
    "divide": (
        "dividing by {other} divides every change by it",
        "the larger the divisor {x}, the nearer to 0 is {out}",
    ),
    "negative": "the sign is turned round, and so is that of g",
    "positive": "nothing was changed",
    "copy": "a copy changes as the original does",
    "matmul": "each element of {x} was multiplied with elements of {other}, so g is too, and what results is added up",
    "sum": "every element counts once in its sum, so each gets the whole g",
    "mean": "each of the {n} elements of a mean counts 1/{n}",
    "prod": "an element counts as much as the product of all the others",
    "max": "only the largest element counts; several that are equal share g",
    "min": "only the smallest element counts; several that are equal share g",
    "reshape": _MOVED,
    "transpose": _MOVED,
    "broadcast_to": "every copy of an element has its share, and the shares are added up",
    "getitem": "the elements that were picked get g, all others 0; one picked several times gets the sum",
    "take_along_axis": "the elements that were picked get g, all others 0",
    "scatter_add": "each element went to one place, and fetches the g of that place",
    "index_update": (
        "elements that were overwritten have no influence any more",
        "each new element fetches the g of its place",
    ),
    "concatenate": "each part takes its own piece of g",
    "pad": "the padding is constant, so it is cut off",
    "astype": "only the dtype changed",
    "relu": "a gate: open (1) where the result is positive, closed (0) elsewhere",
    "where": "an element gets g where it was chosen, and 0 elsewhere",
    "maximum": _CHOSEN,
    "minimum": _CHOSEN,
    "clip": "g passes where the value lay within the bounds",
    "power": (
        "the exponent comes down as a factor, and is one less above",
        "the slope by the exponent has the log of {other}",
    ),
    "sqrt": "the slope of a root is 1 over twice the root",
    "exp": "exp is its own derivative, so the slope is the result itself",
    "tanh": "the slope is steepest (1) where the result is 0, and fades to 0 toward -1 and 1",
    "sigmoid": "the slope is at most 1/4, and fades to 0 toward 0 and 1",
    "square": "the slope of a square is twice its base",
    "log": "the slope of the logarithm is 1/{x}",
    "absolute": "the slope is -1 or 1, the sign of {x}",
    "softmax": "the results sum to 1, so raising one lowers the others: hence the difference from a weighted mean of g",
    "log_softmax": "a log of shares: raising one element lowers all others in proportion to their shares",
    "cumsum": "an element counts in its own and in every later sum, so g is summed from the end",
    "einsum": "g takes the place of the result in the subscripts",
    "contract": "g takes the place of the result in the subscripts",
    "conjugate": "the imaginary part was turned round, and that of g is turned back",
    "real": "only the real part counts",
}
_ELEMENTWISE = "element by element: g times the slope of {op} at that element"


def reason(
    node: GraphNode,
    argument: int,
    arguments: Sequence[GraphNode],
    name: Callable[[GraphNode], str],
    *,
    flat: bool = False,
    elementwise: bool = False,
) -> str:
    """Return why an op's rule for one argument is what it is; empty where nothing simple can be said.

    Args:
        node: the op.
        argument: the position of the argument.
        arguments: the nodes of all of them.
        name: how nodes are called.
        flat: the rule says 0 everywhere.
        elementwise: each element of the result is made from one of the argument.
    """
    if flat:
        return "flat: small changes of it do not change the result, so nothing passes"
    others = [a for i, a in enumerate(arguments) if i != argument]
    drawn = next((a for a in others if a.op.startswith("random_")), None)
    if node.op == "multiply" and drawn is not None:
        return f"{name(drawn)} was drawn at random and is kept: where it was 0, nothing passes"
    into = arguments[argument]
    if node.op == "absolute" and into.dtype.kind == "c":
        return f"a change counts as far as it points away from 0, in the direction of {name(into)}"
    said = _SAID.get(node.op, _ELEMENTWISE if elementwise else "")
    if isinstance(said, tuple):
        said = said[min(argument, len(said) - 1)]
    return said.format(
        x=name(into),
        other=name(others[0]) if others else name(into),
        out=name(node),
        op=node.op,
        n=into.size // max(node.size, 1),
    )
