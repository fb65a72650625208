"""What is fuzzed: every reader, the files or texts that it starts from, and which errors it may raise.

A reader gets a random stream, makes a damaged input, reads it, and raises one of its errors or does not. Everything
else is a finding: another error, a model that changed although it refused the file, a file written, code run, more
memory than a limit, or more than some seconds.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
import nn
from autograd_lite.graph import Graph, explain
from nn import layers
from nn.datasets import fetch
from nn.datasets.idx import encode_idx, parse_idx
from nn.datasets.npz import parse_npz
from nn.saving import SavedFileError
from nn.saving.keras.archive import archive_bytes, read_archive
from nn.utils.archives import unpack

from .mutation import changed_bytes, changed_text, changed_tree, deep_json

__all__ = ["READERS", "Reader", "put_together", "readers", "taken_apart"]

Input = Any


class Reader(NamedTuple):
    """One reader.

    Attributes:
        make: returns a damaged input.
        read: reads it.
        errors: what it may raise.
    """

    make: Callable[[Random], Input]
    read: Callable[[Input], Any]
    errors: tuple[type[Exception], ...]


def taken_apart(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the body of a safetensors file."""
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put_together(head: Any, body: bytes) -> bytes:
    """Return a safetensors file of a header and a body."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


# ---- files of models ------------------------------------------------------------------------------------------------


def a_model(seed: int = 0) -> Any:
    """Return a small compiled model."""
    nn.set_seed(seed)
    made = nn.Sequential([nn.Input((2,)), layers.Dense(2, "tanh"), layers.Dropout(0.5, seed=2), layers.Dense(1)])
    made.compile("adam", "mse", metrics=["mae"])
    made.optimizer.bind(made.parameters())
    return made


def functional() -> Any:
    """Return a small functional model with a nested one."""
    x = nn.Input((2,))
    inner = nn.Sequential([nn.Input((2,)), layers.Dense(2)])
    model = nn.Model(x, layers.Add()([inner(x), layers.Reshape((2,))(x) * 2.0]))
    model.compile(nn.optimizers.SGD(nn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), nn.losses.Huber())
    return model


class Files:
    """The files that mutation starts from, and the one that is written before each reading."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "damaged"
        made = a_model()
        self.parts: dict[str, list[tuple[bytes, dict[str, Any], Any, bytes]]] = {}
        for kind, models in (("model", [made, functional()]), ("weights", [made]), ("checkpoint", [made])):
            for model in models:
                if kind == "checkpoint":
                    nn.saving.save_checkpoint(self.path, model, extra={"epoch": 3, "list": [1.5, (2, "x")]})
                else:
                    (model.save if kind == "model" else model.save_weights)(self.path)
                data = self.path.read_bytes()
                head, body = taken_apart(data)
                about = json.loads(head["__metadata__"]["nn"]) if "nn" in head["__metadata__"] else {}
                about.pop("crc32", None)  # who means harm does not leave it
                self.parts.setdefault(kind, []).append((data, head, about, body))
        self.archives: list[tuple[bytes, dict[str, bytes]]] = []
        for model in (made, functional()):
            path = folder / "damaged.keras"
            model.save(path)
            self.archives.append((path.read_bytes(), read_archive("save", "damaged", path.read_bytes())))
            path.unlink()

    def of_keras(self, random: Random) -> bytes:
        """Return a damaged `.keras` file: as a whole, or with a damaged file in a sound archive."""
        data, files = random.choice(self.archives)
        way = random.random()
        if way < 0.15:
            return changed_bytes(random, data, files["model.weights.h5"])
        if way < 0.45:
            return archive_bytes({**files, "model.weights.h5": self.hdf5(random)})
        trees = [json.loads(other["config.json"]) for _, other in self.archives]
        text = deep_json(random) if way > 0.97 else json.dumps(changed_tree(random, *random.sample(trees, 2)))
        return archive_bytes({**files, random.choice(("config.json",) * 9 + ("metadata.json",)): text.encode()})

    def hdf5(self, random: Random) -> bytes:
        """Return a damaged HDF5 file."""
        first, second = (files["model.weights.h5"] for _, files in random.sample(self.archives, 2))
        return changed_bytes(random, first, second)

    def damaged(self, kind: str) -> Callable[[Random], bytes]:
        """Return what makes damaged files of a kind."""

        def make(random: Random) -> bytes:
            data, head, about, body = random.choice(self.parts[kind])
            way = random.random()
            if way < 0.15:
                return changed_bytes(random, data, body)
            if way < 0.3:
                return put_together(changed_tree(random, head, about), body)
            text = deep_json(random) if way > 0.97 else json.dumps(changed_tree(random, about, head))
            if way > 0.93:
                text = (
                    f'{{"format": "{about.get("format", "")}", "model": {text}, "optimizer": {text}, "extra": {text}}}'
                )
            return put_together({**head, "__metadata__": {"format": "np", "nn": text}}, body)

        return make

    def reading(self, read: Callable[[Path], Any], model: Any = None) -> Callable[[bytes], Any]:
        """Return a reader of files that holds a refused one to having changed nothing."""

        def run(data: bytes) -> Any:
            self.path.write_bytes(data)
            before = None if model is None else _state(model)
            try:
                return read(self.path)
            except ValueError:
                if model is not None and _state(model) != before:
                    raise AssertionError("it refused the file, but changed the model") from None
                raise

        return run


