"""A convolutional network that reads MNIST: `python -m benchmarks.mnist_cnn [SEED ...] [--epochs 3]`.

It prints the accuracy on the 10,000 test digits after each epoch, and exits with 1 if a seed ends below 99 %. Set
AUTOGRAD_LITE_DATA to a folder with the four MNIST files, or let `nn.datasets.mnist` download them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import nn
from nn import callbacks, layers, models, optimizers
from nn.datasets import mnist
from nn.optimizers import schedules

GOAL = 0.99
BATCH = 64

Images = NDArray[np.float32]


def images_of(pixels: NDArray[np.uint8]) -> Images:
    """Digits as the network takes them: from 0 to 1, shape (N, 28, 28, 1)."""
    return pixels[..., None].astype(np.float32) / np.float32(255)


def network(steps: int) -> models.Sequential:
    """Two convolutions and two dense layers, compiled for a training of this many steps in all."""
    model = models.Sequential(
        [
            layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = schedules.OneCycle(4e-3, total_steps=steps)
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(seed: int, epochs: int, digits: tuple[mnist.Split, mnist.Split]) -> float:
    """Train on the first of two splits, and return the accuracy on the second."""
    nn.set_seed(seed)
    (x, y), (x_test, y_test) = digits
    images, test = images_of(x), images_of(x_test)
    model = network(epochs * -(-len(x) // BATCH))
    start = time.perf_counter()

    def report(epoch: int, logs: dict[str, float]) -> None:
        seconds = time.perf_counter() - start
        print(
            f"seed {seed}, epoch {epoch + 1}: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}, "
            f"test accuracy {logs['val_accuracy']:.4f}, {seconds:.0f} s",
            flush=True,
        )

    history = model.fit(
        images,
        y,
        BATCH,
        epochs,
        verbose=0,
        validation_data=(test, y_test),
        validation_batch_size=500,
        callbacks=[callbacks.LambdaCallback(on_epoch_end=report)],
    )
    return history.history["val_accuracy"][-1]


def main(argv: Sequence[str] | None = None) -> int:
    """Train for each seed; returns 1 if one ends below the goal."""
    parser = argparse.ArgumentParser("benchmarks.mnist_cnn", description="A convolutional network on MNIST.")
    parser.add_argument("seeds", nargs="*", type=int, default=[0, 1, 2], metavar="SEED", help="default: 0 1 2")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the 60,000 digits (default: 3)")
    options = parser.parse_args(argv)
    digits = mnist.load_data()
    accuracies = [train(seed, options.epochs, digits) for seed in options.seeds]
    reached = sum(accuracy >= GOAL for accuracy in accuracies)
    print(f"{reached} of {len(accuracies)} seeds reached {GOAL:.2f} in {options.epochs} epochs")
    return 0 if reached == len(accuracies) else 1


if __name__ == "__main__":
    sys.exit(main())
