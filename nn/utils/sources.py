"""From a symbol back to the inputs that it is made of."""

from __future__ import annotations

from ..config.arguments import argument_error, checked
from ..models.plan import call_inputs, is_input
from ..module.symbols import Symbol


@checked
def get_source_inputs(tensor: Symbol) -> list[Symbol]:
    """Return the inputs from which a symbol is computed, each once, in the order in which they are met.

    Args:
        tensor: a symbol of the functional model, such as `nn.Input` or a layer called on one returns.

    Raises:
        TypeError: if it is not a symbol.

    Example:
        >>> import nn
        >>> a, b = nn.Input((2,), name="a"), nn.Input((2,), name="b")
        >>> [symbol.name for symbol in get_source_inputs(nn.layers.Dense(1)(b + a) * 2)]
        ['b', 'a']
    """
    if not isinstance(tensor, Symbol):
        raise argument_error(
            TypeError, "get_source_inputs", "tensor", "a symbol, such as a layer returns for nn.Input", tensor
        )
    pending, seen, inputs = [tensor], set[Symbol](), []
    while pending:
        symbol = pending.pop()
        if symbol in seen:
            continue
        seen.add(symbol)
        if is_input(symbol):
            inputs.append(symbol)
        pending += reversed(call_inputs(symbol.call))
    return inputs
