"""Rare classes and doubtful samples weigh more or less."""

import keras
import numpy as np

rng = np.random.default_rng(60)
x, y = rng.normal(size=(30, 4)).astype("float32"), (rng.random(30) < 0.2).astype("int64")
found = {}
for name, options in {
    "plain": {},
    "classes": {"class_weight": {0: 1.0, 1: 5.0}},
    "samples": {"sample_weight": np.linspace(0, 1, 30)},
    "column": {"sample_weight": np.linspace(0, 1, 30)[:, None]},
}.items():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax", kernel_initializer="zeros")])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    found[name] = model.fit(x, y, epochs=2, batch_size=10, shuffle=False, verbose=0, **options).history
results = {"found": found, "evaluate": model.evaluate(x, y, sample_weight=np.arange(30.0), verbose=0)}
