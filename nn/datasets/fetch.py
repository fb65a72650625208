"""Find a dataset's files on this machine, or download, check and install them.

Every byte from a disk or a network is checked before it is used: sizes are bounded before memory is spent, and the hash
of the content is compared with the one in `sources`. So a file in the cache is either whole or absent, and a download
that fails half-way through a set leaves the verified files: the next call continues from there.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from autograd_lite.extend import cache_folder, needs, write_file

_USER_AGENT = {"User-Agent": "autograd-lite"}
_CHUNK = 1 << 16
_GZIP = 31  # zlib's window-size code for "a gzip stream, with its checksum"


class DatasetError(RuntimeError):
    """A dataset's file is missing, damaged or cannot be downloaded.

    Example:
        >>> issubclass(DatasetError, Exception)
        True
    """


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a dataset, described in advance.

    Attributes:
        name: Its name on every mirror, and on disk; never taken from an address or a response.
        size: Bytes after decompression.
        digest: The SHA-256 of the bytes after decompression, so that the same data compressed anew is still accepted;
            or the MD5, in 32 digits, of files of which only that is published.
        of_packed: Whether `digest` is of the compressed bytes instead, and `size` the most that they may unpack to, for
            files of which only that hash is published.
        gzipped: Whether it is a gzip; otherwise its bytes are the content, at most `size` of them.
        kept_as: Its name on disk, if that is another one.
    """

    name: str
    size: int
    digest: str
    of_packed: bool = False
    gzipped: bool = True
    kept_as: str = ""

    @property
    def max_packed(self) -> int:
        """The most bytes that any gzip of this content can take."""
        return self.size + self.size // 100 + 1024 if self.gzipped else self.size

    @property
    def on_disk(self) -> str:
        """Its name on disk."""
        return self.kept_as or self.name


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dataset comes from.

    Attributes:
        dataset: Its short name, which names its folder in the cache.
        mirrors: Addresses that end in "/", in the order in which they are tried.
        timeout: Seconds that a mirror may stay silent.
        deadline: The value of `time.monotonic()` at which downloading is given up.
        progress: Whether a progress bar is shown.
    """

    dataset: str
    mirrors: Sequence[str]
    timeout: float = 30.0
    deadline: float = float("inf")
    progress: bool = True


def locate(file: DataFile, dataset: str) -> Path | None:
    """Find a file in $AUTOGRAD_LITE_DATA (or its subfolder named after the dataset), then in the user's cache."""
    folders = [*_given_folders(dataset), cache_folder(dataset)]
    return next((folder / file.on_disk for folder in folders if (folder / file.on_disk).is_file()), None)


def unpack(packed: bytes, file: DataFile, where: str) -> bytes:
    """Decompress one file and check it.

    Args:
        packed: The file's bytes.
        file: What the content must be.
        where: A path or an address, for the error message.

    Returns:
        The content, with the size and the hash that are stated.

    Raises:
        DatasetError: The stream is truncated or damaged, or holds something else.
    """
    data = _decompress(packed, file, where) if file.gzipped else packed
    kind = "MD5" if len(file.digest) == 32 else "SHA-256"
    hashed = packed if file.of_packed else data
    digest = (hashlib.md5(hashed, usedforsecurity=False) if kind == "MD5" else hashlib.sha256(hashed)).hexdigest()
    if digest != file.digest or len(data) > file.size:
        raise DatasetError(
            f"{where} is not the right file: {_describe(file)}, received {len(data):,} bytes with {kind} {digest[:16]}…"
        )
    return data


def _describe(file: DataFile) -> str:
    kind = "MD5" if len(file.digest) == 32 else "SHA-256"
    size = "a gzip of" if file.gzipped else "at most"
    return f"expected {size} {file.size:,} bytes with {kind} {file.digest[:16]}…"


def _decompress(packed: bytes, file: DataFile, where: str) -> bytes:
    """Return the content of a gzip, at most `file.size` bytes."""
    expected = _describe(file)
    stream = zlib.decompressobj(_GZIP)
    try:
        # One byte more than the right content has, so that a stream that would inflate without end is noticed.
        data = stream.decompress(packed, file.size + 1)
    except zlib.error as error:
        raise DatasetError(f"{where} is damaged: {expected}, received a broken stream ({error})") from None
    if len(data) > file.size:
        raise DatasetError(f"{where} is not the right file: {expected}, received more bytes than that")
    if not stream.eof:
        raise DatasetError(f"{where} is truncated: {expected}, received a stream that ends after {len(data):,} bytes")
    return data


