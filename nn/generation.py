"""Sequences from a model of the next token: drawing one token, and continuing a prompt token by token.

Shape letters: N sequences, T tokens, K tokens of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Generator, Tensor
from autograd_lite.arrays import to_numpy
from autograd_lite.extend import checked

from .layers import RNN

__all__ = ["generate", "sample"]
__dir__ = __all__.copy

Integers = npt.NDArray[np.int64]


@checked
def sample(
    logits: npt.ArrayLike | Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> Integers:
    """Draw classes from the distribution given by logits: P(k) is proportional to exp(logits[k] / temperature).

    Classes that `top_k`, and then `top_p`, leave out have probability 0.

    Args:
        logits: shape (..., K), of any floating dtype; -inf for a class that must not be drawn. Probabilities p are
            given as np.log(p).
        temperature: at least 0. Below 1 likely classes become more likely, above 1 less so; 0 takes the largest logit,
            or the first of equal ones.
        top_k: draw only from this many largest logits, at least 1; ties with the last of them are included.
        top_p: draw only from the smallest set of most likely classes with this total probability; above 0, up to 1.
        generator: to draw from; by default the default generator, which `nn.set_seed` sets.

    Returns:
        int64 array of shape (...).

    Raises:
        ValueError: if an argument is out of range, or some logits are NaN, +inf or all -inf.

    References:
        Holtzman, Buys, Du, Forbes, Choi: The Curious Case of Neural Text Degeneration, 2020, sections 3.1 (top p), 3.2
        (top k) and 3.3 (temperature).

    Example:
        >>> sample([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]], temperature=0)
        array([1, 0])
        >>> draws = sample(np.log([[0.5, 0.2, 0.3]] * 10_000), top_k=2, generator=Generator(0))
        >>> np.bincount(draws) / 10_000
        array([0.625, 0.   , 0.375])
    """
    _check_choice("sample", temperature, top_k, top_p)
    z = to_numpy(logits.data if isinstance(logits, Tensor) else logits)
    if z.ndim == 0 or not z.shape[-1]:
        raise ag.ShapeError(f"sample: expected logits of shape (..., K), K at least 1; received shape {z.shape}")
    z = z.astype(np.float64)
    largest = z.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError(
            f"sample: expected finite logits, or -inf for some of the classes; received rows whose largest is "
            f"{largest[~np.isfinite(largest)][0]}. Look at the model's outputs with autograd_lite.graph.find_nan"
        )
    if temperature == 0:
        return z.argmax(axis=-1)
    with np.errstate(over="ignore"):  # at a tiny temperature the others end at exp(-inf) = 0
        p = np.exp((z - largest) / temperature)
    if top_k is not None and top_k < z.shape[-1]:
        p[z < np.partition(z, -top_k, axis=-1)[..., -top_k, None]] = 0
    if top_p is not None:
        p = _nucleus(p, top_p)
    sums = p.cumsum(axis=-1)
    points = 1 - (generator or ag.random.default_generator).bits.random(z.shape[:-1])
    # The first class whose running sum reaches a point of (0, total]: never one of probability 0.
    return (sums < points[..., None] * sums[..., -1:]).sum(axis=-1)


def _nucleus(p: npt.NDArray[np.float64], top_p: float) -> npt.NDArray[np.float64]:
    """Return p with zeros except for the most likely classes that together have the share `top_p`."""
    order = np.argsort(-p, axis=-1, kind="stable")
    falling = np.take_along_axis(p, order, axis=-1)
    before = falling.cumsum(axis=-1) - falling  # the total of the more likely ones
    falling[before >= top_p * p.sum(axis=-1, keepdims=True)] = 0
    result = np.empty_like(p)
    np.put_along_axis(result, order, falling, axis=-1)
    return result


@checked
def generate(
    model: Callable[..., Any],
    prompt: npt.ArrayLike,
    length: int,
    window: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> Integers:
    """Continue sequences token by token, each drawn from the model's prediction for the tokens before it.

    A recurrent network whose layers are `stateful` reads the prompt, then each new token on its own, since its states
    know what came before. Any other model rereads the last `window` tokens at each step. `stateful` may be set after
    training: `model.get_layer("lstm").stateful = True`. Such layers get their previous states back at the end.

    Args:
        model: called on integers (N, t); returns logits of the next token after each, (N, t, K), or only after the
            last, (N, K). Logits, not probabilities: leave out the softmax, and give the loss `from_logits=True`.
        prompt: integers, shape (N, T) or (T,), T at least 1.
        length: number of tokens to add, at least 0.
        window: the largest number of tokens that the model reads at once, at least 1, such as the length of its
            positional embedding; by default all.
        temperature: at least 0. Below 1 likely tokens become more likely, above 1 less so; 0 takes the most likely one.
        top_k: draw only from this many of the most likely tokens, at least 1; None, the default, for all.
        top_p: draw only from the smallest set of likely tokens with this total probability, above 0, up to 1; None,
            the default, for all.
        generator: to draw from; by default the default generator, which `nn.set_seed` sets.

    Returns:
        The prompts with the added tokens, int64, shape (N, T + length) or (T + length,).

    Raises:
        ShapeError: if the prompt or the model's output has another shape.
        ValueError: if an argument is out of range.

    Example:
        >>> import nn
        >>> follow = nn.layers.Embedding(3, 3, weights=[[0, 9, 0], [0, 0, 9], [9, 0, 0]])  # 0, 1, 2, 0, 1, 2, ...
        >>> generate(follow, [1], 5, temperature=0)
        array([1, 2, 0, 1, 2, 0])
    """
    _check_choice("generate", temperature, top_k, top_p)
    for name, value, least in (("length", length, 0), ("window", window, 1)):
        if name == "window" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"generate: expected {name} to be an integer, at least {least}; received {value!r}")
    start = np.asarray(prompt)
    if start.dtype.kind not in "iu" or start.ndim not in (1, 2) or not start.size:
        raise ag.ShapeError(
            "generate: expected a prompt of integers of shape (N, T) or (T,), with at least one token; received "
            f"{start.dtype} of shape {start.shape}. Text becomes integers with nn.datasets.text.encode"
        )
    rows = np.atleast_2d(start)
    first = rows.shape[1]
    tokens = np.empty((len(rows), first + length), np.int64)
    tokens[:, :first] = rows
    with ag.no_grad(), _listening(model) as remembers:
        read = 0
        for t in range(first, first + length):
            begin = read if remembers else max(0, t - (window or t))
            logits = _last_logits(model(tokens[:, begin:t]), (len(rows), t - begin))
            tokens[:, t] = sample(logits, temperature, top_k, top_p, generator)
            read = t
    return tokens if start.ndim == 2 else tokens[0]


@contextmanager
def _listening(model: Any) -> Iterator[bool]:
    """Put the model into evaluation mode, stateful layers reset; yield whether it has any."""
    if not hasattr(model, "named_modules"):
        yield False
        return
    stateful = [module for _, module in model.named_modules() if isinstance(module, RNN) and module.stateful]
    before = [layer.states for layer in stateful]
    try:
        for layer in stateful:
            layer.reset_states()
        with model.mode(training=False):
            yield bool(stateful)
    finally:
        for layer, states in zip(stateful, before, strict=True):
            layer.states = states


def _last_logits(out: Any, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return the logits after the last token, shape (N, K)."""
    logits = to_numpy(out.data if isinstance(out, Tensor) else out)
    if logits.ndim == 3 and logits.shape[:2] == shape:
        return logits[:, -1]
    if logits.ndim == 2 and logits.shape[0] == shape[0]:
        return logits
    raise ag.ShapeError(
        f"generate: expected the model to return logits of shape {(*shape, 'K')} or {(shape[0], 'K')} for integers of "
        f"shape {shape}; received shape {logits.shape}"
    )


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"


def _check_choice(caller: str, temperature: Any, top_k: Any, top_p: Any) -> None:
    """Check that the arguments that shape a distribution are in their ranges."""
    if not _is_number(temperature) or not 0 <= temperature < math.inf:
        raise ValueError(f"{caller}: expected temperature to be a number, at least 0; received {temperature!r}")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, (int, np.integer)) or top_k < 1):
        raise ValueError(f"{caller}: expected top_k to be None or an integer, at least 1; received {top_k!r}")
    if top_p is not None and (not _is_number(top_p) or not 0 < top_p <= 1):
        raise ValueError(f"{caller}: expected top_p to be None or a number above 0, up to 1; received {top_p!r}")
