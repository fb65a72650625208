"""Atomic writes: files are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import Any

_STALE = 3600.0  # seconds after which an unfinished file counts as abandoned
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def write_file(
    path: str | os.PathLike[str], data: bytes, *, caller: str = "write_file", into_pipes: bool = False
) -> None:
    """Write a file whole or not at all: readers find the old file or the new one, even if this process is killed.

    The bytes go to a hidden file in the same folder, are flushed to disk, and are renamed in one step. A symbolic link
    stays, and its target is written; a file keeps its permissions. Unfinished files of killed processes in the folder
    are removed after an hour.

    Args:
        path: of the file; its folder must exist.
        data: its new contents.
        caller: the call, for error messages.
        into_pipes: also write into pipes and devices, which are refused otherwise.

    Raises:
        TypeError: if the path is not one.
        OSError: if the path cannot be a file's, or the file cannot be written; the old one is then unchanged.

    Example:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_file(os.path.join(folder, "a"), b"new")
        ...     os.listdir(folder)
        ['a']
    """
    name = path_of(caller, path)
    with _naming_caller(caller, name):
        status = _status(name)
        if status is not None and not stat.S_ISREG(status.st_mode):
            if into_pipes and not stat.S_ISDIR(status.st_mode):
                with open(name, "wb") as file:
                    file.write(data)
                return
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
            error = IsADirectoryError if stat.S_ISDIR(status.st_mode) else OSError
            raise error(f"{caller}: expected the path of a file; {name!r} is {kind}. Name a file")
        _replace(caller, name, os.path.realpath(name), data, None if status is None else stat.S_IMODE(status.st_mode))


def path_of(caller: str, path: Any) -> str:
    """Return a path as text.

    Args:
        caller: the call, for error messages.
        path: text or a path object.

    Raises:
        TypeError: if it is neither.
        ValueError: if no file can have this path.
    """
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise TypeError(
            f"{caller}: expected the path of a file, a string or an os.PathLike; received {path!r:.80}"
        ) from None
    if not name or "\0" in name:
        raise ValueError(f"{caller}: expected the path of a file; received {name!r:.80}. Give it a name")
    return name


def _status(path: str) -> os.stat_result | None:
    """Return the status of a path, following symbolic links; None if it does not exist."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _naming_caller(caller: str, path: str) -> Any:
    """Make errors of the system name the call, and the user's path rather than a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of ours
            raise
        problem = OSError(error.errno, f"{caller}: {error.strerror}", path)
        problem._final = True  # type: ignore[attr-defined]  # calls further out have nothing to add
        raise problem from error


def _replace(caller: str, name: str, target: str, data: bytes, mode: int | None) -> None:
    folder, base = os.path.split(target)
    if name.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(f"{caller}: expected the path of a file; received {name!r}, which names a folder")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{caller}: expected a folder that exists; received {name!r}. Make {folder!r} first")
    prefix = f".{base[:40]}."
    temporary = os.path.join(folder, f"{prefix}{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(folder)
    _sweep(folder, prefix)


def _sync(folder: str) -> None:
    """Flush the folder's entry, if the system can open folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(folder: str, prefix: str) -> None:
    """Remove the unfinished files of processes that were killed."""
    ours = re.compile(re.escape(prefix) + r"[0-9a-f]{8}\.tmp")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - _STALE:
                        os.unlink(entry.path)
