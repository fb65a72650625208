"""Images squeezed to a code and back, by two models that share the training."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(27)
encoder_input = keras.Input((8, 8, 1), name="image")
x = layers.Conv2D(4, 3, activation="relu")(encoder_input)
x = layers.Conv2D(6, 3, activation="relu")(x)
encoder_output = layers.GlobalMaxPooling2D()(x)
encoder = keras.Model(encoder_input, encoder_output, name="encoder")
decoder_input = keras.Input((6,), name="code")
x = layers.Reshape((1, 1, 6))(decoder_input)
x = layers.Conv2DTranspose(4, 4, activation="relu")(x)
x = layers.UpSampling2D(2)(x)
decoder = keras.Model(decoder_input, layers.Conv2DTranspose(1, 1)(x), name="decoder")
image = keras.Input((8, 8, 1))
auto = keras.Model(image, decoder(encoder(image)), name="auto")
auto.set_weights([rng.normal(0, 0.3, w.shape) for w in auto.get_weights()])
auto.compile("adam", "mse")
x = rng.random((16, 8, 8, 1)).astype("float32")
history = auto.fit(x, x, epochs=2, batch_size=8, shuffle=False, verbose=0).history
results = {
    "history": history,
    "code": encoder.predict(x, verbose=0),
    "names": [layer.name for layer in auto.layers][1:],
}
