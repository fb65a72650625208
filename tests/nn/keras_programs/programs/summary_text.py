"""What summary() prints: every layer, its shape and its number of weights."""

import keras

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(4, 3, name="see"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(2, name="decide"),
    ],
    name="viewer",
)
lines = []
model.summary(print_fn=lambda line, line_break=None: lines.append(line), line_length=100)
text = "\n".join(lines)
results = {
    "named": [word in text for word in ("viewer", "see", "Conv2D", "(None, 6, 6, 4)", "decide")],
    "total": model.count_params(),
    "each": [layer.count_params() for layer in model.layers],
    "total in text": "Total params: 330" in text,
}
