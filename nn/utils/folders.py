"""Data sets of files in folders, one folder a class: images, texts and sounds, read when a batch is asked for."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.arguments import argument_error, checked, positive
from ..config.docstrings import arguments_from
from ..config.settings import image_data_format
from ..data import DataLoader
from ..data.dataset import Dataset, draw_seed, stack_elements
from ..layers import Resizing
from .image_files import MODES, pillow, read_picture

Array = npt.NDArray[Any]
PathLike = str | os.PathLike[str]
Labels = str | Sequence[int] | Array | None
_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_LABEL_MODES = ("int", "categorical", "binary", None)
_SUBSETS = ("training", "validation", "both", None)


class Folder(NamedTuple):
    """The request for a folder: the arguments that all kinds of files share."""

    caller: str
    directory: PathLike
    labels: Labels
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def dataset(self, endings: tuple[str, ...], read: Callable[[str], Any], stack: Any = stack_elements) -> Any:
        """Return the data set of the files with some endings, or two of them.

        Args:
            endings: in lower case.
            read: makes a sample of a path.
            stack: makes a batch of samples.
        """
        self._check()
        seed = draw_seed() if self.seed is None else self.seed
        paths, labels, names = self._index(endings)
        if self.shuffle:  # as Keras does, so that a seed gives the same parts
            for part in (paths, labels):
                np.random.RandomState(seed).shuffle(part)
        if self.label_mode == "binary" and self.with_labels and len(names) != 2:
            raise argument_error(
                ValueError, self.caller, "label_mode", f"'int' or 'categorical' for {len(names)} classes", "binary"
            )
        held_out = int((self.validation_split or 0) * len(paths))
        parts = {
            None: slice(None),
            "training": slice(len(paths) - held_out),
            "validation": slice(len(paths) - held_out, None),
        }
        if self.verbose:
            classes = f" in {len(names)} classes" if self.with_labels else ""
            print(f"Found {len(paths)} files{classes}.")
            if self.subset:
                print(f"{len(paths) - held_out} of them are for training, {held_out} for validation.")
        datasets = []
        for subset in ("training", "validation") if self.subset == "both" else (self.subset,):
            rows = parts[subset]
            if not paths[rows]:
                which = f" for {subset}" if subset else ""
                raise ValueError(
                    f"{self.caller}: expected files that end with {', '.join(endings)}; received none{which} in "
                    f"{os.fspath(self.directory)!r}"
                )
            mixes = self.shuffle and not (self.subset == "both" and subset == "validation")
            targets = self._targets(labels[rows], len(names)) if self.with_labels else None
            datasets.append(self._part(paths[rows], targets, names, seed if mixes else None, read, stack))
        return datasets if self.subset == "both" else datasets[0]

    @property
    def with_labels(self) -> bool:
        """Whether samples come with labels."""
        return self.labels is not None and self.label_mode is not None

    def _check(self) -> None:
        split, subset = self.validation_split, self.subset
        if isinstance(self.labels, str) and self.labels != "inferred":
            raise argument_error(
                ValueError, self.caller, "labels", "'inferred', None or one integer a file", self.labels
            )
        if self.label_mode not in _LABEL_MODES:
            raise argument_error(
                ValueError, self.caller, "label_mode", "'int', 'categorical', 'binary' or None", self.label_mode
            )
        if self.class_names is not None and not isinstance(self.labels, str):
            raise argument_error(
                ValueError, self.caller, "class_names", "None unless labels='inferred'", self.class_names
            )
        if split is not None and split and not 0 < split < 1:
            raise argument_error(ValueError, self.caller, "validation_split", "a share between 0 and 1", split)
        if subset not in _SUBSETS:
            raise argument_error(ValueError, self.caller, "subset", "'training', 'validation', 'both' or None", subset)
        if bool(split) != bool(subset):
            raise ValueError(
                f"{self.caller}: expected validation_split and subset together; received validation_split={split!r} "
                f"and subset={subset!r}"
            )
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                f"{self.caller}: expected a seed with validation_split and shuffle=True, since two calls would "
                "otherwise draw parts that overlap; received seed=None"
            )
        if self.batch_size is not None:
            positive(self.caller, "batch_size", self.batch_size)
        if not Path(self.directory).is_dir():
            raise argument_error(
                ValueError, self.caller, "directory", "a folder that exists", os.fspath(self.directory)
            )

    def _index(self, endings: tuple[str, ...]) -> tuple[list[str], list[int], list[str]]:
        """Return the files in alphabetical order, their labels, and the names of the classes."""
        directory = os.fspath(self.directory)
        if not isinstance(self.labels, str):
            paths = _files(directory, endings, self.follow_links)
            labels = [] if self.labels is None else [int(label) for label in self.labels]
            if self.labels is not None and len(labels) != len(paths):
                raise ValueError(
                    f"{self.caller}: expected one label a file; received {len(labels)} labels for {len(paths)} files"
                )
            return paths, labels, [str(label) for label in sorted(set(labels))]
        folders = sorted(e.name for e in os.scandir(directory) if e.is_dir() and not e.name.startswith("."))
        if self.class_names is not None and (unknown := set(self.class_names) - set(folders)):
            raise ValueError(
                f"{self.caller}: expected class_names among the folders {folders}; received {sorted(unknown)}"
            )
        names = folders if self.class_names is None else list(self.class_names)
        by_class = [_files(os.path.join(directory, name), endings, self.follow_links) for name in names]
        return list(chain(*by_class)), [i for i, files in enumerate(by_class) for _ in files], names

    def _targets(self, labels: list[int], classes: int) -> Array:
        targets = np.array(labels, np.int32)
        if self.label_mode == "binary":
            return targets.astype(np.float32)[:, None]
        return np.eye(classes, dtype=np.float32)[targets] if self.label_mode == "categorical" else targets

    def _part(
        self,
        paths: list[str],
        targets: Array | None,
        names: list[str],
        seed: int | None,
        read: Callable[[str], Any],
        stack: Callable[[list[Any]], Any],
    ) -> Dataset:
        def batch(rows: Array) -> Any:
            samples = stack([read(paths[row]) for row in rows])
            return samples if targets is None else (samples, targets[rows])

        loader = DataLoader(
            np.arange(len(paths)),
            batch_size=self.batch_size or 1,
            shuffle=seed is not None,
            seed=seed,
            transform=batch,
            prefetch=2,
            workers=2,
        )
        dataset = Dataset(loader)
        if self.batch_size is None:
            dataset = Dataset(dataset.unbatch(), len(paths))
        dataset.class_names, dataset.file_paths = names if self.with_labels else None, paths
        return dataset


def _folder(arguments: Mapping[str, Any]) -> Folder:
    """Return the request of a function with the shared arguments, from its local variables."""
    return Folder(**{name: arguments[name] for name in Folder._fields})


def _files(directory: str, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    """Return the files in a folder and those below it, folder by folder, in alphabetical order."""
    walk = sorted(os.walk(directory, followlinks=follow_links), key=lambda entry: entry[0])
    return [
        os.path.join(root, name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(endings)
    ]


@checked
def image_dataset_from_directory(
    directory: PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return the images of a folder in batches, with labels from the names of its subfolders.

    Args:
        directory: a folder with one subfolder a class, or any folder if `labels` is not "inferred".
        labels: "inferred"; None for none; or an integer for each file, in alphabetical order of their paths.
        label_mode: "int" for int32 labels (N,), "categorical" for one-hot rows (N, K), "binary" for 0.0 and 1.0 (N, 1),
            None for no labels.
        class_names: the subfolders to read, in the order of their numbers; by default all, in alphabetical order.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: files per batch, 32 by default; None for single ones, without the axis N.
        image_size: (height, width), to which all are resized, or one number for both.
        shuffle: whether the order is drawn: once for the files, as Keras does, and anew for every pass.
        seed: of the order; by default drawn from the default generator.
        validation_split: the share of the files that is kept for validation.
        subset: "training" or "validation" for one part, "both" for a list of the two.
        interpolation: how images are resized: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether to enter folders that are links.
        crop_to_aspect_ratio: whether to cut off what does not fit the ratio of the sides, rather than distort.
        pad_to_aspect_ratio: whether to put black around instead.
        data_format: "channels_last" or "channels_first"; None for `nn.config.image_data_format()`.
        format: "tf" or "grain"; both give the `Dataset` of this library.
        verbose: whether to print the number of files.

    Returns:
        A `Dataset` of batches of float32 images from 0 to 255, with labels as (images, labels); its `class_names` and
        `file_paths` tell the classes and files.

    Raises:
        ModuleNotFoundError: if Pillow is not installed.
        ValueError: for an argument out of range, if no file is found, or, in a pass, if one cannot be read.

    Example:
        >>> images = image_dataset_from_directory("images", image_size=(64, 64), batch_size=16)  # doctest: +SKIP
    """
    caller = "image_dataset_from_directory"
    folder = _folder(locals())
    if color_mode not in MODES:
        raise argument_error(ValueError, caller, "color_mode", f"one of {', '.join(MODES)}", color_mode)
    size = [image_size, image_size] if isinstance(image_size, (int, np.integer)) else list(image_size)
    if len(size) != 2:
        raise argument_error(ValueError, caller, "image_size", "(height, width)", image_size)
    _check_format(caller, format)
    order = data_format or image_data_format()
    resize = Resizing(
        size[0],
        size[1],
        interpolation=interpolation.lower(),
        crop_to_aspect_ratio=crop_to_aspect_ratio,
        pad_to_aspect_ratio=pad_to_aspect_ratio,
        data_format=order,
    )
    pillow(caller)

    def read(path: str) -> Array:
        pixels = np.asarray(read_picture(caller, path, color_mode), np.float32)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        batch: Any = (pixels if order == "channels_last" else pixels.transpose(2, 0, 1))[None]
        return np.asarray(resize.call(batch)[0])  # on arrays, which takes a tenth of the time

    return folder.dataset(_IMAGES, read)


