"""The C compiler that is on this machine, and how it makes a library of a text."""

from __future__ import annotations

import importlib.util
import os
import platform
import selectors
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...native import kernels

VARIABLE = "AUTOGRAD_LITE_CC"
NAMES = ("cc", "gcc", "clang")  # of programs, looked for in this order
SECONDS = 60.0  # that a compiler may take

_FLAGS = (
    "-std=gnu11 -O2 -ftree-vectorize -fno-math-errno -fno-trapping-math -fno-strict-aliasing -fno-stack-protector "
    "-fPIC -w -g0"
)
# As those of the files of native/c that are named so: code that is inlined has the bits of the kernels.
_SETS: Mapping[str, str] = {
    "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mbmi2 -mprefer-vector-width=512 "
    "-DHAS_FMA -DVECTOR_BYTES=64 -DVECTOR_REGISTERS=32",
    "avx2": "-mavx2 -mfma -mbmi2 -DHAS_FMA -DVECTOR_BYTES=32 -DVECTOR_REGISTERS=16",
    "baseline": "-DVECTOR_BYTES=16 -DVECTOR_REGISTERS=16",
    "neon": "-DHAS_FMA -DVECTOR_BYTES=16 -DVECTOR_REGISTERS=32",
}
_ONE_STEP = (("fused.c", "-shared", "-o", "fused.so", "-lm"),)
# zig builds a libc when it links one, which takes it seconds; the process has one.
_TWO_STEPS = (("-c", "fused.c", "-o", "fused.o"), ("fused.o", "-nostdlib", "-shared", "-o", "fused.so"))
HEADERS = Path(kernels.__file__).parent / "c"


class BuildError(Exception):
    """There is no library; the message is one line, which says why."""


class Compiler(NamedTuple):
    """A compiler.

    Attributes:
        command: the program, with the arguments that come first.
        steps: the last arguments of each of its runs, in a folder that has the text in `fused.c`.
        identity: is another one when the compiler is.
    """

    command: tuple[str, ...]
    steps: tuple[tuple[str, ...], ...]
    identity: str


def find_compiler() -> Compiler:
    """Return the compiler that AUTOGRAD_LITE_CC names, or else the first that is there: cc, gcc, clang, ziglang.

    Raises:
        BuildError: if there is none.
    """
    if sys.maxsize < 1 << 32:
        raise BuildError("not compiled: processors of 32 bits may round otherwise")
    try:
        wish = shlex.split(os.environ.get(VARIABLE, ""))
    except ValueError as error:
        raise BuildError(f"no compiler: {VARIABLE} is not a command: {error}") from None
    if wish:
        if path := shutil.which(wish[0]):
            return _compiler(path, *wish[1:])
        raise BuildError(f"no compiler: there is no program {wish[0]!r}, which {VARIABLE} names")
    for path in filter(None, map(shutil.which, NAMES)):
        if not _is_stub(path):
            return _compiler(path)
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.origin is not None:
        path = str(Path(spec.origin).with_name("zig"))
        if os.access(path, os.X_OK):
            return _compiler(path, "cc", *_target(), steps=_TWO_STEPS)
    raise BuildError(f"no compiler: none of {', '.join(NAMES)} is on the PATH; install autograd-lite[fused], or one")


def _compiler(path: str, *arguments: str, steps: tuple[tuple[str, ...], ...] = _ONE_STEP) -> Compiler:
    real = os.path.realpath(path)
    status = os.stat(real)
    identity = f"{real} {status.st_size} {status.st_mtime_ns} {arguments} {steps}"
    return Compiler((os.path.abspath(path), *arguments), steps, identity)


def _is_stub(path: str) -> bool:
    """Return whether a program only asks, in a window, to install the compiler, as on a Mac without one."""
    if sys.platform != "darwin" or not path.startswith("/usr/bin/"):
        return False
    return subprocess.run(["/usr/bin/xcode-select", "-p"], capture_output=True, check=False).returncode != 0


def _target() -> list[str]:
    """Return arguments with which zig uses the instructions of the flags, not all that this processor has."""
    if sys.platform != "linux":
        return []
    libc = "gnu" if platform.libc_ver()[0] == "glibc" else "musl"
    return ["-target", f"{platform.machine()}-linux-{libc}"]


def flags_of(exact: bool) -> list[str]:
    """Return the flags for the instructions in use.

    Args:
        exact: whether each operation is rounded; otherwise a product and a sum may be rounded as one.
    """
    return [
        *_FLAGS.split(),
        f"-ffp-contract={'off' if exact else 'fast'}",
        *_SETS.get(kernels.INSTRUCTIONS, "").split(),
    ]


def build(
    compiler: Compiler, text: str, exact: bool, folder: Path, on_start: Callable[[Any], object] = lambda process: None
) -> Path:
    """Return the file of the library that a text gives.

    Args:
        compiler: which.
        text: in C.
        exact: as in `flags_of`.
        folder: for files, of this build alone.
        on_start: gets the process of the compiler, whose group is its own, so that an interrupt does not reach it.

    Raises:
        BuildError: if there is none.
    """
    library = folder / "fused.so"
    try:
        (folder / "fused.c").write_text(text, encoding="utf-8")
        for step in compiler.steps:
            _run([*compiler.command, *flags_of(exact), f"-I{HEADERS}", *step], folder, on_start)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{compiler.command[0]} took more than {SECONDS:g} s") from None
    except OSError as error:
        raise BuildError(f"{compiler.command[0]} did not run: {error}") from None
    if not library.is_file():
        raise BuildError(f"{compiler.command[0]} failed: it made no library")
    return library


def _run(command: Sequence[str], folder: Path, on_start: Callable[[Any], object]) -> None:
    places = dict.fromkeys(("TMPDIR", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), str(folder))
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, **places, "LC_ALL": "C"},
        process_group=0,
    ) as process:
        try:
            on_start(process)
            messages = _output(process, time.monotonic() + SECONDS)
        finally:
            end(process)
    if process.returncode:
        raise BuildError(f"{command[0]} failed: {_reason(process.returncode, messages)}")


def _output(process: Any, deadline: float) -> bytes:
    """Wait for a process, and return how its output begins."""
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                process.wait(max(0.0, deadline - time.monotonic()))
                return output
            output = (output + piece)[: 1 << 16]
    raise subprocess.TimeoutExpired(process.args, SECONDS)


def end(process: Any) -> None:
    """End a compiler and its children."""
    if process.returncode is None:  # so that the number of the group is still its own
        try:
            os.killpg(process.pid, 9)
        except OSError:
            process.kill()
        process.wait()


def _reason(status: int, messages: bytes) -> str:
    """Return the line in which a compiler says why it failed."""
    lines = [line.strip() for line in messages.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    ending = f"signal {-status}" if status < 0 else f"status {status}"
    return (errors or lines or [ending])[0][:200]
