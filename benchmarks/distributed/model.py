"""How long a step takes on a cluster: arithmetic, messages, and how much of these hides behind the arithmetic.

A step of p ranks computes for C seconds, a third of it forward; during the rest, gradients become ready bucket by
bucket, evenly by bytes. Each bucket of m bytes is reduced in

    t(m, p) = 2 ceil(log2 p) latency + 2 (p - 1) / p (m / bandwidth) + (p - 1) / p (m / addition)

seconds, one after the other on the link: every byte is sent and received about twice, and added once. The step ends
when the arithmetic and the last bucket have; without overlap, after one and the other.

References:
    Rabenseifner: Optimization of Collective Reduction Operations, 2004, section 3.
    Thakur, Rabenseifner, Gropp: Optimization of Collective Communication Operations in MPICH, 2005, section 4.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Link(NamedTuple):
    """What connects the ranks.

    Attributes:
        latency: seconds until a message arrives, at the least.
        bandwidth: bytes a second in one direction.
        addition: bytes a second that a rank adds up and copies.
        call: seconds that a rank spends to start and end one reduction.
    """

    latency: float
    bandwidth: float
    addition: float
    call: float = 30e-6


def network(gigabits: float) -> Link:
    """A cluster's network: a few microseconds at 100 Gbit/s, where MPI goes past the kernel, thirty at less."""
    return Link(latency=30e-6 if gigabits < 50 else 3e-6, bandwidth=gigabits * 1e9 / 8, addition=4e9)


def reduction(nbytes: float, ranks: int, link: Link) -> float:
    """Seconds to sum this many bytes over all ranks."""
    if ranks == 1:
        return 0.0
    share = (ranks - 1) / ranks
    rounds = 2 * math.ceil(math.log2(ranks))
    return rounds * link.latency + share * nbytes * (2 / link.bandwidth + 1 / link.addition) + link.call


class Step(NamedTuple):
    """What a step takes, in seconds.

    Attributes:
        whole: all of it.
        sending: the reductions by themselves.
        waiting: what of them the arithmetic does not hide.
    """

    whole: float
    sending: float
    waiting: float


def step(compute: float, buckets: list[float], ranks: int, link: Link, overlap: float = 1.0) -> Step:
    """The time of a step.

    Args:
        compute: seconds of arithmetic of each rank.
        buckets: bytes of each, in the order in which they become ready.
        ranks: how many.
        link: between them.
        overlap: the share of the arithmetic of the backward pass in which messages move: 0 without overlap.
    """
    times = [reduction(nbytes, ranks, link) for nbytes in buckets]
    total, ready, end = sum(buckets), 0.0, 0.0
    backward = compute * 2 / 3 * overlap
    for nbytes, t in zip(buckets, times, strict=True):
        ready += nbytes / total
        end = max(end, compute - backward * (1 - ready)) + t
    whole = max(compute, end)
    return Step(whole, sum(times), whole - compute)


def fastest(compute_alone: float, buckets: list[float], link: Link, overlap: float = 1.0) -> tuple[int, int]:
    """The powers of two of ranks where it stops paying to divide one batch among more.

    Args:
        compute_alone: seconds of arithmetic of one rank on the whole batch.
        buckets, link, overlap: see `step`.

    Returns:
        The last number of ranks that use half of their time well, and the number at which a step is shortest.
    """
    alone = step(compute_alone, buckets, 1, link).whole
    counts = [2**k for k in range(14)]
    times = {p: step(compute_alone / p, buckets, p, link, overlap).whole for p in counts}
    good = [p for p in counts if alone / times[p] / p >= 0.5]
    return max(good), min(counts, key=lambda p: times[p])
