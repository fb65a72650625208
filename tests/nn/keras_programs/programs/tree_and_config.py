"""Nested structures and settings."""

import keras

nested = {"b": [1, 2], "a": (3, {"c": 4})}
results = {
    "flat": keras.tree.flatten(nested),
    "doubled": keras.tree.map_structure(lambda x: 2 * x, nested),
    "packed": keras.tree.pack_sequence_as(nested, [10, 20, 30, 40])["a"],
    "nested": [keras.tree.is_nested(nested), keras.tree.is_nested(3)],
    "paths": [path for path, _ in keras.tree.flatten_with_path(nested)],
    "floatx": keras.config.floatx(),
    "epsilon": keras.config.epsilon(),
    "format": keras.config.image_data_format(),
    "backend epsilon": keras.backend.epsilon(),
    "tensor": keras.backend.is_keras_tensor(keras.Input((2,))),
    "dtype": keras.backend.standardize_dtype("float32"),
    "policy": keras.mixed_precision.global_policy().name,
}