def read_embedded(caller: str, folder: Path, file: DataFile, package: str = "autograd-lite") -> bytes:
    """Return the checked content of a file that comes with a package.

    Args:
        caller: The call, for the error message.
        folder: Where the file lies.
        file: Its expected size and digest.
        package: What brings the file, by the name that pip knows.

    Raises:
        DatasetError: The installed package is damaged.
    """
    try:
        return unpack((folder / file.name).read_bytes(), file, str(folder / file.name))
    except (OSError, DatasetError) as error:
        raise DatasetError(f"{caller}: {error}. Install the package {package} again.") from error


def load(file: DataFile, source: Source) -> bytes:
    """Return the checked content of a file: from this machine if it is here, else from a mirror.

    What Keras has downloaded before, under the same name and with the same hash, is here too.

    Args:
        file: The file wanted.
        source: Its dataset and mirrors.

    Returns:
        The decompressed content.

    Raises:
        DatasetError: The file found is damaged, or no mirror gave a good one.
    """
    path = locate(file, source.dataset)
    if path is None:
        content = _kept_by_keras(file)
        return fetch(file, source) if content is None else content
    try:
        with path.open("rb") as stream:
            packed = stream.read(file.max_packed + 1)
    except OSError as error:
        raise DatasetError(f"{source.dataset}: {path} cannot be read ({error}). Check its permissions.") from error
    try:
        return unpack(packed, file, str(path))
    except DatasetError as error:
        raise DatasetError(f"{source.dataset}: {error}. {_set_aside(path, source.dataset)}") from None


def _kept_by_keras(file: DataFile) -> bytes | None:
    """Return the content of the same file in Keras's own cache; another one there is none of our business."""
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / file.on_disk
    try:
        with path.open("rb") as stream:
            return unpack(stream.read(file.max_packed + 1), file, str(path))
    except (OSError, DatasetError):
        return None


def fetch(file: DataFile, source: Source) -> bytes:
    """Download a file from the first mirror that gives a good one, and install it in the user's cache.

    Args:
        file: The file wanted.
        source: Its dataset and mirrors.

    Returns:
        The decompressed content.

    Raises:
        DatasetError: No mirror gave a good file (each one's reason is in the message), or the cache cannot be written.
    """
    target = cache_folder(source.dataset) / file.on_disk
    failures = []
    for mirror in source.mirrors:
        packed = b""
        try:
            packed = _download(mirror + file.name, file, source)
            data = unpack(packed, file, "what it sent")
        except DatasetError as error:
            failures.append(f"{mirror}: {error}{_keep_rejected(packed, target)}")
            continue
        try:
            install(packed, target)
        except OSError as error:
            raise DatasetError(
                f"{source.dataset}: {file.name} was downloaded but cannot be written to {target.parent} ({error}). "
                f"Free some space, or set XDG_CACHE_HOME to a folder that can be written."
            ) from error
        return data
    looked = ", ".join(map(str, [*_given_folders(source.dataset), target.parent]))
    tried = "\n  ".join(failures) or "there is no mirror to try"
    raise DatasetError(
        f"{source.dataset}: {file.name} is not in {looked}, and could not be downloaded:\n  {tried}\n"
        f"Check the network and try again, or put the dataset's files in a folder and set AUTOGRAD_LITE_DATA to it. "
        f"nn.datasets.mnist.load_sample() needs no network: it returns 7,000 digits, of the package "
        f"autograd-lite-digits; nn.datasets.diabetes (442 patients) and nn.datasets.text (a book) come with this one."
    )


