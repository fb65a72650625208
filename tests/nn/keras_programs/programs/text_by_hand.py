"""A vectorizer written with dicts, and a classifier of its counts."""

import string

import keras
import numpy as np


class Vectorizer:
    def standardize(self, text):
        return "".join(c for c in text.lower() if c not in string.punctuation)

    def make_vocabulary(self, texts):
        self.vocabulary = {"": 0, "[UNK]": 1}
        for text in texts:
            for token in self.standardize(text).split():
                self.vocabulary.setdefault(token, len(self.vocabulary))

    def encode(self, text):
        return [self.vocabulary.get(token, 1) for token in self.standardize(text).split()]


texts = ["I write, erase, rewrite", "Erase again, and then", "A poppy blooms.", "I bloom again!"]
vectorizer = Vectorizer()
vectorizer.make_vocabulary(texts[:3])
encoded = keras.utils.pad_sequences([vectorizer.encode(t) for t in texts], maxlen=5)
rng = np.random.default_rng(48)
model = keras.Sequential(
    [keras.Input((5,)), keras.layers.Embedding(12, 3), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
)
model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
model.compile("rmsprop", "binary_crossentropy", metrics=["acc"])
history = model.fit(encoded, np.array([1, 1, 0, 0]), epochs=2, shuffle=False, verbose=0).history
results = {"encoded": encoded, "history": history}
