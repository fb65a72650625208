"""How weights begin: constants exactly, random ones in their range."""

import keras
import numpy as np

k = keras.initializers
exact = {
    "zeros": k.Zeros()((2, 3)),
    "ones": k.get("ones")((2, 3)),
    "constant": k.Constant(0.25)((2, 2)),
    "identity": k.Identity(gain=2.0)((3, 3)),
}
bounded = {}
for name in ("glorot_uniform", "he_uniform", "lecun_uniform"):
    drawn = keras.ops.convert_to_numpy(k.get(name)((100, 50)))
    bounded[name] = [float(np.round(np.abs(drawn).max(), 2)), drawn.shape]
orthogonal = keras.ops.convert_to_numpy(k.Orthogonal(seed=1)((4, 4)))
layer = keras.layers.Dense(3, kernel_initializer=k.RandomNormal(stddev=0.01), bias_initializer="ones")
layer.build((None, 2))
results = {
    "exact": exact,
    "bounded": bounded,
    "orthogonal": orthogonal @ orthogonal.T,
    "bias": layer.bias,
    "config": k.VarianceScaling(2.0, "fan_out", "uniform").get_config()["mode"],
}
