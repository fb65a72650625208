"""Shared by the notebooks of the course: blanks to fill in, checks that say what is left to do, hints on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

# Of each exercise hints, from a nudge to nearly the answer; the solution is folded below the check.
HINTS = {
    "numeric_slope": (
        "A slope is a rise over a run. How far apart are the two points of the formula?",
        "The rise is f(x + h) - f(x - h), and the run is 2 * h.",
    ),
    "Value": (
        "An operation makes a new Value. What is its number, and which two values was it computed from?",
        "The constructor takes both: Value(number, (first parent, second parent)).",
        "The sum is self.data + other.data, and its parents are (self, other). The product is made likewise.",
    ),
    "slopes": (
        "Hold b still in a * b, and move a by 1: how far does the product move?",
        "The slopes of a * b are b for the first parent, and a for the second: numbers, so take their .data.",
        "tanh has one parent, so both tuples have one entry. With t = math.tanh(self.data), the slope is 1 - t * t.",
    ),
    "slope_along": (
        "Begin with a slope of 1.0, and go from y to its first parent, again and again, until you are at x.",
        "In each step the slope is multiplied by y.slopes[0], and y becomes y.parents[0].",
    ),
    "backward": (
        "There are two parts: an order of all values, then one walk through it from the end.",
        "For the order, visit the parents of a value first, each once (keep a set), and append the value after them.",
        "In the walk, each value has its whole grad already. It adds slope * value.grad to the grad of every parent.",
        "Before the walk all grads are 0.0, but for y, whose grad is 1.0.",
    ),
    "RULES": (
        "One row at a time: the operation, then how fast the result y changes with each parent, the others still.",
        "a / b changes by 1 / b with a; with b it changes by -a / b**2, which is -y / b.",
        "a**b changes by b * a ** (b - 1) with a, and by y * log(a) with b. exp is its own slope, log has 1 / a.",
    ),
    "rules": (
        "A report says by which factor you are wrong. If it is -1, a sign is missing.",
        "The derivative of the square root is 1 / (2 * sqrt(a)), and y is sqrt(a) already.",
        "The cosine falls where the sine is positive.",
    ),
    "operations": (
        "A rule is g times the slope, and the slopes are those of your table in step 5.",
        "sub sends -g to its second parent; mul sends g * b to the first, and g * a to the second.",
        "relu lets g through where a > 0, and nothing elsewhere: multiply by a > 0, which counts as 1 and 0.",
    ),
    "fit": (
        "Sum over the axes that shape lacks first: how many are in front of it?",
        "g.sum(axis=tuple(range(n))) sums over the first n axes; n is g.ndim - len(shape).",
        "What is left has as many axes as shape. Sum with keepdims=True over those that have length 1 in shape alone.",
    ),
    "matmul": (
        "g has the shape of a @ b. Which product of g and b has the shape of a? And of a and g the shape of b?",
        "The sum over j of G[i, j] * B[k, j] is the product of G with the transpose of B. Transpose with .T.",
        "The sum sends g to every entry of a: an array of a's shape that is full of g.",
    ),
    "logsumexp": (
        "Take out the largest score of each row: a.max(axis=-1, keepdims=True).",
        "log(sum(exp(a))) is top + log(sum(exp(a - top))), and no exponent is above 0 any more.",
        "The softmax is exp(a) / sum(exp(a)), and sum(exp(a)) is exp(y). So the slope is exp(a - y); times g.",
    ),
    "step": (
        "The loss knows its history: what did you write in step 4 to fill in every grad?",
        "After loss.backward(), each parameter p has p.grad. Walk downhill: against the gradient, not along it.",
    ),
    "yours": (
        "Your engine takes gradients by Tensors, so the four arrays must be Tensors first.",
        "loss_of(Tensor(x), wanted, parameters) is the loss. Its backward() fills in the grads of the parameters.",
    ),
}
_NEXT: dict[str, int] = {}


class YourTurn(NotImplementedError):
    """Raised where something is still to be written. A notebook shows its text alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def your_turn(*parts: object) -> NoReturn:
    """Mark what is to be written: replace the call by code of yours."""
    raise YourTurn("Here is something to write first: replace your_turn() by code of yours.")


@contextmanager
def check(exercise: str) -> Iterator[None]:
    """Run the check of an exercise, and if it fails, say what is left to do.

    Args:
        exercise: its name in `HINTS`.

    Raises:
        YourTurn: if a blank is left.
    """
    stuck = (
        f'Stuck? hint("{exercise}") in a cell of its own gives one hint after another. The solution is folded below.'
    )
    try:
        yield
    except Exception as error:
        if not _is_blank(error):
            error.add_note(f"\nNot quite yet. {stuck}")
            raise
    else:
        return
    raise YourTurn(
        f"Your turn: an exercise begins here, {exercise}, and there is a blank in it.\n"
        f"Replace your_turn() above by code of yours, run that cell, then this one.\n{stuck}"
    )


def _is_blank(error: BaseException | None) -> bool:
    """Return whether an error comes from a blank."""
    while error is not None and not isinstance(error, YourTurn):
        error = error.__cause__ or error.__context__
    return error is not None


def hint(exercise: str) -> None:
    """Print the next hint of an exercise; after the last, the first again.

    Args:
        exercise: its name.

    Raises:
        ValueError: if there is none of that name.
    """
    if exercise not in HINTS:
        raise ValueError(f"hint: expected one of {', '.join(HINTS)}; received {exercise!r}")
    hints = HINTS[exercise]
    number = _NEXT.get(exercise, 0) % len(hints)
    _NEXT[exercise] = number + 1
    print(f"Hint {number + 1} of {len(hints)}: {hints[number]}")