@arguments_from(image_dataset_from_directory)
@checked
def text_dataset_from_directory(
    directory: PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return the texts of a folder in batches, with labels from the names of its subfolders.

    Args:
        max_length: the number of characters to read of each file; None for all.

    Returns:
        A `Dataset` of arrays of strings, of the files that end with .txt, which are read as UTF-8; with labels as
        (texts, labels).

    Raises:
        ValueError: for an argument out of range, if no file is found, or, in a pass, if one is not UTF-8.

    Example:
        >>> texts = text_dataset_from_directory("texts", batch_size=16)  # doctest: +SKIP
    """
    caller = "text_dataset_from_directory"
    folder = _folder(locals())
    _check_format(caller, format)
    if max_length is not None:
        positive(caller, "max_length", max_length)

    def read(path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read(-1 if max_length is None else max_length)
        except UnicodeDecodeError as error:
            raise ValueError(f"{caller}: expected text in UTF-8; received {path!r}: {error}") from error

    return folder.dataset((".txt",), read)


@arguments_from(image_dataset_from_directory)
@checked
def audio_dataset_from_directory(
    directory: PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Return the sounds of a folder in batches, with labels from the names of its subfolders.

    Args:
        sampling_rate: the rate that every file must have; sounds are not resampled.
        output_sequence_length: T, to which sounds are cut, or filled with zeros; None for the longest of a batch.
        ragged: False; batches are dense.

    Returns:
        A `Dataset` of float32 batches (N, T, channels) from -1 to 1, of the files that end with .wav, of 16 bits; with
        labels as (sounds, labels).

    Raises:
        ValueError: for an argument out of range, if no file is found, or, in a pass, if one cannot be read.

    Example:
        >>> sounds = audio_dataset_from_directory("sounds", output_sequence_length=16000)  # doctest: +SKIP
    """
    caller = "audio_dataset_from_directory"
    folder = _folder(locals())
    if ragged:
        raise argument_error(ValueError, caller, "ragged", "False: batches are dense, filled with zeros", ragged)

    def read(path: str) -> Array:
        sound = _sound(caller, path, sampling_rate)
        return sound if output_sequence_length is None else _of_length(sound, output_sequence_length)

    def stack(sounds: list[Array]) -> Any:
        longest = max(map(len, sounds))
        return stack_elements([_of_length(sound, longest) for sound in sounds])

    return folder.dataset((".wav",), read, stack)


def _sound(caller: str, path: str, rate: int | None) -> Array:
    """Return a WAV file of 16 bits as (T, channels), from -1 to 1."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, received_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{caller}: expected a WAV file; received {path!r}: {error}") from error
    if width != 2 or rate not in (None, received_rate):
        expected = "16 bits a sample" + ("" if rate is None else f" and {rate} samples a second")
        raise ValueError(
            f"{caller}: expected {expected}; received {path!r} of {8 * width} bits and {received_rate} samples a "
            "second. Convert the files before"
        )
    return (
        np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
        .reshape(-1, channels)
        .astype(np.float32)
        / 32768
    )


def _of_length(sound: Array, length: int) -> Array:
    return np.pad(sound[:length], ((0, max(0, length - len(sound))), (0, 0)))


def _check_format(caller: str, format: str) -> None:
    if format not in ("tf", "grain"):
        raise argument_error(ValueError, caller, "format", "'tf' or 'grain', which mean the same here", format)
