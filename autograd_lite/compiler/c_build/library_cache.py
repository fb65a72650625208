"""Libraries on disk: of this user alone, checked before they are loaded, and no more than fit.

A library is one file. Its name has two parts: the key, by which it is looked for, and the digest of its bytes, so that
a file that is half-written, damaged or another's is seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...files.caches import cache_folder

VARIABLE = "AUTOGRAD_LITE_FUSED_CACHE"
MOST_BYTES = 64 << 20
_STALE = 3600.0  # seconds after which the files of a build count as abandoned
_LENGTH = 32  # characters of a key, and of a digest


def digest(*parts: bytes) -> str:
    """Return a name for some bytes."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.hexdigest()[:_LENGTH]


class LibraryCache:
    """A folder of libraries.

    Attributes:
        folder: which; None if there is none.
        reason: why there is none.
    """

    def __init__(self, place: str | None = None) -> None:
        """Open the cache, whose folder is made if need be.

        Args:
            place: its folder, or `off`; by default that of AUTOGRAD_LITE_FUSED_CACHE, or one in the user's cache.
        """
        place = os.environ.get(VARIABLE, "") if place is None else place
        self.folder: Path | None = None
        self.reason = f"{VARIABLE} is off" if place == "off" else ""
        if self.reason:
            return
        try:
            folder = Path(place).expanduser().absolute() if place else cache_folder("fused")
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            if _is_ours(folder.stat()):
                self.folder = folder
            else:
                self.reason = f"{folder} belongs to another user, or others may write to it"
        except (OSError, RuntimeError) as error:
            self.reason = str(error)

    def find(self, key: str) -> Path | None:
        """Return the library of a key, and note that it was used; None if there is none.

        A file that is not sound is removed.
        """
        for entry in self._entries():
            path = Path(entry.path)
            if not entry.name.startswith(key):
                continue
            if _is_sound(path):
                with contextlib.suppress(OSError):
                    os.utime(path)
                    return path
            with contextlib.suppress(OSError):
                path.unlink()
        return None

    def store(self, key: str, library: Path) -> Path:
        """Move a library into the folder, in one step, and return where it is: where it was, if there is no room.

        Args:
            key: under which it is found.
            library: its file.
        """
        if self.folder is None:
            return library
        path = self.folder / f"{key}-{digest(library.read_bytes())}.so"
        try:
            library.chmod(0o600)
            os.replace(library, path)
        except OSError as error:
            self.reason = str(error)
            return library
        self._make_room(path.name)
        return path

    @contextlib.contextmanager
    def work_folder(self) -> Iterator[Path]:
        """Yield an empty folder for one build, which is removed in the end."""
        try:
            path = tempfile.mkdtemp(prefix="work-", dir=self.folder)
        except OSError as error:  # the cache is full, or only to be read
            self.folder, self.reason = None, str(error)
            path = tempfile.mkdtemp(prefix="autograd_lite-")
        try:
            yield Path(path)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.folder) if self.folder is not None else contextlib.nullcontext(()) as entries:
                return list(entries)
        except OSError:
            return []

    def _make_room(self, newest: str) -> None:
        """Remove the libraries unused for longest, if there are too many, and the leftovers of killed processes."""
        libraries: list[tuple[float, int, str]] = []
        for entry in self._entries():
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if entry.name.startswith("work-") and status.st_mtime < time.time() - _STALE:
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif entry.name.endswith(".so") and entry.name != newest:
                    libraries.append((status.st_mtime, status.st_size, entry.path))
        excess = sum(size for _, size, _ in libraries) - MOST_BYTES
        for _, size, path in sorted(libraries):
            if excess <= 0:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
            excess -= size


def _is_ours(status: os.stat_result) -> bool:
    """Return whether a file or folder is this user's, which no one else may write to."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_sound(path: Path) -> bool:
    """Return whether a file is this user's and has the bytes that its name says."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            is_file = stat.S_ISREG(status.st_mode) and status.st_size < MOST_BYTES
            return is_file and _is_ours(status) and path.stem.endswith("-" + digest(file.read()))
    except OSError:
        return False
