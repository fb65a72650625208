"""A generator and a discriminator trained in turns with train_on_batch."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(29)


def filled(model):
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


generator = filled(keras.Sequential([keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(2)], name="generator"))
discriminator = filled(
    keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8),
            layers.LeakyReLU(0.2),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="discriminator",
    )
)
discriminator.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
discriminator.trainable = False
noise_in = keras.Input((3,))
gan = keras.Model(noise_in, discriminator(generator(noise_in)))
gan.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
d_losses, g_losses = [], []
for _ in range(4):
    real = rng.normal(2, 0.5, (8, 2)).astype("float32")
    noise = rng.normal(size=(8, 3)).astype("float32")
    fake = generator.predict(noise, verbose=0)
    discriminator.trainable = True
    d_losses.append(
        discriminator.train_on_batch(np.concatenate([real, fake]), np.concatenate([np.ones((8, 1)), np.zeros((8, 1))]))
    )
    discriminator.trainable = False
    g_losses.append(gan.train_on_batch(noise, np.ones((8, 1))))
results = {
    "generator": g_losses[-1] > 0,
    "discriminator": d_losses[0],
    "samples": generator.predict(noise, verbose=0).shape,
}
