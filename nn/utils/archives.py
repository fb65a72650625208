"""Unpacking archives from anywhere: whatever they hold, nothing is written outside of the folder, nor without end.

Names with `..`, absolute names, links that leave the folder, devices and pipes are refused, and so are archives that
unpack to far more than they are. An archive is unpacked into a new folder next to the one that was asked for, and moved
there when it is whole: one that is refused leaves nothing.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..config.limits import elements_allowed

__all__ = ["ENTRIES", "RATIO", "unpack"]

ENTRIES = 1 << 20  # files, folders and links in one archive
RATIO = 100  # bytes of content for each byte of the archive, besides as many as `max_elements` has elements
_PIECE = 1 << 18  # bytes read at once
_HEADER = 1 << 20  # bytes that one name or comment may take
_COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
# What a system says of names, and zipfile of places in a file; all other errors are those of a disk.
_OF_NAMES = {errno.EINVAL, errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EILSEQ}


class _Refused(ValueError):
    """What an archive holds is damaged or not safe."""


def unpack(path: Path, folder: Path, kinds: Sequence[str]) -> bool:
    """Unpack an archive into a folder, over its present contents.

    Args:
        path: of the archive: a tar, which may be compressed by gzip, bzip2 or xz, or a zip.
        folder: made if it is missing.
        kinds: "tar", "zip" or both: tried in this order.

    Returns:
        Whether it is an archive of one of these kinds.

    Raises:
        ValueError: if it is damaged, or holds something that is refused; the folder is then as it was.
        OSError: if a file cannot be written.
    """
    kind = next((kind for kind in kinds if _is(kind, path)), None)
    if kind is None:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(os.path.realpath(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent)))
    try:
        (_unzip if kind == "zip" else _untar)(path, _Folder(new, path))
        _move(new, folder)
    except _Refused as error:
        raise ValueError(
            f"get_file: expected {path} to be an archive that can be unpacked safely; received one that {error}. "
            "Nothing was unpacked: if you trust its source, unpack it with a program of your system"
        ) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return True


def _move(new: Path, folder: Path) -> None:
    """Put the contents of a new folder into another one, which may be there; each file is replaced in one step."""
    if not os.path.lexists(folder):
        new.chmod(0o755)
        new.rename(folder)
        return
    folders, files = [], []
    for at, inner, names in os.walk(new):
        links = [name for name in inner if os.path.islink(os.path.join(at, name))]
        here = folder / os.path.relpath(at, new)
        folders.append(here)
        files += [(os.path.join(at, name), here / name) for name in (*names, *links)]
    taken = [*(p for p in folders if os.path.lexists(p) and not p.is_dir()), *(p for _, p in files if _is_folder(p))]
    if taken:
        raise _Refused(f"does not fit to what is in the folder: of {taken[0]}, one is a file, and one a folder")
    for here in folders:
        here.mkdir(exist_ok=True)
    for source, here in files:
        os.replace(source, here)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


@contextmanager
def _reading() -> Iterator[None]:
    """Refuse an archive whose reader raises anything but an error of writing."""
    try:
        yield
    except (_Refused, MemoryError):
        raise
    except Exception as error:  # zipfile and tarfile raise a dozen kinds of them for damaged headers
        if isinstance(error, OSError) and error.errno not in _OF_NAMES:
            raise
        raise _Refused(f"is damaged ({type(error).__name__}: {error!s:.200})") from None


class _Folder:
    """A new folder, and what an archive may still put there."""

    def __init__(self, root: Path, archive: Path) -> None:
        self.root = root
        self.entries = ENTRIES
        self.bytes = RATIO * archive.stat().st_size + elements_allowed()
        self.free_of_links: set[Path] = set()  # folders; none of them can become a link, which only replaces files

    def place(self, name: str) -> Path:
        """Return where an entry belongs; none is outside of the folder or behind a link."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in re.split(r"[/\\]", name) or "\0" in name or re.match(r"[A-Za-z]:", name):
            raise _Refused(f"has an entry outside of itself, {name!r:.200}")
        path = self.root.joinpath(*parts)
        if path.parent not in self.free_of_links and path != self.root:
            if os.path.realpath(path.parent) != str(path.parent):
                raise _Refused(f"has an entry behind a link, {name!r:.200}")
            self.free_of_links.add(path.parent)
        return path

    def add(self, name: str, make: Callable[[Path], Any]) -> None:
        """Make an entry in the place of an older one, unless that is a folder."""
        self.entries -= 1
        if self.entries < 0:
            raise _Refused(f"has more than {ENTRIES:,} entries")
        path = self.place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_folder(path):
            path.unlink(missing_ok=True)
        make(path)

    def write(self, name: str, size: int, stream: IO[bytes] | None, executable: bool) -> None:
        """Write a file, whose size the archive states."""
        self.bytes -= size
        if size < 0 or self.bytes < 0:
            raise _Refused("unpacks to far more than it is")

        def make(path: Path) -> None:
            with open(path, "xb") as file:
                left = size
                while left and stream is not None and (piece := stream.read(min(left, _PIECE))):
                    file.write(piece)
                    left -= len(piece)
            if left:
                raise _Refused(f"is cut short in {name!r:.200}")
            if executable:
                path.chmod(0o755)

        self.add(name, make)

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link to something in the folder.

        Its target first goes up, from a folder that is behind no link, and then only down: so it cannot leave, whatever
        other links it passes.
        """
        path = self.place(name)
        ups = re.match(r"(?:\.\.?(?:/+|$))*", target)
        rest = target[ups.end() :] if ups else target
        up = target[: len(target) - len(rest)].count("..")
        bad = not target or rest.startswith("/") or ".." in re.split(r"[/\\]", rest) or "\0" in rest or ":" in rest[:2]
        if bad or up >= len(path.relative_to(self.root).parts):
            raise _Refused(f"has a link that leaves it, {name!r:.200} to {target!r:.200}")
        self.add(name, lambda path: path.symlink_to(target))

    def copy(self, name: str, target: str) -> None:
        """Copy a file that was unpacked before: what tar calls a hard link."""
        source = self.place(target)
        if source.is_symlink() or not source.is_file() or source == self.place(name):
            raise _Refused(f"has a link to what is not an earlier file of it, {name!r:.200} to {target!r:.200}")
        with open(source, "rb") as stream:
            self.write(name, source.stat().st_size, stream, executable=False)


# ---- the kinds ------------------------------------------------------------------------------------------------------


class _Steady(io.RawIOBase):
    """A stream that never reads much at once, and ends: tarfile believes the sizes that headers state."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.ends = stream, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        data = self._ask(self.stream.read, size)
        self.ends += not data
        if self.ends > 100:
            raise tarfile.ReadError("it goes on after its end")
        return bytes(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._ask(self.stream.seek, offset, whence))

    def tell(self) -> int:
        return int(self.stream.tell())

    @staticmethod
    def _ask(do: Callable[..., Any], *args: int) -> Any:
        try:
            return do(*args)
        except OSError as error:  # of the decompressors; an OSError that gets out is one of writing
            raise tarfile.ReadError(str(error)) from None


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    with open(path, "rb") as file:
        opened = _COMPRESSED.get(file.read(2))
        file.seek(0)
        steady: Any = _Steady(file if opened is None else opened(file))
        with tarfile.open(fileobj=steady, mode="r:") as tar:
            yield tar


def _is(kind: str, path: Path) -> bool:
    if kind == "zip":
        return zipfile.is_zipfile(path)
    try:
        with _tar(path):
            return True
    except Exception:  # whatever it is, it is not a tar
        return False


def _untar(path: Path, folder: _Folder) -> None:
    with _reading(), _tar(path) as tar:
        while (entry := tar.next()) is not None:
            vars(tar)["members"].clear()  # tarfile would keep them all
            if entry.isdir():
                folder.add(entry.name, lambda path: path.mkdir(exist_ok=True))
            elif entry.issym():
                folder.link(entry.name, entry.linkname)
            elif entry.islnk():
                folder.copy(entry.name, entry.linkname)
            elif entry.isreg():
                folder.write(entry.name, entry.size, tar.extractfile(entry), bool(entry.mode & 0o100))
            else:
                raise _Refused(f"has a device or a pipe, {entry.name!r:.200}")


def _unzip(path: Path, folder: _Folder) -> None:
    with _reading(), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                folder.add(entry.filename, lambda path: path.mkdir(exist_ok=True))
                continue
            with archive.open(entry) as stream:
                executable = bool(entry.external_attr >> 16 & 0o100)
                folder.write(entry.filename, entry.file_size, stream, executable)
