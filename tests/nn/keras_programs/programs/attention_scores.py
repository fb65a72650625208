"""Luong's and Bahdanau's attention over the states of an encoder."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(51)
query, value = rng.normal(size=(2, 3, 4)).astype("float32"), rng.normal(size=(2, 5, 4)).astype("float32")
mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
luong, scores = layers.Attention()([query, value], mask=[None, mask], return_attention_scores=True)
additive = layers.AdditiveAttention(use_scale=False)([query, value])
encoder = keras.Input((5, 4))
states = layers.GRU(4, return_sequences=True, kernel_initializer="ones", recurrent_initializer="zeros")(encoder)
context = layers.Attention()([states, states])
pooled = layers.GlobalAveragePooling1D()(layers.Concatenate()([states, context]))
model = keras.Model(encoder, pooled)
results = {"luong": luong, "scores": scores, "additive": additive, "model": model.predict(value, verbose=0)}
