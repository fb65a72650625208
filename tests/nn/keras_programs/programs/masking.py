"""Padded sequences: masks from embeddings and Masking, through layers, into losses."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(47)
raw = [[3, 1, 2], [5], [4, 4, 1, 2, 3]]
padded = keras.utils.pad_sequences(raw, padding="post")
embed = layers.Embedding(6, 4, mask_zero=True)
out = embed(padded)
model = keras.Sequential(
    [keras.Input((None,), dtype="int32"), embed, layers.LSTM(3, return_sequences=True), layers.Dense(1)]
)
model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
model.compile("sgd", "mse")
targets = rng.normal(size=(3, 5, 1)).astype("float32")
masked = layers.Masking(mask_value=0.0)(np.array([[[1.0], [0.0], [2.0]]], "float32"))
results = {
    "padded": padded,
    "mask": embed.compute_mask(padded),
    "loss": model.evaluate(padded, targets, verbose=0),
    "history": model.fit(padded, targets, epochs=2, verbose=0, shuffle=False).history,
    "masked": layers.GRU(2, kernel_initializer="ones", recurrent_initializer="ones")(masked),
    "truncated": keras.utils.pad_sequences(raw, maxlen=2, truncating="post", value=-1),
}
