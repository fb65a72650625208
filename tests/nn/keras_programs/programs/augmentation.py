"""Augmenting layers change images while training only, and keep their shape and range."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(25)
augment = keras.Sequential(
    [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.2),
        layers.RandomTranslation(0.1, 0.1),
    ]
)
images = rng.random((4, 10, 10, 3)).astype("float32")
changed = np.array(augment(images, training=True))
kept = np.array(augment(images, training=False))
resized = layers.Resizing(5, 5)(images)
results = {
    "shape": changed.shape,
    "changed": bool(np.abs(changed - images).max() > 0),
    "range": bool(changed.min() >= -1e-3 and changed.max() <= 1.001),
    "kept": kept,
    "resized": resized,
    "cropped": layers.CenterCrop(4, 6)(images),
}
