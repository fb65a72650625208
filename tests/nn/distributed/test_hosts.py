"""Two hosts: network namespaces with an address of their own, between which everything goes over TCP."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.distributed.hosts import Hosts, NoHosts, two_hosts
from nn.distributed.launch.engines import find_engine

from .jobs import MPIEXEC, Done, done

PATIENCE = 3
SCRIPT = """
import os, platform, subprocess, sys, time
import numpy as np
import nn
from nn import distributed

comm = distributed.init()
sys.stderr = open(f"{sys.argv[1]}/err-{comm.rank}", "w", buffering=1)  # what is said when the link is cut, too
print(comm.all_gather(platform.node()), flush=True)
nn.utils.set_random_seed(1)
model = nn.Sequential([nn.layers.Dense(400, "relu", input_shape=(200,)), nn.layers.Dense(10)])
model.compile("adam", "mse")
x, y = np.ones((64, 200), np.float32), np.ones((64, 10), np.float32)

class Cut(nn.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if len(sys.argv) > 2 and comm.rank == 0 and epoch == 4:
            print("cut", flush=True)
            open(f"{sys.argv[1]}/met", "w").write(str(time.time()))
            subprocess.run(sys.argv[2:], check=True)

model.fit(x, y, epochs=10, batch_size=64, verbose=0, distributed=True, callbacks=[Cut()])
print("trained", flush=True)
"""


def run(hosts: Hosts, *cut: str) -> Done:
    """Train on both."""
    (hosts.folder / "train.py").write_text(SCRIPT)
    command = [*hosts.command(MPIEXEC), sys.executable, hosts.folder / "train.py", hosts.folder, *cut]
    return done(command, **hosts.environment, NN_DISTRIBUTED_PATIENCE=str(PATIENCE))


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    engine = find_engine()
    if engine is None or engine.kind.title != "MPICH" or engine.mpiexec != MPIEXEC:
        pytest.skip("needs MPICH: pip install 'autograd-lite[mpi]'")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(two_hosts(tmp_path))
        except NoHosts as error:
            pytest.skip(str(error))
        yield made


@pytest.mark.ci
def test_two_hosts_train_over_tcp(hosts: Hosts) -> None:
    found = run(hosts)
    assert found.code == 0, found.err
    assert found.out.count(f"['{os.uname().nodename}', 'other']") == 2
    assert found.out.count("trained") == 2
    gradients = 4 * (201 * 400 + 401 * 10)  # bytes of a step; there are ten, and the weights at the start
    assert hosts.carried() > 11 * gradients


@pytest.mark.ci
def test_a_link_that_is_cut_ends_both_within_their_patience(hosts: Hosts) -> None:
    found = run(hosts, "ip", "link", "set", "mpi0", "down")
    assert "cut" in found.out
    assert "trained" not in found.out
    assert found.code != 0
    for rank in range(2):
        said = (hosts.folder / f"err-{rank}").read_text()
        assert f"rank {1 - rank} has not been heard of for {PATIENCE} s; rank {rank} has found it" in said
    assert time.time() - float((hosts.folder / "met").read_text()) < PATIENCE + 7  # mostly 1 s more
