"""Two hosts: network namespaces with an address of their own, between which everything goes over TCP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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
print(comm.gathered(platform.node()), flush=True)
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
# Stands for ssh: after options the host, then the command.
LAUNCHER = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec ip netns exec SPACE unshare -u sh -c 'hostname other; eval exec "$@"' sh "$@"
"""


class Hosts(NamedTuple):
    """Two namespaces; in each the interface is called `mpi0`."""

    first: str
    second: str
    folder: Path

    def link(self, space: str) -> dict[str, Any]:
        """Return what is known of the interface of one."""
        command = ["ip", "-n", space, "-s", "-j", "link", "show", "mpi0"]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=10).stdout)[0]

    def carried(self) -> int:
        """Return the bytes that the first has sent and received."""
        counts = self.link(self.first)["stats64"]
        return counts["rx"]["bytes"] + counts["tx"]["bytes"]

    def run(self, *cut: str) -> Done:
        """Train on both."""
        launcher = self.folder / "launcher.sh"
        launcher.write_text(LAUNCHER.replace("SPACE", self.second))
        launcher.chmod(0o755)
        (self.folder / "train.py").write_text(SCRIPT)
        return done(
            [
                *("ip", "netns", "exec", self.first, MPIEXEC, "-launcher", "ssh", "-launcher-exec", launcher),
                *("-hosts", "10.213.7.1,10.213.7.2", "-n", "2"),
                *(sys.executable, self.folder / "train.py", self.folder, *cut),
            ],
            UCX_TLS="tcp,self",  # the processes could see each other's memory, which two hosts cannot
            UCX_NET_DEVICES="mpi0",
            NN_DISTRIBUTED_PATIENCE=str(PATIENCE),
        )


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    engine = find_engine()
    if engine is None or engine.kind.title != "MPICH" or engine.mpiexec != MPIEXEC:
        pytest.skip("needs MPICH: pip install 'autograd-lite[mpi]'")
    if not all(map(shutil.which, ("ip", "unshare", "hostname"))):
        pytest.skip("needs ip, unshare and hostname, to make two hosts of this one")
    found = Hosts(*(f"agl{uuid.uuid4().hex[:8]}" for _ in range(2)), tmp_path)
    try:
        for space in found[:2]:
            made = subprocess.run(
                ["ip", "netns", "add", space], capture_output=True, text=True, timeout=10, check=False
            )
            if made.returncode:
                pytest.skip(f"needs network namespaces: ip netns add: {made.stderr.strip()}")
        steps = [f"link add mpi0 netns {found.first} type veth peer name mpi0 netns {found.second}"]
        for i, space in enumerate(found[:2], 1):
            steps += [f"-n {space} addr add 10.213.7.{i}/24 dev mpi0", f"-n {space} link set mpi0 up"]
            steps += [f"-n {space} link set lo up"]
        for step in steps:
            subprocess.run(["ip", *step.split()], check=True, timeout=10)
        until = time.monotonic() + 5
        while {found.link(space)["operstate"] for space in found[:2]} != {"UP"} and time.monotonic() < until:
            time.sleep(0.05)
        yield found
    finally:
        for space in found[:2]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=10, check=False)


@pytest.mark.ci
def test_two_hosts_train_over_tcp(hosts: Hosts) -> None:
    found = hosts.run()
    assert found.code == 0, found.err
    assert found.out.count(f"['{os.uname().nodename}', 'other']") == 2
    assert found.out.count("trained") == 2
    gradients = 4 * (201 * 400 + 401 * 10)  # bytes of a step; there are ten, and the weights at the start
    assert hosts.carried() > 11 * gradients


@pytest.mark.ci
def test_a_link_that_is_cut_ends_both_within_their_patience(hosts: Hosts) -> None:
    found = hosts.run("ip", "link", "set", "mpi0", "down")
    assert "cut" in found.out
    assert "trained" not in found.out
    assert found.code != 0
    for rank in range(2):
        said = (hosts.folder / f"err-{rank}").read_text()
        assert f"rank {1 - rank} has not been heard of for {PATIENCE} s; rank {rank} has found it" in said
    assert time.time() - float((hosts.folder / "met").read_text()) < PATIENCE + 7  # mostly 1 s more
