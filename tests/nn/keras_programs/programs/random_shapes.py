"""Draws of keras.random: shapes, dtypes, and that a seed repeats."""

import keras
import numpy as np

generator = keras.random.SeedGenerator(7)
draws = {
    "normal": keras.random.normal((200, 10), mean=1.0, stddev=2.0, seed=1),
    "uniform": keras.random.uniform((200, 10), -1.0, 1.0, seed=1),
    "randint": keras.random.randint((200, 10), 0, 5, seed=1),
    "truncated": keras.random.truncated_normal((200, 10), seed=1),
    "categorical": keras.random.categorical(keras.ops.log(keras.ops.array([[0.2, 0.8]])), 50, seed=1),
    "dropout": keras.random.dropout(keras.ops.ones((200, 10)), 0.5, seed=1),
    "shuffled": keras.random.shuffle(keras.ops.arange(10.0), seed=1),
}
arrays = {name: keras.ops.convert_to_numpy(x) for name, x in draws.items()}
a, b = (keras.ops.convert_to_numpy(keras.random.normal((3,), seed=generator)) for _ in range(2))
results = {
    "shapes": {name: x.shape for name, x in arrays.items()},
    "dtypes": {name: str(x.dtype) for name, x in arrays.items() if name not in ("categorical", "shuffled")},
    "repeats": bool(
        np.array_equal(arrays["normal"], keras.ops.convert_to_numpy(keras.random.normal((200, 10), 1.0, 2.0, seed=1)))
    ),
    "goes on": bool((a != b).any()),
    "mean": bool(abs(arrays["normal"].mean() - 1) < 0.2),
    "kept": sorted(np.unique(arrays["dropout"]).tolist()),
    "sorted": np.sort(arrays["shuffled"]),
}
