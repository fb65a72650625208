"""A transformer's encoder as a layer, with positions, for texts."""

import keras
import numpy as np
from keras import layers, ops


class TransformerEncoder(layers.Layer):
    def __init__(self, embed_dim, dense_dim, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.embed_dim = embed_dim
        self.dense_dim = dense_dim
        self.num_heads = num_heads
        self.attention = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.dense_proj = keras.Sequential([layers.Dense(dense_dim, activation="relu"), layers.Dense(embed_dim)])
        self.norm_1 = layers.LayerNormalization()
        self.norm_2 = layers.LayerNormalization()

    def call(self, inputs):
        attended = self.attention(inputs, inputs)
        x = self.norm_1(inputs + attended)
        return self.norm_2(x + self.dense_proj(x))

    def get_config(self):
        return {
            **super().get_config(),
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "dense_dim": self.dense_dim,
        }


class PositionalEmbedding(layers.Layer):
    def __init__(self, length, words, width, **kwargs):
        super().__init__(**kwargs)
        self.tokens = layers.Embedding(words, width)
        self.positions = layers.Embedding(length, width)

    def call(self, inputs):
        return self.tokens(inputs) + self.positions(ops.arange(ops.shape(inputs)[-1]))


rng = np.random.default_rng(49)
inputs = keras.Input((7,), dtype="int64")
x = PositionalEmbedding(7, 20, 6)(inputs)
x = TransformerEncoder(6, 8, 2)(x)
x = layers.GlobalMaxPooling1D()(x)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
x = rng.integers(0, 20, (10, 7))
model(x)
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
results = {
    "predict": model.predict(x, verbose=0),
    "history": model.fit(x, np.arange(10) % 2, epochs=2, batch_size=5, shuffle=False, verbose=0).history,
    "weights": [w.shape for w in model.get_weights()],
}
