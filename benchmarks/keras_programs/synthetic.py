"""Made-up data in place of downloads: data sets of the true shapes, and small files of the names that programs read."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas

WORDS = ["the", "a", "it", "was", "film", "plot", "good", "bad", "very", "not", "dull", "we", "saw", "liked", "never"]
HEART = ["age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca"]
CLIMATE = ["p (mbar)", "T (degC)", "Tpot (K)", "Tdew (degC)", "rh (%)", "VPmax (mbar)", "VPact (mbar)", "VPdef (mbar)"]
CLIMATE += ["sh (g/kg)", "H2OC (mmol/mol)", "rho (g/m**3)", "wv (m/s)", "max. wv (m/s)", "wd (deg)"]


UNPACKED = "unpacked"


@functools.cache
def _rng(seed: str) -> np.random.Generator:
    return np.random.default_rng(list(seed.encode()))


def _images(count: int, shape: tuple[int, ...], classes: int, labels: tuple[int, ...] = ()) -> Callable[..., Any]:
    def load_data(*_: Any, **__: Any) -> Any:
        rng = np.random.default_rng(0)

        def split(n: int) -> tuple[np.ndarray, np.ndarray]:
            return rng.integers(0, 256, (n, *shape), np.uint8), rng.integers(0, classes, (n, *labels), np.uint8)

        return split(count), split(10_000)

    return load_data


def _sequences(counts: tuple[int, int], words: int, classes: int) -> Callable[..., Any]:
    """Lists of word indices; fewer than in the true data set of reviews, which would take gigabytes as one-hot rows."""

    def load_data(path: Any = None, num_words: int | None = None, maxlen: int | None = None, **_: Any) -> Any:
        rng = np.random.default_rng(0)
        highest, longest = num_words or words, maxlen or 60

        def split(count: int) -> tuple[np.ndarray, np.ndarray]:
            rows = np.empty(count, object)
            rows[:] = [[1, *rng.integers(4, highest, rng.integers(5, longest)).tolist()] for _ in range(count)]
            return rows, rng.integers(0, classes, count)

        return split(counts[0]), split(counts[1])

    return load_data


def _rows(counts: tuple[int, int], width: int) -> Callable[..., Any]:
    def load_data(*_: Any, **__: Any) -> Any:
        rng = np.random.default_rng(0)
        return tuple((rng.normal(size=(n, width)), rng.uniform(5, 50, n)) for n in counts)

    return load_data


LOADERS = {
    "mnist": _images(60_000, (28, 28), 10),
    "fashion_mnist": _images(60_000, (28, 28), 10),
    "cifar10": _images(50_000, (32, 32, 3), 10, (1,)),
    "cifar100": _images(50_000, (32, 32, 3), 100, (1,)),
    "imdb": _sequences((12_000, 2_000), 88_584, 2),
    "reuters": _sequences((8_982, 2_246), 30_980, 46),
    "boston_housing": _rows((404, 102), 13),
    "california_housing": _rows((16_512, 4_128), 8),
}


def word_index(*_: Any, **__: Any) -> dict[str, int]:
    return {**{f"word{n}": n for n in range(len(WORDS) + 1, 30_000)}, **{word: n + 1 for n, word in enumerate(WORDS)}}


def install(library: ModuleType, datasets: ModuleType) -> None:
    """Let the library's loaders and downloads, and Python's own, give made-up data; the network is closed."""
    for name, load_data in LOADERS.items():
        if (module := getattr(datasets, name, None)) is not None:
            module.load_data = load_data
            if hasattr(module, "get_word_index"):
                module.get_word_index = word_index
    if hasattr(library.utils, "get_file"):
        library.utils.get_file = get_file
    urllib.request.urlretrieve = urlretrieve
    for reader, name in ((np, "loadtxt"), (pandas, "read_csv")):
        setattr(reader, name, _local(getattr(reader, name)))
    socket.socket.connect = _closed  # type: ignore[method-assign, assignment]


def _local(read: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that reads a file or an address read the made-up file of that name."""

    @functools.wraps(read)
    def call(source: Any, *args: Any, **kwargs: Any) -> Any:
        return read(get_file(source) if str(source).startswith("http") else source, *args, **kwargs)

    return call


def _closed(*_: Any) -> None:
    raise OSError("no network")


def get_file(fname: Any = None, origin: Any = None, *_: Any, **options: Any) -> str:
    """The path of a made-up file of this name in the current folder; with `extract`, of a folder of its files.

    Programs look for unpacked files there, or beside it: the folder is a link to the one that it is in.
    """
    name = Path(str(fname or origin)).name
    if options.get("extract") or options.get("untar"):
        return str(Path.cwd() / UNPACKED)
    path = Path.cwd() / name
    if not path.exists():
        _make(path)
    return str(path)


def urlretrieve(url: str, filename: Any = None, *_: Any) -> tuple[str, None]:
    path = get_file(Path(url).name)
    if filename and Path(filename).resolve() != Path(path).resolve():
        shutil.copy(path, filename)
    return str(filename or path), None


def _make(path: Path) -> None:
    if path.suffix in (".jpg", ".jpeg", ".png"):
        image(path)
    elif path.suffix == ".txt":
        path.write_text(text(20_000), encoding="utf-8")
    else:
        raise OSError(f"no network, and {path.name} is none of the made-up files")


