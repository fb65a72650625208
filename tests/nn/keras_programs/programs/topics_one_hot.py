"""Newswires of five topics: one-hot and integer labels train alike."""

import keras
import numpy as np
from keras.utils import to_categorical

rng = np.random.default_rng(4)
x = rng.normal(size=(50, 8)).astype("float32")
labels = np.abs(x[:, :5]).argmax(1)


def build():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(12, "relu"), keras.layers.Dense(5, "softmax")])
    fixed = np.random.default_rng(5)
    model.set_weights([fixed.normal(0, 0.4, w.shape) for w in model.get_weights()])
    return model


losses = {}
for loss, targets in (
    ("categorical_crossentropy", to_categorical(labels)),
    ("sparse_categorical_crossentropy", labels),
):
    model = build()
    model.compile(
        "rmsprop",
        loss,
        metrics=[
            "accuracy",
            keras.metrics.TopKCategoricalAccuracy(3)
            if "sparse" not in loss
            else keras.metrics.SparseTopKCategoricalAccuracy(3),
        ],
    )
    losses[loss] = model.fit(x, targets, epochs=2, batch_size=10, shuffle=False, verbose=0).history["loss"]
results = {
    "losses": losses,
    "same": bool(np.allclose(*losses.values(), atol=1e-5)),
    "probabilities": model.predict(x[:3], verbose=0).sum(-1),
}