def _state(model: Any) -> bytes:
    return b"".join(t.data.tobytes() for t in model.weights)


# ---- files of compiled functions -----------------------------------------------------------------------------------


def _compiled(folder: Path) -> Callable[[Random], bytes]:
    """Return what makes damaged files of compiled functions."""
    w = ag.tensor(np.ones((2, 2)), requires_grad=True, name="w")
    places, generator = ag.tensor([0, 1, 1]), ag.Generator(0, "noise")

    def step(x: Any, *, scale: float = 2.0) -> Any:
        noise = ag.random.normal((2,), generator=generator)
        loss = (np.tanh(w @ x + noise)[places] ** scale).sum() + np.pad(x, 1, constant_values=np.inf)[1]
        loss.backward()
        w.assign(w - 0.1 * w.grad)
        w.grad = None
        return {"loss": loss, "rest": (x * 1j, [None, 2.5])}

    def plain(x: Any) -> Any:
        return np.stack([x[..., None], x[::-1, None]], axis=1).astype(np.float32)

    model = a_model()

    def trained(x: Any) -> Any:
        loss = (model(x[None]) ** 2).mean()
        loss.backward()
        model.optimizer.step()
        model.optimizer.zero_grad()
        return loss

    def looping(x: Any) -> Any:
        states = ag.scan(lambda c, row: (np.tanh(c * row) @ w, c), x, np.ones((3, 2)))[1]
        return ag.cond(x.sum() > 0, np.sin, lambda t: t * 2, states), ag.while_loop(lambda t: t.sum() < 9, np.exp, x)

    parts = []
    for f in (step, plain, trained, looping):
        compiled = ag.compile(f)
        while not any(trace.replay for trace in compiled.traces):
            compiled(np.ones(2))
        compiled.save_compiled(folder / "damaged")
        data = (folder / "damaged").read_bytes()
        head, body = taken_apart(data)
        parts.append((data, head, json.loads(head["__metadata__"]["autograd_lite"]), body))

    def make(random: Random) -> bytes:
        data, head, about, body = random.choice(parts)
        way = random.random()
        if way < 0.1:
            return changed_bytes(random, data, body)
        if way < 0.2:
            return put_together(changed_tree(random, head, about), body)
        other = random.choice(parts)[2]
        text = deep_json(random) if way > 0.98 else json.dumps(changed_tree(random, about, other))
        return put_together({**head, "__metadata__": {"autograd_lite": text}}, body)

    return make


# ---- texts ----------------------------------------------------------------------------------------------------------


def _texts(trees: list[Any]) -> Callable[[Random], str]:
    """Return what makes damaged JSON of trees."""

    def make(random: Random) -> str:
        tree, other = random.choice(trees), random.choice(trees)
        way = random.random()
        if way < 0.1:
            return changed_text(random, json.dumps(tree), json.dumps(other))
        return deep_json(random) if way > 0.98 else json.dumps(changed_tree(random, tree, other))

    return make


def _configurations() -> list[Any]:
    things = [
        layers.Dense(2, "relu", kernel_regularizer="l2"),
        layers.Conv2D(2, 3, padding="same"),
        layers.Bidirectional(layers.LSTM(2)),
        layers.MultiHeadAttention(2, 2),
        nn.losses.CategoricalCrossentropy(label_smoothing=0.1),
        nn.metrics.AUC(num_thresholds=5),
        nn.metrics.MeanIoU(3),
        nn.optimizers.AdamW(nn.optimizers.schedules.CosineDecay(0.1, 10)),
        nn.initializers.VarianceScaling(2.0, "fan_in"),
        nn.constraints.MaxNorm(2.0),
        nn.activations.relu,
    ]
    return [nn.saving.serialize_keras_object(thing) for thing in things]


