"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import Any

_STALE = 3600.0  # seconds after which an unfinished file counts as abandoned
_FOUND = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def write_file(
    path: str | os.PathLike[str], data: bytes, *, what: str = "write_file", into_pipes: bool = False
) -> None:
    """Write a file whole or not at all: readers find the old file or the new one, even if this process is killed.

    The bytes go to a hidden file in the same folder, are flushed to disk, and are renamed in one step. A symbolic link
    stays, and its target is written; a file keeps its permissions. What killed processes have left next to the file is
    removed after an hour.

    Args:
        path: of the file; its folder must exist.
        data: its new contents.
        what: the call, for error messages.
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
    given = path_of(what, path)
    with _named(what, given):
        found = _status(given)
        if found is not None and not stat.S_ISREG(found.st_mode):
            if into_pipes and not stat.S_ISDIR(found.st_mode):
                with open(given, "wb") as file:
                    file.write(data)
                return
            kind = _FOUND.get(stat.S_IFMT(found.st_mode), "no file")
            error = IsADirectoryError if stat.S_ISDIR(found.st_mode) else OSError
            raise error(f"{what}: expected the path of a file; {given!r} is {kind}. Name a file")
        _replace(what, given, os.path.realpath(given), data, None if found is None else stat.S_IMODE(found.st_mode))


def path_of(what: str, path: Any) -> str:
    """Return a path as text.

    Args:
        what: the call, for error messages.
        path: text or a path object.

    Raises:
        TypeError: if it is something else.
        ValueError: if no file can have it.
    """
    try:
        given = os.fsdecode(path)
    except TypeError:
        raise TypeError(
            f"{what}: expected the path of a file, a string or an os.PathLike; received {path!r:.80}"
        ) from None
    if not given or "\0" in given:
        raise ValueError(f"{what}: expected the path of a file; received {given!r:.80}. Give it a name")
    return given


def _status(path: str) -> os.stat_result | None:
    """Return the status of what is at a path, following symbolic links, or None if there is nothing yet."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _named(what: str, path: str) -> Any:
    """Make errors of the system name the call, and the user's path rather than a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of ours
            raise
        problem = OSError(error.errno, f"{what}: {error.strerror}", path)
        problem._final = True  # type: ignore[attr-defined]  # calls further out have nothing to add
        raise problem from error


def _replace(what: str, given: str, target: str, data: bytes, mode: int | None) -> None:
    folder, base = os.path.split(target)
    if given.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(f"{what}: expected the path of a file; received {given!r}, which names a folder")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{what}: expected a folder that exists; received {given!r}. Make {folder!r} first")
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
    """Flush the folder's entry, where the system allows a folder to be opened."""
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
