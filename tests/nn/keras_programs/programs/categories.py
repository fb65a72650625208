"""Integers as categories: encoded, binned, and crossed by hand."""

import keras
import numpy as np
from keras import layers

ids = np.array([[0, 2], [1, 1], [3, 0]])
one = np.array([3, 0, 1])
results = {
    "multi": layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot")(ids),
    "one": layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")(one),
    "count": layers.CategoryEncoding(num_tokens=4, output_mode="count")(
        ids, count_weights=np.array([[0.5, 2], [1, 1], [1, 3]], "float32")
    ),
    "bins": layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])(
        np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    ),
    "to_categorical": keras.utils.to_categorical([0, 2, 1], num_classes=4),
    "normalize": keras.utils.normalize(np.array([[3.0, 4.0], [6.0, 8.0]])),
}
