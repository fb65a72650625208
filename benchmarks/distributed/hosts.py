"""Two hosts of this one: network namespaces with an address each, joined by a link whose speed can be chosen."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

DEVICE = "mpi0"
# Stands for ssh: after options the host, then the command.
_LAUNCHER = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec ip netns exec SPACE unshare -u sh -c 'hostname other; eval exec "$@"' sh "$@"
"""


class NoHosts(Exception):
    """Raised where network namespaces cannot be made."""


class Hosts(NamedTuple):
    """Two namespaces; in each the interface is called `mpi0`."""

    first: str
    second: str
    folder: Path

    def link(self, space: str) -> dict[str, Any]:
        """Return what is known of the interface of one."""
        command = ["ip", "-n", space, "-s", "-j", "link", "show", DEVICE]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=10).stdout)[0]

    def carried(self) -> int:
        """Return the bytes that the first has sent and received."""
        counts = self.link(self.first)["stats64"]
        return counts["rx"]["bytes"] + counts["tx"]["bytes"]

    def limit(self, gigabits: float) -> None:
        """Let the link carry this many gigabits a second in each direction."""
        for space in self[:2]:
            rate = f"tbf rate {gigabits * 1000:.0f}mbit burst 256kb latency 50ms"
            command = f"tc -n {space} qdisc replace dev {DEVICE} root {rate}"
            subprocess.run(command.split(), check=True, timeout=10, capture_output=True)

    def command(self, mpiexec: str) -> list[str]:
        """Return how a command is started with one rank on each."""
        launcher = self.folder / "launcher.sh"
        launcher.write_text(_LAUNCHER.replace("SPACE", self.second))
        launcher.chmod(0o755)
        way = ["-launcher", "ssh", "-launcher-exec", str(launcher), "-hosts", "10.213.7.1,10.213.7.2", "-n", "2"]
        return ["ip", "netns", "exec", self.first, mpiexec, *way]

    @property
    def environment(self) -> dict[str, str]:
        """What MPICH must be told: the processes could see each other's memory, which two hosts cannot."""
        return {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": DEVICE}


@contextmanager
def two_hosts(folder: Path) -> Iterator[Hosts]:
    """Make two hosts, and take them away again.

    Args:
        folder: where files may be written that both see.

    Raises:
        NoHosts: with the reason; it takes Linux, iproute2 and the superuser.
    """
    if not all(map(shutil.which, ("ip", "unshare", "hostname"))):
        raise NoHosts("needs ip, unshare and hostname, to make two hosts of this one")
    found = Hosts(*(f"agl{uuid.uuid4().hex[:8]}" for _ in range(2)), folder)
    try:
        for space in found[:2]:
            command = ["ip", "netns", "add", space]
            made = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
            if made.returncode:
                raise NoHosts(f"needs network namespaces: ip netns add: {made.stderr.strip()}")
        steps = [f"link add {DEVICE} netns {found.first} type veth peer name {DEVICE} netns {found.second}"]
        for i, space in enumerate(found[:2], 1):
            steps += [f"-n {space} addr add 10.213.7.{i}/24 dev {DEVICE}", f"-n {space} link set {DEVICE} up"]
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
