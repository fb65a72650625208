"""A registered layer and function are found again by name."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="lab")
class Power(keras.layers.Layer):
    def __init__(self, power=2, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, x):
        return x**self.power

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="lab")
def wave(x):
    return ops.sin(3 * x)


model = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(3, activation=wave, kernel_initializer="ones"), Power(3)]
)
twin = keras.Sequential.from_config(model.get_config())
twin.set_weights(model.get_weights())
x = np.linspace(0, 1, 6).reshape(2, 3).astype("float32")
results = {
    "twin": twin(x),
    "name": keras.saving.get_registered_name(Power),
    "object": keras.saving.get_registered_object("lab>wave") is wave,
}
