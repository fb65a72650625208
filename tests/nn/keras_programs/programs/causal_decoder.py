"""Self-attention that sees the past alone, and attention on another sequence."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(50)
source, target = keras.Input((4, 6)), keras.Input((5, 6))
x = layers.MultiHeadAttention(2, 4)(target, target, use_causal_mask=True)
x = layers.LayerNormalization()(layers.Add()([x, target]))
y, scores = layers.MultiHeadAttention(2, 4)(x, source, return_attention_scores=True)
model = keras.Model([source, target], [layers.Add()([x, y]), scores])
model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
s, t = rng.normal(size=(2, 4, 6)).astype("float32"), rng.normal(size=(2, 5, 6)).astype("float32")
out, scores = model.predict([s, t], verbose=0)
changed = t.copy()
changed[:, -1] += 1
later, _ = model.predict([s, changed], verbose=0)
results = {
    "out": out,
    "scores": scores,
    "sums": scores.sum(-1),
    "past": bool(np.allclose(out[:, :-1], later[:, :-1], atol=1e-5)),
}
