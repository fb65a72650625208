"""Forked processes: no lock without a holder, random numbers of their own, the same ones in every run."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import autograd_lite as ag
import nn

from ..running import printed_by

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

# Since Python 3.12 a fork beside threads warns that the child may wait forever: which is what is tried here.
FORKING = """
import os, select, signal, sys, threading, warnings
import numpy as np
import autograd_lite as ag

warnings.filterwarnings("ignore", "This process .* is multi-threaded, use of fork", DeprecationWarning)

def forked(child, seconds=60):
    '''Return what `child` answers in a forked process, or None if it does not in time.'''
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, repr(child()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    answer = None
    if select.select([reader], [], [], seconds)[0]:
        answer = eval(os.read(reader, 65536) or "None")
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reader)
    return answer
"""

THREADS = """
from scipy import special

w = ag.tensor(np.ones(50_000), requires_grad=True)

def held():
    with ag.no_grad():
        yield 1

works = {
    "backward": lambda: (w * 2.0).sum().backward(),
    "draws": lambda: ag.random.uniform(20_000),
    "blocks": lambda: [None for _ in zip(held(), held(), held())],
    "strict": lambda: strict(),
}

def strict():
    with ag.testing.strict_mode():
        pass

def hangs(work):
    def repeat():
        while not over.is_set():
            work()

    over = threading.Event()
    threads = [threading.Thread(target=repeat, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    answers = [forked(lambda: [work(), "done"][1], 10) for _ in range(FORKS)]
    over.set()
    for thread in threads:
        thread.join()
    return answers.count(None)

import autograd_lite.testing
strict()  # what is loaded late is loaded now: Python itself does not stand a fork during an import
sys.setswitchinterval(1e-5)
print({name: hangs(work) for name, work in works.items()})
"""


@pytest.mark.parametrize("forks", [6, pytest.param(40, marks=pytest.mark.ci)])
def test_a_process_forked_while_threads_work_does_not_wait_for_them(forks: int) -> None:
    """Whatever lock a thread held at that moment: the thread is not in the child, and would never give it back."""
    hangs = ast.literal_eval(printed_by(FORKING + THREADS.replace("FORKS", str(forks))))
    assert len(hangs) == 4
    assert not any(hangs.values()), hangs


def test_every_lock_stands_forks() -> None:
    """Each is made by `fork_safe_lock`, or in a module that says what becomes of it in a forked process."""
    made = re.compile(r"\b(R?Lock|Condition|Semaphore|Event|Barrier)\(")
    files = [file for package in (ag, nn) for file in Path(package.__path__[0]).rglob("*.py")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    making = {file: text for file, text in texts.items() if made.search(text)}
    assert making
    assert [file for file, text in making.items() if "on_fork(" not in text and "register_at_fork(" not in text] == []


DRAWS = """
from nn import layers

x, own, drop = np.arange(1.0, 65.0), ag.Generator(5), layers.Dropout(0.5, seed=3)

def draws():
    mask = drop(x, training=True).numpy() > 0
    return float(ag.random.uniform(())), float(ag.random.normal((), generator=own)), float(mask @ 2.0 ** np.arange(64))

def nested():
    return [draws(), forked(draws)]

def seeded():
    ag.set_seed(11)
    return float(ag.random.uniform(()))

def family():
    return [*forked(nested), *forked(nested), draws()]

ag.set_seed(1)
print([family(), family(), [seeded(), forked(seeded), forked(seeded)]])
"""


def test_forked_processes_draw_numbers_of_their_own_the_same_in_every_run() -> None:
    printed = [printed_by(FORKING + DRAWS) for _ in range(2)]
    assert printed[0] == printed[1]
    *families, seeded = ast.literal_eval(printed[0])
    assert len(set(seeded)) == 1
    for generator in range(3):  # the default one, one with a seed, a layer's
        drawn = [draws[generator] for family in families for draws in family]
        assert len(set(drawn)) == 10  # two children and two of theirs and the parent, before its first draw and after


WORKERS = """
import multiprocessing, time

def draw(_):
    time.sleep(0.1)
    return float(ag.random.uniform(()))

def three():
    return [float(ag.random.uniform(())) for _ in range(3)]

ag.set_seed(1)
alone = three()
ag.set_seed(1)
with multiprocessing.get_context("fork").Pool(3) as pool:
    print([pool.map(draw, range(3), chunksize=1), alone, three()])
"""


def test_workers_of_a_pool_draw_different_numbers_and_leave_the_parents_alone() -> None:
    workers, alone, beside = ast.literal_eval(printed_by(FORKING + WORKERS))
    assert len({*workers, *alone}) == 6
    assert alone == beside
