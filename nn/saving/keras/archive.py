"""Zip archives of a few files, in memory: Keras's `.keras`, read without trusting it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from autograd_lite.files import SavedFileError, refused_as

from ...config.limits import WAY_OUT, bytes_allowed

SIGNATURE = b"PK\x03\x04"
_ENTRIES = 1000
_TEXT = 1 << 23  # bytes that a JSON text may unpack to


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files by their names, uncompressed, as Keras writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # of the year 1980: the same model makes the same archive
    return buffer.getvalue()


def read_archive(caller: str, where: str, data: bytes) -> dict[str, bytes]:
    """Return the files in a zip archive by their names; nothing is written.

    Args:
        caller: the call, for error messages.
        where: the file, for error messages.
        data: the whole archive.

    Raises:
        SavedFileError: if it is damaged, or has too many files or too large ones, two of one name, or names that lead
            out of a folder.
    """
    with refused_as(
        caller,
        lambda error: SavedFileError(
            f"{caller}: expected a zip archive, as Keras writes it; {where} is damaged, or something else ({error})"
        ),
    ):
        return _read(data)


def _read(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > _ENTRIES:
            raise ValueError(f"more than {_ENTRIES} files")
        files: dict[str, bytes] = {}
        left = bytes_allowed(len(data))
        for entry in entries:
            _check(entry, files)
            most = min(left, max(len(data), _TEXT)) if entry.filename.endswith(".json") else left
            if entry.file_size > most:  # zipfile reads no more than this, whatever there is
                raise ValueError(f"{entry.filename!r:.80} has more than {most:_} bytes when it is unpacked{WAY_OUT}")
            with archive.open(entry) as file:
                files[entry.filename] = file.read()
            left -= len(files[entry.filename])
        return files


def _check(entry: zipfile.ZipInfo, files: Mapping[str, bytes]) -> None:
    name = entry.filename
    if entry.flag_bits & 1:
        raise ValueError(f"{name!r:.80} is encrypted")
    if name in files:
        raise ValueError(f"two files are called {name!r:.80}")
    if (
        name.startswith("/")
        or "\\" in name
        or ":" in name
        or ".." in name.split("/")
        or entry.external_attr >> 28 == 0o12
    ):
        raise ValueError(f"{name!r:.80} leads out of the archive")
