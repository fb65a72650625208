"""Depth on a small stack: `python -m tests.reliability.depth [--ops N]`.

A chain of a million operations is built, differentiated and dropped in a thread whose stack has 256 KiB, where any
recursion would crash; printed are the seconds of each. Texts that are nested up to a million levels are given to every
reader of JSON; printed is how many were tried, and how many were not answered by a ValueError.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import autograd_lite as ag
import nn
from tests.engine.test_deep import chain
from tests.running import in_small_stack

LEVELS = (100, 1_000, 100_000, 1_000_000)


def answers() -> dict[str, Callable[[str], Any]]:
    """Return what reads JSON, by name."""
    return {
        "model_from_json": nn.models.model_from_json,
        "Graph.from_json": ag.Graph.from_json,
    }


def nested() -> Iterator[str]:
    """Yield texts that are nested more and more deeply."""
    for levels in LEVELS:
        for begin, end in (("[", "]"), ('{"config": ', "}"), ('{"tuple": [', "]}")):
            yield begin * levels + "1" + end * levels


def refuses(read: Callable[[str], Any], text: str) -> bool:
    """Return whether a reader answers by a ValueError."""
    try:
        read(text)
    except Exception as error:
        return isinstance(error, ValueError)
    return False


def main(arguments: list[str] | None = None) -> int:
    """Print the figures, and return 1 if a reader answers otherwise than by a ValueError."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.depth", description=__doc__)
    parser.add_argument("--ops", type=int, default=1_000_000)
    n = parser.parse_args(arguments).ops
    begin = time.perf_counter()
    gradient, built, is_differentiated, dropped = in_small_stack(lambda: chain(n))
    print(f"{n:,} ops in {time.perf_counter() - begin:.1f} s on 256 KiB: built {built:.2f} s, backward", end=" ")
    print(f"{is_differentiated:.2f} s, dropped {dropped:.2f} s; gradient {gradient:.12f}, expected", end=" ")
    print(f"{1.0000001 ** (n // 2):.12f}")
    failed = abs(gradient - 1.0000001 ** (n // 2)) > 1e-9
    for name, read in answers().items():
        wrong = [text[:40] for text in nested() if not refuses(read, text)]
        print(f"{name}: {len(list(nested()))} nested texts, {len(wrong)} not answered by a ValueError {wrong or ''}")
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
