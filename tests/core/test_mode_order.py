"""Blocks that change a mode end in any order, in any thread or task; the mode is what it would be without them.

A generator that is suspended inside such a block holds it for its caller in the meantime; once it has ended, all is as
before.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import importlib
import inspect
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
import nn
from autograd_lite.core.mode import _NESTED, MODE
from autograd_lite.core.op import OPS
from autograd_lite.core.undo import open_undo
from nn.config.config import custom_called
from nn.config.limits import elements_allowed


class Seen(NamedTuple):
    """What the blocks below change, as a context sees it."""

    record: bool = True
    source: bool = False
    scope: str = ""
    watched: bool = False
    verified: bool = False
    custom: Any = None
    most: int = 2**28


def look() -> Seen:
    mode = MODE.get()
    return Seen(
        mode.record,
        mode.source,
        mode.scope,
        mode.watch is not None,
        mode.verify,
        custom_called("own thing"),
        elements_allowed(),
    )


class Kind(NamedTuple):
    """A block: how it is made, and what it makes of what was seen before; `needs_source` is heard only with lines."""

    make: Callable[[], Any]
    then: Callable[[Seen], Seen]
    needs_source: bool = False


THINGS = [len, abs]
SHARED = ag.no_grad()
KINDS: dict[str, Kind] = {
    "no_grad": Kind(ag.no_grad, lambda s: s._replace(record=False)),
    "enable_grad": Kind(ag.enable_grad, lambda s: s._replace(record=True)),
    "one object in many blocks": Kind(lambda: SHARED, lambda s: s._replace(record=False)),
    "record_source": Kind(ag.record_source, lambda s: s._replace(source=True)),
    "module_scope": Kind(
        lambda: ag.extend.module_scope("m"), lambda s: s._replace(scope=f"{s.scope}.m".lstrip(".")), True
    ),
    "absolute": Kind(lambda: ag.extend.module_scope("top", absolute=True), lambda s: s._replace(scope="top"), True),
    "raise_on_change": Kind(ag.raise_on_change, lambda s: s._replace(source=True, verified=True)),
    "raise_on_nan": Kind(ag.raise_on_nan, lambda s: s._replace(source=True, watched=True)),
    "max_elements": Kind(lambda: nn.saving.max_elements(7), lambda s: s._replace(most=7)),
    **{
        f"CustomObjectScope of {f.__name__}": Kind(
            lambda f=f: nn.utils.CustomObjectScope({"own thing": f}), lambda s, f=f: s._replace(custom=f)
        )
        for f in THINGS
    },
}


class Block:
    """A block that is open: its kind, its context manager and the number of the context it was entered in."""

    def __init__(self, kind: Kind, home: int) -> None:
        self.kind, self.home, self.manager = kind, home, kind.make()


def expected(blocks: list[Block]) -> Seen:
    seen = Seen()
    for block in blocks:
        seen = block.kind.then(seen)
    return seen


STEPS = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(sorted(KINDS)), st.integers(0, 3)),
    st.tuples(st.just("close"), st.integers(0, 7), st.integers(0, 3)),
    st.tuples(st.just("close at home"), st.integers(0, 7), st.just(0)),
    st.tuples(st.just("copy"), st.integers(0, 3), st.just(0)),
)


@given(st.lists(STEPS, max_size=16))
def test_in_every_context_the_open_blocks_hold_and_no_others(steps: list[tuple[Any, ...]]) -> None:
    """Contexts stand for threads and tasks; a copied one for a task that inherits the blocks around it."""
    contexts: list[contextvars.Context] = [contextvars.Context(), contextvars.Context()]
    here: list[list[Block]] = [[], []]
    blocks: list[Block] = []
    with np.errstate():
        for what, which, where in [*steps, *[("close", 0, 0)] * 16]:
            if what == "open":
                n = where % len(contexts)
                if not KINDS[which].needs_source or expected(here[n]).source:
                    block = Block(KINDS[which], n)
                    contexts[n].run(block.manager.__enter__)
                    here[n].append(block)
                    blocks.append(block)
            elif what == "copy":
                n = which % len(contexts)
                contexts.append(contexts[n].copy())
                here.append(list(here[n]))
            elif blocks:
                block = blocks.pop(which % len(blocks))
                n = block.home if what == "close at home" else where % len(contexts)
                if block.manager is SHARED:
                    # Which of its blocks is meant, the object cannot know from outside of them.
                    n = block.home
                    own = [b for b in here[n] if b.manager is SHARED and b.home == n]
                    blocks = [b for b in [*blocks, block] if b is not own[-1]]
                    block = own[-1]
                contexts[n].run(block.manager.__exit__, None, None, None)
                for m, open_there in enumerate(here):
                    if m == n if n == block.home else True:
                        open_there[:] = [b for b in open_there if b is not block]
            assert [c.run(look) for c in contexts] == [expected(open_there) for open_there in here], what


def public_blocks() -> set[str]:
    """The names of all context managers that the packages offer, found by walking their public modules."""
    modules = [
        ag,
        ag.extend,
        ag.graph,
        ag.random,
        importlib.import_module("autograd_lite.testing"),
        nn,
        nn.saving,
        nn.utils,
    ]
    found: set[str] = set()
    for module in modules:
        for value in (getattr(module, name) for name in getattr(module, "__all__", dir(module)) if name[0] != "_"):
            made_of_generator = inspect.isgeneratorfunction(inspect.unwrap(value)) and hasattr(value, "__wrapped__")
            if made_of_generator or (isinstance(value, type) and hasattr(value, "__enter__")):
                found.add(value.__name__)
    return found


def test_every_public_block_is_under_the_law() -> None:
    made = [kind.make() for kind in KINDS.values()]
    names = {getattr(block, "func", type(block)).__name__ for block in made}
    assert public_blocks() == names | {"needs", "strict_mode", "transaction"}  # the next tests are about these


def test_strict_blocks_end_in_any_order() -> None:
    forwards = {op: op.forward for op in OPS.values()}
    a = np.ones(2)
    first, second = ag.testing.strict_mode(), ag.testing.strict_mode()
    first.__enter__()
    second.__enter__()
    ag.tensor(a) * a
    first.__exit__(None, None, None)
    assert not a.flags.writeable
    with pytest.raises(ag.DtypeError):
        ag.tensor(np.ones(2, np.float32)) * a
    second.__exit__(None, None, None)
    assert a.flags.writeable
    assert {op: op.forward for op in OPS.values()} == forwards


def test_transactions_end_in_any_order_and_elsewhere() -> None:
    w = ag.tensor(1.0)
    first, second, third = ag.transaction(), ag.transaction(), ag.transaction()
    first.__enter__()
    second.__enter__()
    w.assign(2.0)
    first.__exit__(None, None, None)
    second.__exit__(ValueError, ValueError(), None)
    assert (w.item(), open_undo()) == (1.0, None)
    third.__enter__()
    thread = threading.Thread(target=third.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert open_undo() is None


def numbers(n: int, block: Callable[[], Any] = ag.no_grad) -> Iterator[int]:
    with block():
        yield from range(n)


def test_generators_that_end_in_the_order_in_which_they_began() -> None:
    for _ in zip(numbers(2), numbers(3), strict=False):
        assert not ag.is_grad_enabled()
    assert ag.is_grad_enabled()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_numpys_error_state_is_as_it_was(order: tuple[int, ...]) -> None:
    with np.errstate(divide="raise", over="warn", invalid="call"):
        before = np.geterr()
        blocks = [ag.raise_on_nan() for _ in order]
        for block in blocks:
            block.__enter__()
        for i in order:
            assert np.geterr()["divide"] == "ignore"
            blocks[i].__exit__(None, None, None)
        assert np.geterr() == before


@pytest.mark.parametrize("block", [ag.no_grad, ag.record_source, ag.raise_on_nan], ids=lambda block: block.__name__)
def test_a_generator_that_another_thread_closes(block: Callable[[], Any]) -> None:
    errors: list[Exception] = []

    def close() -> None:
        try:
            suspended.close()
        except ValueError as error:
            errors.append(error)
        seen.append(look())

    seen: list[Seen] = []
    with np.errstate():
        suspended = numbers(3, block)
        next(suspended)
        with ag.record_source():
            thread = threading.Thread(target=close)
            thread.start()
            thread.join()
            assert look() == Seen(source=True)
    assert (errors, seen, look()) == ([], [Seen()], Seen())


def test_an_asynchronous_generator_that_the_loop_closes_in_a_task_of_its_own() -> None:
    async def steps() -> AsyncIterator[int]:
        with ag.no_grad():
            yield 1

    async def main() -> None:
        async for _ in steps():
            break  # which leaves it to the loop
        for _ in range(3):
            await asyncio.sleep(0)
        assert ag.is_grad_enabled()

    asyncio.run(main())
    assert ag.is_grad_enabled()


def test_a_task_goes_on_in_the_mode_that_it_began_in() -> None:
    async def later() -> bool:
        await asyncio.sleep(0.001)
        return ag.is_grad_enabled()

    async def main() -> None:
        with ag.no_grad():
            task = asyncio.create_task(later())
        assert ag.is_grad_enabled()
        assert await task is False

    asyncio.run(main())


def test_a_generator_begun_inside_a_transformation_ends_after_it() -> None:
    begun: list[Any] = []

    def f(x: Any) -> Any:
        begun.append(numbers(2))
        next(begun[-1])
        with ag.enable_grad():
            return x * x

    assert ag.grad(f)(3.0) == 6.0
    assert not ag.is_grad_enabled()  # the generator still holds it
    begun.pop().close()
    assert ag.is_grad_enabled()


def test_a_generator_closed_inside_a_transformation_is_gone_after_it() -> None:
    suspended = numbers(2)
    next(suspended)

    def f(x: Any) -> Any:
        suspended.close()
        return x * x

    assert ag.grad(f)(3.0) == 6.0
    assert ag.is_grad_enabled()


def test_an_error_in_a_decorated_function_leaves_the_blocks_that_are_open_outside() -> None:
    suspended, begun = numbers(2), numbers(2, ag.record_source)
    next(suspended)

    @ag.enable_grad()
    def failing() -> None:
        next(begun)
        suspended.close()  # which began outside, and ends inside
        raise KeyError

    with ag.raise_on_change():
        with pytest.raises(KeyError):
            failing()
        assert look() == Seen(source=True, verified=True)
        begun.close()
        assert look() == Seen(source=True, verified=True)
    assert look() == Seen()


def test_left_blocks_leave_nothing_behind() -> None:
    """Neither in the list of nested modes nor as a cycle that waits for the garbage collector."""
    gc.collect()
    before = set(_NESTED)
    gc.disable()
    try:
        with ag.no_grad():
            for _ in range(50):
                for _ in zip(numbers(2), numbers(3, ag.record_source), strict=False):
                    pass
        assert gc.collect() == 0
        assert before >= _NESTED
    finally:
        gc.enable()
