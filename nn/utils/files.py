"""Downloading a file once, as `keras.utils.get_file` does: the same names in the same folders."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import tempfile
import urllib.parse
import warnings
from collections.abc import Sequence
from pathlib import Path

from ..config.arguments import checked, one_of
from ..datasets.fetch import DatasetError, chunks
from .archives import unpack

__all__ = ["get_file"]

_KINDS = ("tar", "zip")


@checked
def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | os.PathLike[str] = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file, unless it is in the cache, and return its path; or unpack it, and return the folder.

    A file is whole or absent: it is downloaded next to its place, checked, and renamed. Archives are unpacked by rules
    that keep what they hold inside of the folder, and its size and number of files within bounds (`nn.utils.archives`).

    Args:
        fname: The file's name; by default the last part of the address. For an archive that is unpacked, the folder is
            called by it: up to the first dot, with "_extracted".
        origin: The address.
        untar: Whether to unpack a tar; `extract` is the newer word.
        md5_hash: The MD5 of the file; `file_hash` is the newer word.
        file_hash: The SHA-256 (64 digits) or MD5 of the file. One in the cache that differs is downloaded again.
        cache_subdir: The folder in `cache_dir`; or an absolute path.
        hash_algorithm: "sha256", "md5", or "auto", which tells by the length.
        extract: Whether to unpack the file, a tar or a zip.
        archive_format: "tar" (also compressed by gzip, bzip2 or xz), "zip", several, "auto" for both, or None.
        cache_dir: By default the environment variable KERAS_HOME, or ~/.keras; if it is missing or cannot be written,
            .keras in the folder for temporary files.
        force_download: Whether to download a file that is in the cache.

    Returns:
        The path of the file, or of the folder into which it was unpacked.

    Raises:
        ValueError: The address is missing, a name has folders, the hash is wrong, or the archive is refused.
        DatasetError: The address cannot be read.

    Example:
        >>> path = get_file("data.zip", origin="https://example.org/data.zip", extract=True)  # doctest: +SKIP
    """
    if not origin:
        raise ValueError(f"get_file: expected origin to be an address; received {origin!r}. Write origin='https://…'")
    if file_hash is None and md5_hash is not None:
        file_hash, hash_algorithm = md5_hash, "md5"
    algorithm = one_of("auto", "sha256", "md5")("get_file", "hash_algorithm", hash_algorithm)
    if algorithm == "auto":
        algorithm = "sha256" if file_hash is not None and len(file_hash) == 64 else "md5"
    kinds = _kinds("tar" if untar else archive_format)
    folder = _cache_dir(cache_dir) / os.fspath(cache_subdir)
    target, unpacked = _names(None if fname is None else os.fspath(fname), origin, extract or untar)
    path = folder / target
    is_current = path.exists() and (file_hash is None or _hash_of(path, algorithm) == file_hash)
    if force_download or not is_current:
        folder.mkdir(parents=True, exist_ok=True)
        _download(origin, path, algorithm, file_hash)
    if unpacked is None:
        return str(path)
    if not unpack(path, folder / unpacked, kinds):
        warnings.warn(f"get_file: {path} is not an archive of the kind {archive_format!r}", UserWarning, stacklevel=2)
    return str(folder / unpacked)


def _kinds(archive_format: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return which kinds of archives are tried."""
    if archive_format == "auto":
        return _KINDS
    formats = [archive_format] if isinstance(archive_format, str) else archive_format or ()
    return tuple(one_of(*_KINDS)("get_file", "archive_format", kind) for kind in formats)


def _cache_dir(folder: str | os.PathLike[str] | None) -> Path:
    """Return the folder of the cache, as Keras chooses it."""
    if folder is None:
        base = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        with contextlib.suppress(OSError):  # then it cannot be written either
            base.mkdir(parents=True, exist_ok=True)
    else:
        base = Path(folder).expanduser()
    if os.access(base, os.W_OK):
        return base
    return Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / ".keras"


def _names(fname: str | None, origin: str, extract: bool) -> tuple[str, str | None]:
    """Return the name of the file, and that of the folder into which it is unpacked, if it is."""
    name = fname or os.path.basename(urllib.parse.urlsplit(origin).path)
    if os.path.basename(name) != name or name in ("", ".", ".."):
        fix = "Name the folders in cache_subdir or cache_dir" if fname else "Pass fname"
        raise ValueError(f"get_file: expected the name of a file without folders; received {name!r}. {fix}")
    if not extract:
        return name, None
    if fname and "." in fname:
        return name, f"{name[: name.find('.')]}_extracted"
    return f"{name}_archive", name


def _hash_of(path: Path, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _download(origin: str, path: Path, algorithm: str, file_hash: str | None) -> None:
    """Download a file, check it, and put it in its place."""
    handle, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks(origin, path.name, progress=importlib.util.find_spec("tqdm") is not None):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        received = _hash_of(Path(new), algorithm)
        if file_hash is not None and received != file_hash:
            raise ValueError(
                f"get_file: expected {origin} to have the {algorithm} {file_hash}; received a file with {received}. It "
                "is another version, or was damaged on the way: try again, or pass the hash of the version you want"
            )
        os.chmod(new, 0o644)
        os.replace(new, path)
    except DatasetError as error:
        raise DatasetError(
            f"get_file: expected {origin} to be downloadable; received {error}. Check the address and the network, or "
            f"put the file at {path}"
        ) from None
    finally:
        Path(new).unlink(missing_ok=True)
