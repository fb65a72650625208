"""Settings that blocks hold: in any order, across threads, and only as long as something refers to the block."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import Thread
from typing import Any

import pytest

import nn
from nn import layers
from nn.config.ambient import Setting, Value, held

MODULE = layers.Dense(1, input_shape=(2,))
SETTING: Setting[Value[str]] = Setting("test")


def named(name: str) -> Any:
    return nn.saving.CustomObjectScope({name: abs})


# What holds a block, and what is held: two blocks of each, the name of the second being the inner one's.
BLOCKS: dict[str, tuple[Callable[[Any], AbstractContextManager[Any]], Callable[[], list[Any]], Any, Any]] = {
    "a setting": (lambda v: held(SETTING, v), lambda: [b.value for b in SETTING.blocks()], "outer", "inner"),
    "a mode": (lambda v: MODULE.mode(training=v), lambda: [MODULE.training], True, False),
    "custom objects": (
        named,
        lambda: [name for name in ("inner", "outer") if nn.saving.get_registered_object(name)],
        "outer",
        "inner",
    ),
}


@pytest.fixture(params=BLOCKS)
def blocks(request: pytest.FixtureRequest) -> Iterator[tuple[Any, ...]]:
    hold, seen, outer, inner = BLOCKS[request.param]
    nothing = seen()
    yield hold, seen, outer, inner
    assert seen() == nothing


def in_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_blocks_end_in_any_order(blocks: Any) -> None:
    hold, seen, outer, inner = blocks
    alone = {value: _alone(hold, seen, value) for value in (outer, inner)}
    first, second = hold(outer), hold(inner)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert seen() == alone[inner]
    second.__exit__(None, None, None)


def _alone(hold: Any, seen: Any, value: Any) -> list[Any]:
    with hold(value):
        return seen()


def test_another_thread_sees_nothing_of_a_block_and_may_end_it(blocks: Any) -> None:
    hold, seen, _, inner = blocks
    nothing = seen()
    block = hold(inner)
    block.__enter__()
    assert in_thread(seen) == nothing
    in_thread(lambda: block.__exit__(None, None, None))
    assert seen() == nothing


def test_a_block_that_nobody_refers_to_has_ended(blocks: Any) -> None:
    hold, seen, _, inner = blocks
    nothing = seen()
    hold(inner).__enter__()
    gc.collect()
    assert seen() == nothing