# ---- graphs ---------------------------------------------------------------------------------------------------------


def _graphs() -> list[Any]:
    w = ag.tensor(np.ones((2, 2)), requires_grad=True, name="w")
    b = ag.tensor([0.5, 0.5], requires_grad=True, name="b")
    with ag.extend.module_scope("dense"):
        y = np.tanh(w @ b + b)[..., 1:]
    loss = (np.where(y > 0, y, 0.5) ** 2 + np.sum(w, axis=0)[0]).mean() + np.log(b).reshape(2, 1).sum()
    program = ag.Program.build(loss, backward=True)
    whole = program.graph
    parts = [whole.around(node, 1) for node in whole.nodes[::8]]
    graphs = [ag.build_graph(loss), whole, ag.build_graph(np.sin(b).sum()), *parts]
    for graph in graphs:
        faces(graph)
    return [json.loads(graph.to_json()) for graph in graphs]


def faces(graph: Graph) -> None:
    """Draw a graph in every way there is."""
    graph.to_text(), graph.to_text(style="tree"), graph.to_dot(), graph.to_mermaid(), graph.to_svg()
    graph.to_model_explorer()
    if all(node.id == f"n{k}" for k, node in enumerate(graph)):  # a part has no page
        graph.to_html()
    graph.summary(), repr(graph), graph.cotangents, graph.gradients, graph.savers
    if graph.flows:
        graph.to_mirror(), str(explain(graph)), explain(graph).to_markdown()
    graph.memory().to_text() if hasattr(graph.memory(), "to_text") else str(graph.memory())
    for by in ("flops", "bytes", "saved"):
        str(graph.cost(by))
    if len(graph):
        graph.ancestors(graph.nodes[-1]), graph.around(graph.nodes[0])
    assert Graph.from_json(graph.to_json()).to_json() == graph.to_json()


def _draw(text: str) -> None:
    graph = Graph.from_json(text)
    try:
        faces(graph)
    except ValueError as error:
        raise AssertionError(f"it reads well, and breaks a drawing: {error!r}") from error


# ---- data sets ------------------------------------------------------------------------------------------------------


