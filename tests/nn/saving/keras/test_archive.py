"""Zip archives are read in memory, within budgets, and without trusting a name or a size in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from nn.saving import SavedFileError, max_elements
from nn.saving.keras.archive import archive_bytes, read_archive


def made(fill: Callable[[zipfile.ZipFile], object], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        fill(archive)
    return buffer.getvalue()


def link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("config.json")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def many(archive: zipfile.ZipFile) -> None:
    for i in range(1001):
        archive.writestr(str(i), "")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda a: a.writestr("../config.json", "x"), "leads out of the archive"),
        (lambda a: a.writestr("a/../../b", "x"), "leads out of the archive"),
        (lambda a: a.writestr("/etc/x", "x"), "leads out of the archive"),
        (lambda a: a.writestr("C:x", "x"), "leads out of the archive"),
        (link, "leads out of the archive"),
        (lambda a: [a.writestr("config.json", text) for text in "ab"], "two files are called 'config.json'"),
        (many, "more than 1000 files"),
    ],
    ids=["parent", "deeper parent", "absolute", "drive", "link", "twice", "many"],
)
def test_names_that_are_refused(fill: Callable[[zipfile.ZipFile], object], message: str) -> None:
    with pytest.raises(SavedFileError, match=message):
        read_archive("load_model", "m.keras", made(fill))


def test_a_small_file_does_not_become_a_large_one() -> None:
    data = made(lambda a: a.writestr("model.weights.h5", bytes(1 << 20)), zipfile.ZIP_DEFLATED)
    assert len(data) < 3000
    assert len(read_archive("load_model", "m.keras", data)["model.weights.h5"]) == 1 << 20
    with max_elements(1 << 10), pytest.raises(SavedFileError, match="more than 4_096 bytes when it is unpacked"):
        read_archive("load_model", "m.keras", data)
    two = made(lambda a: [a.writestr(name, bytes(3000)) for name in "ab"], zipfile.ZIP_DEFLATED)
    with max_elements(1 << 10), pytest.raises(SavedFileError, match=r"'b' has more than 1_096 bytes"):
        read_archive("load_model", "m.keras", two)


def test_what_is_written_is_read_and_depends_on_nothing_else() -> None:
    files = {"config.json": b"{}", "b": bytes(range(256))}
    assert archive_bytes(files) == archive_bytes(files)
    assert read_archive("load_model", "m.keras", archive_bytes(files)) == files


def test_every_truncation_is_noticed() -> None:
    data = archive_bytes({"config.json": b'{"a": 1}', "b": b"c" * 20})
    for cut in range(len(data)):
        with pytest.raises(SavedFileError, match="is damaged, or something else"):
            read_archive("load_model", "m.keras", data[:cut])
