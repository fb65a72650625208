"""Train a network on handwritten digits and draw it: `python -m nn.utils.demo [--epochs 5] [--out demo_output]`.

784 pixels, 512 hidden units with relu, 10 classes with softmax; RMSprop, categorical cross-entropy, batches of 128. It
prints the accuracy on the test set, and writes the network's graph (SVG) and the curves of its training (PNG).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.graph import build_graph

from .. import layers, models
from ..datasets import DatasetError, mnist

Floats = npt.NDArray[np.float32]
Split = tuple[Floats, Floats]

BATCH = 128
INK, PAPER, TRAINING, TEST = "#1f2933", "#ffffff", "#2563eb", "#d97706"


def load_digits() -> tuple[Split, Split]:
    """Return MNIST in the form that the network takes, the full set if available, and print which digits these are.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pixels from 0 to 1, shape (N, 784), and one-hot labels, shape (N, 10).
    """
    full, message = mnist.available()
    try:
        digits = mnist.load_data() if full else mnist.load_sample()
    except DatasetError as error:
        digits, message = mnist.load_sample(), f"{error}\nUsing the embedded sample of 7,000 digits instead."
    print(message, flush=True)
    (x_train, y_train), (x_test, y_test) = digits
    return (_pixels(x_train), _one_hot(y_train)), (_pixels(x_test), _one_hot(y_test))


def _pixels(images: npt.NDArray[np.uint8]) -> Floats:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _one_hot(labels: npt.NDArray[np.uint8]) -> Floats:
    return np.eye(10, dtype=np.float32)[labels]


def make_network() -> models.Sequential:
    """Return the network, compiled."""
    network = models.Sequential(
        [
            layers.Dense(512, activation="relu", input_shape=(784,)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return network


def write_graph(network: models.Sequential, x: Floats, y: Floats, path: Path) -> None:
    """Write the picture of how the loss of one batch is computed.

    Args:
        network: a built network.
        x: inputs, shape (N, 784).
        y: one-hot labels, shape (N, 10).
        path: an SVG file.
    """
    images, labels = ag.tensor(x, name="images"), ag.tensor(y, name="labels")
    with ag.record_source():
        loss = network.compute_loss(images, labels, network(images))
    build_graph(loss).save(path)


def write_curves(history: Mapping[str, Sequence[float]], path: Path) -> bool:
    """Draw loss and accuracy by epoch; return False if matplotlib is not installed.

    Args:
        history: one value per epoch of "loss", "accuracy", "val_loss" and "val_accuracy".
        path: a PNG file.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    figure = Figure(figsize=(9, 3.6), dpi=150, layout="constrained", facecolor=PAPER)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _draw_curve(axes, history[name], "training", TRAINING)
        _draw_curve(axes, history[f"val_{name}"], "test", TEST)
        axes.set_title(name.capitalize(), loc="left", color=INK, fontweight="bold")
        axes.set_xlabel("epoch", color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e4e7eb")
        axes.set_axisbelow(True)
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)
    return True


def _draw_curve(axes: Any, values: Sequence[float], label: str, colour: str) -> None:
    axes.plot(range(1, len(values) + 1), values, marker="o", markersize=4, linewidth=1.8, color=colour, label=label)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m nn.utils.demo", description="Train a network on MNIST, and draw it."
    )
    parser.add_argument("--epochs", type=_positive, default=5, help="passes over the training set (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="folder for the pictures")
    options = parser.parse_args(arguments)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: expected a folder that can be written to; received {options.out} ({error.strerror})")

    (x_train, y_train), (x_test, y_test) = load_digits()
    ag.set_seed(0)
    network = make_network()
    start = time.perf_counter()
    history = network.fit(x_train, y_train, BATCH, options.epochs, validation_data=(x_test, y_test)).history
    seconds = time.perf_counter() - start
    loss, accuracy = network.evaluate(x_test, y_test, BATCH, verbose=0)
    print(f"Trained on {len(x_train):,} digits in {seconds:.1f} s")
    print(f"Test accuracy: {accuracy:.4f} (loss {loss:.4f}) on {len(x_test):,} digits it has never seen")

    graph, curves = options.out / "network.svg", options.out / "training.png"
    write_graph(network, x_train[:BATCH], y_train[:BATCH], graph)
    print(f"Graph of the network: {graph.resolve()}")
    if write_curves(history, curves):
        print(f"Loss and accuracy:    {curves.resolve()}")
    else:
        print("Loss and accuracy:    not drawn, for matplotlib is not installed: pip install 'autograd-lite[plot]'")
    return 0


def _positive(text: str) -> int:
    """Read a whole number above 0 from the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0; received {text!r}")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