def _packed(random: Random) -> bytes:
    data = encode_idx(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    if random.random() < 0.7:
        return changed_bytes(random, data, data)
    return changed_bytes(random, gzip.compress(data, 1), data)


def _dataset(data: bytes) -> None:
    file = fetch.DataFile("x", 28, "0" * 64)
    with contextlib.suppress(fetch.DatasetError):
        fetch.unpack(data, file, "there")
    parse_idx(data, "there")


def _npz(random: Random) -> bytes:
    """Return a .npz whose checksums are right, and whose arrays are damaged."""
    lists = np.fromiter(([1, 300], [70_000], list(range(random.randrange(4)))), object)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in (("x", lists), ("y", np.arange(3)), ("z", np.ones((2, 2), np.float32, order="F"))):
            data = io.BytesIO()
            np.lib.format.write_array(data, array)
            content = data.getvalue()
            archive.writestr(f"{name}.npy", changed_bytes(random, content, content[80:]) if name > "y" else content)
            if name == "x":
                begin = content.index(b"\n") + 1
                archive.writestr("w.npy", content[:begin] + changed_bytes(random, content[begin:], content[begin:]))
    return file.getvalue() if random.random() < 0.9 else changed_bytes(random, file.getvalue(), lists.tobytes())


def _arrays(data: bytes) -> None:
    for name in "xwyz":
        for array in parse_npz(data, [name], "there"):
            assert array.dtype.kind in "biufO"
            assert array.dtype != object or all(type(n) is int for row in array for n in row)


# ---- archives -------------------------------------------------------------------------------------------------------

_NAMES = (
    "a",
    "b",
    "a/b",
    "b/a/c",
    "..",
    "../x",
    "a/../../x",
    "/x",
    ".",
    "a/",
    "",
    "c:x",
    "a\\..\\x",
    "l",
    "l/x",
    "n" * 300,
)
_TYPES = (
    (tarfile.REGTYPE,) * 4 + (tarfile.SYMTYPE,) * 3 + (tarfile.LNKTYPE, tarfile.DIRTYPE, b"3", b"6", b"S", b"x", b"L")
)


def _archive(random: Random) -> bytes:
    """Return a tar or a zip of entries that are no good, or a damaged one whose headers have right checksums."""
    file = io.BytesIO()
    if random.random() < 0.3:
        with zipfile.ZipFile(file, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name in random.sample(_NAMES, 3):
                archive.writestr(zipfile.ZipInfo(name), b"data" * random.randrange(99))
        return changed_bytes(random, file.getvalue(), b"PK") if random.random() < 0.7 else file.getvalue()
    with tarfile.open(
        fileobj=file, mode="w", format=random.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    ) as archive:
        for _ in range(random.randrange(1, 6)):
            entry = tarfile.TarInfo(random.choice(_NAMES))
            entry.type, entry.linkname = random.choice(_TYPES), random.choice(_NAMES)
            entry.size = random.choice((0, 5, 600)) if entry.type in tarfile.REGULAR_TYPES else 0
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    data = bytearray(file.getvalue())
    if random.random() < 0.5:
        begin = 512 * random.randrange(3)
        data[begin : begin + 500] = changed_bytes(random, bytes(data[begin : begin + 500]), bytes(data))[:500].ljust(
            500
        )
        data[begin + 148 : begin + 156] = b" " * 8
        data[begin + 148 : begin + 156] = b"%06o\0 " % sum(data[begin : begin + 512])
    return gzip.compress(data, 1) if random.random() < 0.2 else bytes(data)


def _unpacking(folder: Path) -> Callable[[bytes], None]:
    """Return what unpacks an archive, and holds it to writing into its own folder alone."""
    path, out = folder / "damaged", folder / "unpacked" / "out"

    def unpack_it(data: bytes) -> None:
        path.write_bytes(data)
        (out / "a").mkdir(parents=True)
        try:
            unpack(path, out, ("tar", "zip"))
        finally:
            beside = sorted(entry.name for entry in out.parent.iterdir())
            leaves = [p for p in out.rglob("*") if not Path(os.path.realpath(p)).is_relative_to(os.path.realpath(out))]
            shutil.rmtree(out.parent)
            assert beside == ["out"], beside
            assert not leaves, leaves

    return unpack_it


# ---- all ------------------------------------------------------------------------------------------------------------


def readers(folder: Path) -> dict[str, Reader]:
    """Return every reader by name.

    Args:
        folder: an empty one, for the files that are read.
    """
    files, target = Files(folder), a_model(1)
    texts = [json.loads(model.to_json()) for model in (a_model(), functional())]
    configurations = _configurations()

    def configuration(random: Random) -> Any:
        return changed_tree(random, random.choice(configurations), random.choice(configurations))

    load_checkpoint = files.reading(lambda path: nn.saving.load_checkpoint(path, target), target)
    return {
        "load_model": Reader(files.damaged("model"), files.reading(nn.models.load_model), (SavedFileError,)),
        "load_weights": Reader(files.damaged("weights"), files.reading(target.load_weights, target), (ValueError,)),
        "load_checkpoint": Reader(files.damaged("checkpoint"), load_checkpoint, (ValueError,)),
        "Keras's models": Reader(files.of_keras, files.reading(nn.models.load_model), (SavedFileError,)),
        "Keras's weights": Reader(files.hdf5, files.reading(target.load_weights, target), (ValueError,)),
        "load_compiled": Reader(_compiled(folder), files.reading(ag.load_compiled), (ValueError, ag.UnsupportedError)),
        "model_from_json": Reader(_texts(texts), nn.models.model_from_json, (ValueError,)),
        "deserialize": Reader(configuration, nn.saving.deserialize_keras_object, (ValueError, TypeError)),
        "Graph.from_json": Reader(_texts(_graphs()), _draw, (ValueError,)),
        "data sets": Reader(_packed, _dataset, (ValueError,)),
        "npz": Reader(_npz, _arrays, (ValueError,)),
        "archives": Reader(_archive, _unpacking(folder), (ValueError,)),
    }


READERS = (
    "load_model",
    "load_weights",
    "load_checkpoint",
    "Keras's models",
    "Keras's weights",
    "load_compiled",
    "model_from_json",
    "deserialize",
    "Graph.from_json",
    "data sets",
    "npz",
    "archives",
)