def image(path: Path, size: tuple[int, int] = (200, 180)) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_rng("image").integers(0, 256, (*size, 3), np.uint8)).save(path)


def text(length: int, seed: str = "text") -> str:
    """Sentences of a few words."""
    words = _rng(seed).choice(WORDS, length // 5)
    lines = [" ".join(words[start : start + 9]).capitalize() + ".\n" for start in range(0, len(words), 9)]
    return "".join(lines)


def make_files(folder: Path) -> None:
    """The files that the book's chapters and the examples read, small, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _climate(folder / "jena_climate_2009_2016.csv")
    (folder / "nietzsche.txt").write_text(text(20_000), encoding="utf-8")
    (folder / "shakespeare.txt").write_text(text(20_000), encoding="utf-8")
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for n in range(12):
                review = folder / "aclImdb" / split / label / f"{n}_7.txt"
                review.parent.mkdir(parents=True, exist_ok=True)
                review.write_text(text(200), encoding="utf-8")
    for name, note in (("spa-eng/spa.txt", ""), ("fra.txt", "\tnote")):
        (folder / name).parent.mkdir(exist_ok=True)
        pairs = [f"{text(20).strip()}\t{text(20).strip()}{note}\n" for _ in range(400)]
        (folder / name).write_text("".join(pairs), encoding="utf-8")
    for n in range(24):
        image(folder / "images" / f"Abyssinian_{n}.jpg", (60, 50))
        _trimap(folder / "annotations" / "trimaps" / f"Abyssinian_{n}.png")
        for split in ("train", "validation", "test"):
            image(folder / "cats_vs_dogs_small" / split / ("cat" if n % 2 else "dog") / f"{n}.jpg", (60, 50))
        image(folder / "PetImages" / ("Cat" if n % 2 else "Dog") / f"{n}.jpg", (60, 50))
    _tables(folder)
    (folder / "imagenet_class_index.json").write_text(json.dumps({str(n): [f"n{n}", f"c{n}"] for n in range(1000)}))
    _series(folder)
    _archives(folder)


def _trimap(path: Path) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_rng("trimap").integers(1, 4, (60, 50), np.uint8)).save(path)


def _climate(path: Path) -> None:
    values = _rng("climate").normal(10, 3, (8_000, len(CLIMATE))).round(2)
    rows = [[f"{n % 28 + 1:02d}.01.2009 {n % 24:02d}:10:00", *row] for n, row in enumerate(values)]
    _table(path, ["Date Time", *CLIMATE], rows, quote='"')


def _tables(folder: Path) -> None:
    rng = _rng("tables")
    thal = ["normal", "fixed", "reversible"]
    rows = [[*rng.integers(0, 4, len(HEART)), rng.choice(thal), rng.integers(0, 2)] for _ in range(303)]
    _table(folder / "heart.csv", [*HEART, "thal", "target"], rows)
    for place in (folder, folder / "ml-latest-small"):
        place.mkdir(exist_ok=True)
        ratings = [[rng.integers(1, 60), rng.integers(1, 90), rng.integers(1, 11) / 2, n] for n in range(800)]
        _table(place / "ratings.csv", ["userId", "movieId", "rating", "timestamp"], ratings)
        movies = [[n, f"Movie {n} (1999)", "Comedy|Drama"] for n in range(1, 91)]
        _table(place / "movies.csv", ["movieId", "title", "genres"], movies)


def _series(folder: Path) -> None:
    rng = _rng("series")
    for name in ("FordA_TRAIN.tsv", "FordA_TEST.tsv"):
        np.savetxt(folder / name, np.column_stack([rng.choice([-1, 1], 80), rng.normal(size=(80, 500))]), "%.3f", "\t")
    for name in ("art_daily_small_noise.csv", "art_daily_jumpsup.csv"):
        rows = [
            [f"2014-04-{1 + n // 288:02d} {n // 12 % 24:02d}:{n % 12 * 5:02d}:00", rng.uniform(18, 90)]
            for n in range(4032)
        ]
        _table(folder / name, ["timestamp", "value"], rows)
    np.save(folder / "moving_mnist.npy", rng.integers(0, 256, (20, 40, 64, 64), np.uint8))


def _table(path: Path, names: list[str], rows: list[list[Any]], quote: str = "") -> None:
    lines = [",".join(quote + name + quote for name in names), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")


def _archives(folder: Path) -> None:
    """Archives of some of the files, for programs that unpack by themselves."""
    with zipfile.ZipFile(folder / "jena_climate_2009_2016.csv.zip", "w") as archive:
        archive.write(folder / "jena_climate_2009_2016.csv", "jena_climate_2009_2016.csv")
    with zipfile.ZipFile(folder / "ml-latest-small.zip", "w") as archive:
        for name in ("ratings.csv", "movies.csv"):
            archive.write(folder / "ml-latest-small" / name, f"ml-latest-small/{name}")
    for name in ("spa-eng/spa.txt", "fra.txt"):
        with zipfile.ZipFile(folder / f"{name[:3]}-eng.zip", "w") as archive:
            archive.write(folder / name, name)
    with tarfile.open(folder / "aclImdb_v1.tar.gz", "w:gz") as archive:
        archive.add(folder / "aclImdb", "aclImdb")


def working_copy(template: Path, folder: Path) -> None:
    """Make `folder` the current one, with the files of `template`, which the program may change."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    os.chdir(folder)
    os.symlink(folder, UNPACKED, target_is_directory=True)