def install(packed: bytes, target: Path) -> None:
    """Write a file so that the target is always the whole new file or the old one.

    Args:
        packed: The file's bytes.
        target: Its path; missing folders are made.

    Raises:
        OSError: The disk is full or cannot be written; nothing is left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, packed, caller="install")


def first_to_answer(mirrors: Sequence[str], name: str, seconds: float) -> str | None:
    """Ask every mirror for a file's headers at once.

    Args:
        mirrors: Addresses that end in "/".
        name: The file asked for.
        seconds: How long to wait in total, name look-up included. No socket timeout can bound that, hence the threads.

    Returns:
        The mirror that answered first, or None if none did in time.
    """
    answers: SimpleQueue[str | None] = SimpleQueue()
    for mirror in mirrors:
        threading.Thread(target=_ask, args=(mirror, name, seconds, answers), daemon=True).start()
    end = time.monotonic() + seconds
    for _ in mirrors:
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            return None
        if answer is not None:
            return answer
    return None


def _ask(mirror: str, name: str, seconds: float, answers: SimpleQueue[str | None]) -> None:
    """Put the mirror in `answers` if it has the file, else None."""
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(mirror + name, headers=_USER_AGENT, method="HEAD"), timeout=seconds):
            answers.put(mirror)
    except (OSError, HTTPException):
        answers.put(None)


def _bar(name: str, total: int | None) -> Any:
    """Return a progress bar over bytes."""
    with needs("load_data", "tqdm", otherwise=", or pass progress=False"):
        from tqdm import tqdm
    return tqdm(total=total, desc=name, unit="B", unit_scale=True)


def _download(url: str, file: DataFile, source: Source) -> bytes:
    """Return what an address sends, within the limits on size and time; every failure is a DatasetError."""
    if time.monotonic() >= source.deadline:
        raise DatasetError("not tried: the time was over")
    received = bytearray()
    for chunk in chunks(url, file.name, source.timeout, source.deadline, progress=source.progress):
        received += chunk
        if len(received) > file.max_packed:
            raise DatasetError(f"it sends more than {file.max_packed:,} bytes, too many for this file")
        if time.monotonic() > source.deadline:
            raise DatasetError(f"too slow: {len(received):,} bytes had arrived when the time was over")
    return bytes(received)


def chunks(
    url: str, name: str, timeout: float = 30.0, deadline: float = float("inf"), *, progress: bool = True
) -> Iterator[bytes]:
    """Yield what an address sends, piece by piece.

    Args:
        url: The address.
        name: What the progress bar is called.
        timeout: Seconds that the other side may stay silent.
        deadline: The value of `time.monotonic()` after which no more silence is waited for.
        progress: Whether a progress bar is shown.

    Raises:
        DatasetError: The address cannot be read, or sends less than it announced.
    """
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    arrived = 0
    try:
        wait = min(timeout, deadline - time.monotonic())
        with urlopen(Request(url, headers=_USER_AGENT), timeout=wait) as response:
            total = int(response.headers.get("Content-Length") or 0) or None
            with _bar(name, total) if progress else nullcontext() as bar:
                # read1 returns what has arrived: read would hold a slow mirror's bytes back past the deadline.
                while chunk := response.read1(_CHUNK):
                    arrived += len(chunk)
                    if bar is not None:
                        bar.update(len(chunk))
                    yield chunk
    except (OSError, HTTPException, ValueError) as error:
        raise DatasetError(f"{type(error).__name__}: {error}") from None
    if total is not None and arrived < total:
        raise DatasetError(f"it announced {total:,} bytes, and only {arrived:,} arrived")


def _given_folders(dataset: str) -> list[Path]:
    """Return the folders that $AUTOGRAD_LITE_DATA adds to the search: itself, and one in it named after the dataset."""
    folder = os.environ.get("AUTOGRAD_LITE_DATA")
    return [Path(folder), Path(folder) / dataset] if folder else []


def _set_aside(path: Path, dataset: str) -> str:
    """Rename a damaged file in the cache to *.rejected, leave one in the user's folder; return a sentence on it."""
    if path.parent in _given_folders(dataset):
        return (
            "It lies in the folder that AUTOGRAD_LITE_DATA names, so it was left as it is: replace it, "
            "or unset AUTOGRAD_LITE_DATA to use the cache and the mirrors."
        )
    rejected = path.with_name(path.name + ".rejected")
    try:
        os.replace(path, rejected)
    except OSError as error:
        return f"It could not be moved aside ({error}): delete it, then call again to download a fresh copy."
    return f"It was kept aside as {rejected}; call again to download a fresh copy."


def _keep_rejected(packed: bytes, target: Path) -> str:
    """Keep a bad download next to its target for inspection, if there is one and the disk allows it."""
    if not packed:
        return ""
    rejected = target.with_name(target.name + ".rejected")
    try:
        install(packed, rejected)
    except OSError:
        return ""
    return f" (kept as {rejected})"
