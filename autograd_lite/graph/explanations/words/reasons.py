"""The reasons for derivative rules, each in a sentence for readers who see the chain rule for the first time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .... import ops
from ....core.op import OPS, Op
from ....engine.inner_calls import inner_calls
from ....ir.graph_node import GraphNode

Sentence = str | tuple[str, ...]

# {x} is the argument, {other} the other operand, {out} the result, {n} the number of elements for one of the result.
_CHOSEN = "the operand that was chosen gets g, the other 0; where both are equal they share it"
_MOVED = "the elements only change places, and g goes the same way back"
_WINDOWS: Mapping[Op, Sentence] = {
    ops.windowed.convolution: (
        "each element of {x} was in all windows over it, each time next to other elements of {other}; so it gets the g "
        "of those windows, times the same elements",
        "each element of {x} was multiplied with one element of every window of {other}; so it gets those elements, "
        "times the g of their windows, added up",
    ),
    ops.windowed.convolution_input: (
        "each element of {x} was spread over a window, times {other}; so it gathers the g of that window, times the "
        "same elements",
        "each element of {x} was multiplied with all of {other}; so it gets those elements, times the g of the places "
        "where the products went, added up",
    ),
    ops.convolve.full_convolution: "each element of {x} met all of {other}; so it gets the g of their products, times "
    "the same",
    ops.convolve.valid_convolution: "each element of {x} met those of {other} that a result is made of; so it gets the "
    "g of their products, times the same",
    ops.pooling.window_max: "only the largest element of each window counts, the first among equals; one that is the "
    "largest of several windows gets the sum of their g",
    ops.pooling.window_take: "the largest element of each window was taken, and gets the g of that window",
    ops.pooling.window_put: "each value went to the largest element of its window, and fetches the g of that place",
    ops.pooling.window_sum: "an element counts once in each window over it, so it gets the sum of their g",
}
_BACK = (
    "the chain rule goes from the last step to the first: the state of a step gets its own g and what the step after "
    "it hands back, and passes both to what {x} gave to that step"
)
_SEQUENCES: Mapping[Op, str] = {
    **dict.fromkeys((ops.lstm.lstm, ops.gru.gru, ops.simple_rnn.simple_rnn), _BACK),
    **dict.fromkeys(
        (ops.lstm.lstm_adjoint, ops.gru.gru_adjoint, ops.simple_rnn.simple_rnn_adjoint),
        "a backward pass from the last step to the first, so its own goes from the first to the last",
    ),
    ops.cumulative.cumprod: "an element is a factor of its own and of every later product",
    ops.cumulative.running_extreme: "the extreme so far gets the g of every step for which it was so; equals share it "
    "evenly",
    ops.cumulative.recurrence: "what one step hands on, all later ones do too, so g is gathered from the end",
}
_MEASURES: Mapping[Op, Sentence] = {
    ops.reduce.var: "an element counts by twice its distance from the mean, over their number: raising one above the "
    "mean spreads them, raising one below draws them together",
    ops.reduce.std: "the variance grows by twice an element's distance from the mean, over their number, and its root "
    "by that over twice the root",
    ops.norms.vector_norm: "the norm grows most along {x} itself: for the Euclidean one the slope is {x} / {out}, a "
    "vector of length 1",
    ops.softmax.logsumexp: "each element counts by its share in the sum of exponentials, so the shares of g are a "
    "softmax",
}
_TURNS = "the vectors turn toward each other, the faster the closer their values are"
_MATRICES: Mapping[Op, Sentence] = {
    ops.solve.solve: (
        "a change of {x} adds that change times {out}, which the solution must undo: so the same as for the right "
        "side, times minus {out}",
        "the solution is the inverse of {other} times {x}, so g goes through the inverse, transposed, which is to "
        "solve another system",
    ),
    ops.solve.det: "each element counts by its cofactor, the determinant without its row and column, up to the sign",
    ops.solve.sign_and_logdet: "the log of a determinant grows by the sum of the inverse's elements, transposed, times "
    "the changes",
    ops.decompose.cholesky: "{out} times its transpose is {x} and stays so: that equation, differentiated, is solved "
    "by triangles",
    ops.decompose.q_and_r: "the columns of Q stay orthonormal and R stays a triangle: both say how a change of {x} is "
    "shared between them",
    ops.decompose.triangle_of_qr: "R, transposed, times R is {x}, transposed, times {x} and stays so, and R stays a "
    "triangle",
    ops.decompose.factors_of_svd: "a singular value grows by its left vector times the change of {x} times its right "
    "one; " + _TURNS,
    ops.decompose.svdvals: "a singular value grows by its left vector times the change of {x} times its right one; so "
    "its g is multiplied with these two vectors",
    ops.eigen.eigenvalues_and_vectors: "an eigenvalue grows by its vector times the change of {x} times the vector; "
    + _TURNS,
    ops.eigen.eigvalsh: "an eigenvalue grows by its vector times the change of {x} times the vector; so its g is "
    "multiplied with the vector twice",
    ops.eigen.eigenvalues_and_vectors_of_any: "an eigenvalue grows by its left vector, a row of the inverse of all "
    "vectors, times the change of {x} times its vector; " + _TURNS,
    ops.eigen.eigvals: "an eigenvalue grows by its left vector, a row of the inverse of all vectors, times the change "
    "of {x} times its vector",
    ops.lstsq.pinv: "it is the inverse where {x} has one: minus pseudoinverse times change times pseudoinverse; the "
    "other terms are for the rows and columns that {x} does not reach",
    ops.lstsq.least_squares: (
        "a change of {x} changes what is fitted and what is left over: one term for the solution, one for the residual",
        "the solution is the pseudoinverse of {other} times {x}, so g goes through the pseudoinverse, transposed",
    ),
    ops.matrix_products.cross: "the cross product is linear in {x}, so g is crossed with {other}",
    ops.diagonals.diagonal: "the elements of the diagonal get g, all others 0",
    ops.diagonals.on_diagonal: "each element fetches the g of its place on the diagonal",
    **dict.fromkeys(
        (ops.solve.inv, ops.solve.inverse_or_limit, ops.solve.triangle_inverse),
        "a change of {x} changes its inverse by minus inverse times change times inverse; so g goes between two "
        "inverses, transposed",
    ),
    **dict.fromkeys(
        (ops.solve.cofactor, ops.solve.second_cofactor),
        "a cofactor is a determinant of a part of {x}, so each element counts by its own cofactor in it",
    ),
    ops.decompose.cholesky_pullback: "a product of triangles and their inverses with {x}: g goes through each factor "
    "in turn",
    ops.eigen.used_vectors: "the vectors pass as they are, and so does g",
    ops.eigen.eigenvector_change: "each column is a solution of a symmetric system, and g goes through the same one",
    ops.eigen.divide_by_gaps: (
        "every element was divided by a difference of two values, and so is its g",
        "the wider the gap between two values, the smaller is the quotient; both ends of the gap share g",
    ),
    **dict.fromkeys(
        (ops.diagonals.tril, ops.diagonals.triu), "g passes in the triangle that was kept, and nowhere else"
    ),
}
REASONS: Mapping[Op, Sentence] = {
    ops.arith.add: "in a sum each term changes the result one for one",
    ops.arith.subtract: ("it changes the result one for one", "it is subtracted: as much as {x} grows, {out} shrinks"),
    ops.arith.multiply: "in a product {x} counts as much as what it is multiplied with, {other}",
    ops.arith.divide: (
        "dividing by {other} divides every change by it",
        "the larger the divisor {x}, the nearer to 0 is {out}",
    ),
    ops.arith.negative: "the sign flips, and so does that of g",
    ops.arith.positive: "nothing was changed",
    ops.shape.copy: "a copy changes as the original does",
    ops.matrix_products.matmul: "each element of {x} was multiplied with elements of {other}, so g is too, and what "
    "results is added up",
    ops.reduce.sum_: "every element counts once in its sum, so each gets the whole g",
    ops.reduce.mean: "each of the {n} elements of a mean counts 1/{n}",
    ops.reduce.prod: "an element counts as much as the product of all the others",
    ops.reduce.max_: "only the largest element counts; several that are equal share g",
    ops.reduce.min_: "only the smallest element counts; several that are equal share g",
    ops.shape.reshape: _MOVED,
    ops.shape.transpose: _MOVED,
    ops.shape.broadcast_to: "every copy of an element has its share, and the shares are added up",
    ops.index.getitem: "the elements that were picked get g, all others 0; one picked several times gets the sum",
    ops.gather.gather: "the elements that were picked get g, all others 0; one picked several times gets the sum",
    ops.selection.take_along_axis: "the elements that were picked get g, all others 0",
    **dict.fromkeys(
        (ops.index.scatter_add, ops.gather.gather_adjoint, ops.selection.add_along_axis),
        "each element went to one place, and fetches the g of that place",
    ),
    ops.index.index_update: (
        "overwritten elements no longer have any influence",
        "each new element fetches the g of its place",
    ),
    ops.nested_array.array: "each part takes its own piece of g",
    ops.shape.concatenate: "each part takes its own piece of g",
    ops.shape.pad_constant: "the padding is constant, so it is cut off",
    ops.zero_mask.zero_mask: "a mask only sets elements to 0, and does the same to g",
    ops.shape.astype: "only the dtype changed",
    ops.elementwise_activations.relu: "a gate: open (1) where the result is positive, closed (0) elsewhere",
    ops.selection.where: "an element gets g where it was chosen, and 0 elsewhere",
    ops.selection.maximum: _CHOSEN,
    ops.selection.minimum: _CHOSEN,
    ops.selection.clip: "g passes where the value was within the bounds",
    ops.arith.power: (
        "the exponent comes down as a factor, and is one less above",
        "the slope with respect to the exponent has the log of {other}",
    ),
    ops.arith.sqrt: "the slope of a root is 1 over twice the root",
    ops.explog.exp: "exp is its own derivative, so the slope is the result itself",
    ops.trig.tanh: "the slope is steepest (1) where the result is 0, and fades to 0 toward -1 and 1",
    ops.elementwise_activations.sigmoid: "the slope is at most 1/4, and fades to 0 toward 0 and 1",
    ops.arith.square: "the slope of a square is twice its base",
    ops.explog.log: "the slope of the logarithm is 1/{x}",
    ops.arith.absolute: "the slope is -1 or 1, the sign of {x}",
    ops.standardize.standardize_pullback: "a derivative rule, made of products and means along an axis: g goes back "
    "through each of them",
    ops.softmax.softmax: "the results sum to 1, so raising one lowers the others: hence the difference from a weighted "
    "mean of g",
    ops.standardize.standardize: "every row keeps its mean and its length, so the part of g that changes these two is "
    "taken away, and the rest is scaled as {x} was",
    ops.softmax.log_softmax: "a log of shares: raising one element lowers all others in proportion to their shares",
    ops.cross_entropy.cross_entropy: "the share of each class pushes it down, and the label is pushed up by 1",
    ops.cross_entropy.cross_entropy_pullback: "shares less 1 at the label are scaled by {x}, and a share of itself is "
    "how fast it grows",
    ops.cumulative.cumsum: "an element counts in its own and in every later sum, so g is summed from the end",
    ops.contract.contract: "g takes the place of the result in the subscripts",
    ops.arith.conjugate: "the imaginary part changed its sign, and so does that of g",
    ops.complexes.real: "only the real part counts",
    **_WINDOWS,
    **_SEQUENCES,
    **_MEASURES,
    **_MATRICES,
    **dict.fromkeys(
        (ops.fourier.fft, ops.fourier.ifft, ops.fourier.rfft, ops.fourier.irfft, ops.fourier.hfft, ops.fourier.ihfft),
        "a Fourier transform is linear: each result is a sum of all elements times points of the unit circle; so g "
        "goes through the transposed sums, which are a transform again",
    ),
}
# What an op inherits that states nothing: by the kind of its rule.
_ELEMENTWISE = "element by element: g times the slope of {op} at that element"
_LINEAR = "it is linear in {x}, so g goes the same way back, through the transposed map"
_MULTILINEAR = "it is linear in {x} while {other} is held, so g goes back through the transpose of that map"


_COMPOSED = "inside, it is {calls}: the chain rule goes back through them, from the last to the first"


def sentence_of(op: Op | None, inputs: Sequence[Any] = (), params: Mapping[str, Any] | None = None) -> Sentence:
    """Return the reason for the rules of an op, for all arguments or each: stated, or inherited.

    Args:
        op: the record.
        inputs, params: of a call, if there are values: an op inherits its composition from the NumPy calls in its
            forward function.
    """
    if op is None:
        return ""
    if op in REASONS:
        return REASONS[op]
    if op.is_elementwise:
        return _ELEMENTWISE
    if op.linear or op.multilinear:
        return _LINEAR if op.linear else _MULTILINEAR
    if OPS.defined.get(op.name) is not op:  # functions of users are not run again
        return getattr(getattr(op.forward, "__self__", None), "reason", "")
    names = list(dict.fromkeys(call.op.name for call in inner_calls(op, inputs, dict(params or {}))))
    return _COMPOSED.replace("{calls}", ", ".join(names)) if names else ""


def reason(
    node: GraphNode,
    argument: int,
    arguments: Sequence[GraphNode],
    name: Callable[[GraphNode], str],
    *,
    sentence: Sentence = "",
    flat: bool = False,
) -> str:
    """Return the reason for an op's rule for one argument; empty if nothing simple can be said.

    Args:
        node: the call of the op.
        argument: the position of the argument.
        arguments: the nodes of all of them; none for an op that is cut off, in a part of a graph.
        name: returns the name of a node.
        sentence: what `sentence_of` says of the op.
        flat: the rule is 0 everywhere.
    """
    if flat:
        return "flat: small changes of it do not change the result, so nothing passes"
    if not arguments:
        return ""
    others = [a for i, a in enumerate(arguments) if i != argument]
    drawn = next((a for a in others if a.op.startswith("random_")), None)
    if node.op == ops.arith.multiply.name and drawn is not None:
        return f"{name(drawn)} was drawn at random and is kept: where it was 0, nothing passes"
    into = arguments[argument]
    if node.op == ops.arith.absolute.name and into.dtype.kind == "c":
        return f"a change counts as far as it points away from 0, in the direction of {name(into)}"
    if isinstance(sentence, tuple):
        sentence = sentence[min(argument, len(sentence) - 1)]
    return sentence.format(
        x=name(into),
        other=name(others[0]) if others else name(into),
        out=name(node),
        op=node.op,
        n=into.size // max(node.size, 1),
    )
