"""Weighted least squares under an order: pooling adjacent violators."""

from __future__ import annotations

from collections.abc import Sequence


def isotonic(targets: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return positions x with x[i + 1] - x[i] >= gaps[i] that minimize sum_i weights[i] (x[i] - wanted[i])².

    With the gaps subtracted this is isotonic regression, which pooling adjacent violators solves in linear time.

    Args:
        targets: any number of positions.
        weights: positive, one for each.
        gaps: one fewer.

    Example:
        >>> isotonic([0.0, 0.0], [1.0, 1.0], [10.0])
        [-5.0, 5.0]
    """
    offset, offsets = 0.0, [0.0]
    for gap in gaps:
        offset += gap
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, shift in zip(targets, weights, offsets, strict=True):
        mean, count = want - shift, 1
        while blocks and blocks[-1][0] >= mean:
            other, heavy, more = blocks.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + more
        blocks.append((mean, weight, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, offsets, strict=True)]
