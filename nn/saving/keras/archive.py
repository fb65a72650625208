"""Zip archives of a few files, in memory: Keras's `.keras`, read without trusting it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from ...config.limits import elements_allowed
from ..safetensors import SavedFileError

SIGNATURE = b"PK\x03\x04"
_ENTRIES = 1000
_TEXT = 1 << 26  # bytes of a JSON text


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files by their names, uncompressed, as Keras writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # of the year 1980: the same model makes the same archive
    return buffer.getvalue()


def read_archive(what: str, where: str, data: bytes) -> dict[str, bytes]:
    """Return the files in a zip archive by their names; nothing is written.

    Args:
        what: the call, for error messages.
        where: the file, for error messages.
        data: the whole archive.

    Raises:
        SavedFileError: if it is damaged, or has too many files or too large ones, two of one name, or names that lead
            out of a folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _ENTRIES:
                raise ValueError(f"more than {_ENTRIES} files")
            found: dict[str, bytes] = {}
            left = max(len(data), 4 * elements_allowed())
            for entry in entries:
                _check(entry, found)
                most = min(left, _TEXT) if entry.filename.endswith(".json") else left
                with archive.open(entry) as file:
                    found[entry.filename] = file.read(most + 1)
                left -= len(found[entry.filename])
                if len(found[entry.filename]) > most:
                    raise ValueError(f"{entry.filename!r:.80} has more than {most:_} bytes when it is unpacked")
            return found
    except Exception as error:  # zipfile raises whatever its parts raise
        raise SavedFileError(
            f"{what}: expected a zip archive, as Keras writes it; {where} is damaged, or holds something else ({error})"
        ) from error


def _check(entry: zipfile.ZipInfo, found: Mapping[str, bytes]) -> None:
    name = entry.filename
    if entry.flag_bits & 1:
        raise ValueError(f"{name!r:.80} is encrypted")
    if name in found:
        raise ValueError(f"two files are called {name!r:.80}")
    if (
        name.startswith("/")
        or "\\" in name
        or ":" in name
        or ".." in name.split("/")
        or entry.external_attr >> 28 == 0o12
    ):
        raise ValueError(f"{name!r:.80} leads out of the archive")
