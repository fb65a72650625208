"""Why a derivative rule is what it is, in a sentence for readers who see the chain rule for the first time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ....ir.graph_node import GraphNode

# {x} is the argument, {other} the other operand, {out} the result, {n} the number of elements for one of the result.
_CHOSEN = "the operand that was chosen gets g, the other 0; where both are equal they share it"
_MOVED = "the elements only change places, and g goes the same way back"
_WINDOWS: Mapping[str, str | tuple[str, ...]] = {
    "convolution": (
        "each element of {x} was in all windows over it, each time next to other elements of {other}; so it gets "
        "the g of those windows, times the same elements",
        "each element of {x} was multiplied with one element of every window of {other}; so it gets those elements, "
        "times the g of their windows, added up",
    ),
    "convolution_input": (
        "each element of {x} was spread over a window, times {other}; so it gathers the g of that window, times the "
        "same elements",
        "each element of {x} was multiplied with all of {other}; so it gets those elements, times the g of the places "
        "where the products went, added up",
    ),
    "full_convolution": "each element of {x} met all of {other}; so it gets the g of their products, times the same",
    "valid_convolution": "each element of {x} met those of {other} that a result is made of; so it gets the g of their "
    "products, times the same",
    "window_max": "only the largest element of each window counts, the first among equals; one that is the largest of "
    "several windows gets the sum of their g",
    "window_sum": "an element counts once in each window over it, so it gets the sum of their g",
}
_BACK = (
    "the chain rule goes from the last step to the first: the state of a step gets its own g and what the step after "
    "it hands back, and passes both to what {x} gave to that step"
)
_SEQUENCES: Mapping[str, str] = {
    **dict.fromkeys(("lstm", "gru", "simple_rnn"), _BACK),
    "cumprod": "an element is a factor of its own and of every later product",
    "running_extreme": "the extreme so far gets the g of every step for which it was so; equals share it evenly",
    "recurrence": "what one step hands on, all later ones do too, so g is gathered from the end",
}
_MEASURES: Mapping[str, str | tuple[str, ...]] = {
    "var": "an element counts by twice its distance from the mean, over their number: raising one above the mean "
    "spreads them, raising one below draws them together",
    "std": "the variance grows by twice an element's distance from the mean, over their number, and its root by "
    "that over twice the root",
    "vector_norm": "the norm grows most along {x} itself: for the Euclidean one the slope is {x} / {out}, a vector of "
    "length 1",
    "logsumexp": "each element counts by its share in the sum of exponentials, so the shares of g are a softmax",
}
_TURNS = "the vectors turn toward each other, the faster the closer their values are"
_MATRICES: Mapping[str, str | tuple[str, ...]] = {
    "solve": (
        "a change of {x} adds that change times {out}, which the solution must undo: so the same as for the right "
        "side, times minus {out}",
        "the solution is the inverse of {other} times {x}, so g goes through the inverse, transposed, which is to "
        "solve another system",
    ),
    "inv": "a change of {x} changes its inverse by minus inverse times change times inverse; so g goes between two "
    "inverses, transposed",
    "det": "each element counts by its cofactor, the determinant without its row and column, up to the sign",
    "slogdet": "the log of a determinant grows by the sum of the inverse's elements, transposed, times the changes",
    "cholesky": "{out} times its transpose is {x} and stays so: that equation, differentiated, is solved by triangles",
    "qr": "the columns of Q stay orthonormal and R stays a triangle: both say how a change of {x} is shared between "
    "them",
    "qr_r": "R, transposed, times R is {x}, transposed, times {x} and stays so, and R stays a triangle",
    "svd": "a singular value grows by its left vector times the change of {x} times its right one; " + _TURNS,
    "svdvals": "a singular value grows by its left vector times the change of {x} times its right one; so its g is "
    "multiplied with these two vectors",
    "eigh": "an eigenvalue grows by its vector times the change of {x} times the vector; " + _TURNS,
    "eigvalsh": "an eigenvalue grows by its vector times the change of {x} times the vector; so its g is multiplied "
    "with the vector twice",
    "eig": "an eigenvalue grows by its left vector, a row of the inverse of all vectors, times the change of {x} times "
    "its vector; " + _TURNS,
    "eigvals": "an eigenvalue grows by its left vector, a row of the inverse of all vectors, times the change of {x} "
    "times its vector",
    "pinv": "it is the inverse where {x} has one: minus pseudoinverse times change times pseudoinverse; the other "
    "terms are for the rows and columns that {x} does not reach",
    "lstsq": (
        "a change of {x} changes what is fitted and what is left over: one term for the solution, one for the residual",
        "the solution is the pseudoinverse of {other} times {x}, so g goes through the pseudoinverse, transposed",
    ),
    "cross": "the cross product is linear in {x}, so g is crossed with {other}",
    "diagonal": "the elements of the diagonal get g, all others 0",
    "on_diagonal": "each element fetches the g of its place on the diagonal",
    **dict.fromkeys(("tril", "triu"), "g passes in the triangle that was kept, and nowhere else"),
}
_TRANSFORM = (
    "a Fourier transform is linear: each result is a sum of all elements times points of the unit circle; so g goes "
    "through the transposed sums, which are a transform again"
)
_SAID: Mapping[str, str | tuple[str, ...]] = {
    "add": "in a sum each term changes the result one for one",
    "subtract": ("it changes the result one for one", "it is subtracted: as much as {x} grows, {out} shrinks"),
    "multiply": "in a product {x} counts as much as what it is multiplied with, {other}",
    "divide": (
        "dividing by {other} divides every change by it",
        "the larger the divisor {x}, the nearer to 0 is {out}",
    ),
    "negative": "the sign flips, and so does that of g",
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
    "gather": "the elements that were picked get g, all others 0; one picked several times gets the sum",
    "take_along_axis": "the elements that were picked get g, all others 0",
    "scatter_add": "each element went to one place, and fetches the g of that place",
    "index_update": (
        "overwritten elements no longer have any influence",
        "each new element fetches the g of its place",
    ),
    "array": "each part takes its own piece of g",
    "concatenate": "each part takes its own piece of g",
    "pad": "the padding is constant, so it is cut off",
    "astype": "only the dtype changed",
    "relu": "a gate: open (1) where the result is positive, closed (0) elsewhere",
    "where": "an element gets g where it was chosen, and 0 elsewhere",
    "maximum": _CHOSEN,
    "minimum": _CHOSEN,
    "clip": "g passes where the value was within the bounds",
    "power": (
        "the exponent comes down as a factor, and is one less above",
        "the slope with respect to the exponent has the log of {other}",
    ),
    "sqrt": "the slope of a root is 1 over twice the root",
    "exp": "exp is its own derivative, so the slope is the result itself",
    "tanh": "the slope is steepest (1) where the result is 0, and fades to 0 toward -1 and 1",
    "sigmoid": "the slope is at most 1/4, and fades to 0 toward 0 and 1",
    "square": "the slope of a square is twice its base",
    "log": "the slope of the logarithm is 1/{x}",
    "absolute": "the slope is -1 or 1, the sign of {x}",
    "softmax": "the results sum to 1, so raising one lowers the others: hence the difference from a weighted mean of g",
    "standardize": "every row keeps its mean and its length, so the part of g that changes these two is taken away, "
    "and the rest is scaled as {x} was",
    "log_softmax": "a log of shares: raising one element lowers all others in proportion to their shares",
    "cumsum": "an element counts in its own and in every later sum, so g is summed from the end",
    "einsum": "g takes the place of the result in the subscripts",
    "contract": "g takes the place of the result in the subscripts",
    "conjugate": "the imaginary part changed its sign, and so does that of g",
    "real": "only the real part counts",
    **_WINDOWS,
    **_SEQUENCES,
    **_MEASURES,
    **_MATRICES,
    **dict.fromkeys(("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"), _TRANSFORM),
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
    """Return why an op's rule for one argument is what it is; empty if nothing simple can be said.

    Args:
        node: the op.
        argument: the position of the argument.
        arguments: the nodes of all of them; none for an op that is cut off, in a part of a graph.
        name: returns what a node is called.
        flat: the rule is 0 everywhere.
        elementwise: each element of the result comes from one of the argument.
    """
    if flat:
        return "flat: small changes of it do not change the result, so nothing passes"
    if not arguments:
        return ""
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
