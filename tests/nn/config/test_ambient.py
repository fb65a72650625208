"""Settings that blocks hold, which end in any order and in any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import copy_context
from threading import Thread
from typing import Any

import pytest

import nn
from nn import layers
from nn.config.ambient import Setting, hold

MODULE = layers.Dense(1, input_shape=(2,))
SETTING: Setting[str] = Setting("test")


def named(name: str) -> Any:
    return nn.saving.CustomObjectScope({name: abs})


# What holds a block, and what is held: two blocks of each, the name of the second being the inner one's.
BLOCKS: dict[str, tuple[Callable[[Any], AbstractContextManager[Any]], Callable[[], list[Any]], Any, Any]] = {
    "a setting": (lambda v: hold(SETTING, v), lambda: SETTING.values(), "outer", "inner"),
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


def test_a_task_keeps_the_blocks_around_it_when_they_end_elsewhere(blocks: Any) -> None:
    hold, seen, _, inner = blocks
    block = hold(inner)
    block.__enter__()
    here = seen()
    task = copy_context()
    block.__exit__(None, None, None)
    assert task.run(seen) == here


def test_a_mode_whose_end_was_prevented_ends_with_its_block() -> None:
    before = MODULE.training
    MODULE.mode(training=not before).__enter__()
    assert MODULE.training == before


def test_one_object_holds_several_blocks() -> None:
    mode, scope = MODULE.mode(training=False), named("inner")
    for block, seen in ((mode, lambda: MODULE.training), (scope, lambda: nn.saving.get_registered_object("inner"))):
        before = seen()
        with block:
            inside = seen()
            with block:
                assert seen() == inside
            assert seen() == inside != before
        assert seen() == before
