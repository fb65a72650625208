"""What users of other libraries look for in a module, and what to write here."""

from __future__ import annotations

# Keras's further names of attributes; not attributes themselves, so that a module may have its own of these names.
FURTHER = {
    "compute_dtype": "dtype",
    "variable_dtype": "dtype",
    "variables": "weights",
    "trainable_variables": "trainable_weights",
    "non_trainable_variables": "non_trainable_weights",
}

_IN_PLACE = "Weights and metrics are changed in place: call the model, then loss.backward() and optimizer.step()"
_NO_PROGRAM = "No program is compiled: call train_step(data), test_step(data) or predict_step(data)"

ELSEWHERE = {
    "stateless_call": _IN_PLACE,
    "stateless_compute_loss": _IN_PLACE,
    "make_train_function": _NO_PROGRAM,
    "make_test_function": _NO_PROGRAM,
    "make_predict_function": _NO_PROGRAM,
    "output": "It is a symbol once the layer is in a functional model, or in a Sequential whose input shape is known",
    "input": "It is a symbol once the layer is in a functional model, or in a Sequential whose input shape is known",
    "register_buffer": "A tensor that requires no gradient is a buffer: self.mean = ag.tensor(...)",
    "register_parameter": "Assign it: self.scale = nn.Parameter(...)",
    "children": "named_modules() returns all modules below, with their paths",
    "modules": "named_modules() returns them with their paths",
    "apply": "Write a loop over named_modules()",
    "requires_grad_": "Set trainable = False",
    "weight": "A Dense layer and a convolution have a kernel and a bias; model.weights has all",
    "predict_classes": "Write model.predict(x).argmax(axis=-1)",
    "predict_proba": "Write model.predict(x), which returns probabilities after a softmax",
    "fit_generator": "Write model.fit(generator)",
    "evaluate_generator": "Write model.evaluate(generator)",
    "predict_generator": "Write model.predict(generator)",
    "score": "Write model.evaluate(x, y)",
    "cuda": "Write model.to(cupy), after import cupy",
}

# PyTorch's names of arguments of layers.
PYTORCH_ARGUMENTS = {
    "out_features": "units",
    "hidden_size": "units",
    "out_channels": "filters",
    "num_embeddings": "input_dim",
    "embedding_dim": "output_dim",
    "bias": "use_bias",
    "dilation": "dilation_rate",
    "affine": "center and scale",
    "p": "rate",
    **dict.fromkeys(("in_features", "in_channels", "input_size", "num_features"), "nothing: the first call tells it"),
}

# PyTorch's and Keras's names of modules, and what they are here.
IN_NN = {
    "applications": "Pretrained networks are not here: nn.saving.load_model reads their files from Keras (.keras)",
    "device": "A model moves with model.to(cupy)",
    "dtype_policies": "Write nn.DTypePolicy",
    "name_scope": "Weights are named by the attributes that hold them: leave it out",
    "remat": "Write ag.checkpoint(f)",
    "wrappers": "Write from nn.sklearn import Classifier, Regressor",
    "Linear": "Write layers.Dense(units): the number of inputs is learned from the first call",
    "Conv1d": "Write layers.Conv1D(filters, kernel_size), of arrays with channels last",
    "Conv2d": "Write layers.Conv2D(filters, kernel_size), of arrays with channels last",
    "Conv3d": "Write layers.Conv3D(filters, kernel_size), of arrays with channels last",
    "ConvTranspose2d": "Write layers.Conv2DTranspose(filters, kernel_size), of arrays with channels last",
    "MaxPool2d": "Write layers.MaxPooling2D(pool_size)",
    "AvgPool2d": "Write layers.AveragePooling2D(pool_size)",
    "AdaptiveAvgPool2d": "Write layers.AdaptiveAveragePooling2D(output_size)",
    "BatchNorm1d": "Write layers.BatchNormalization()",
    "BatchNorm2d": "Write layers.BatchNormalization()",
    "LayerNorm": "Write layers.LayerNormalization()",
    "GroupNorm": "Write layers.GroupNormalization(groups)",
    "MultiheadAttention": "Write layers.MultiHeadAttention(num_heads, key_dim)",
    "ReLU": "Write layers.ReLU(), or activation='relu'",
    "LeakyReLU": "Write layers.LeakyReLU()",
    "Sigmoid": "Write layers.Activation('sigmoid')",
    "Tanh": "Write layers.Activation('tanh')",
    "GELU": "Write layers.Activation('gelu')",
    "Softmax": "Write layers.Softmax(axis)",
    "Dropout": "Write layers.Dropout(rate)",
    "Embedding": "Write layers.Embedding(input_dim, output_dim)",
    "LSTM": "Write layers.LSTM(units)",
    "GRU": "Write layers.GRU(units)",
    "RNN": "Write layers.SimpleRNN(units)",
    "Flatten": "Write layers.Flatten()",
    "Identity": "Write layers.Identity()",
    "ModuleList": "A list is enough: self.parts = [layers.Dense(4), layers.Dense(2)]",
    "ModuleDict": "A dict is enough: self.parts = {'a': layers.Dense(4)}",
    "MSELoss": "Write losses.MeanSquaredError()",
    "L1Loss": "Write losses.MeanAbsoluteError()",
    "SmoothL1Loss": "Write losses.Huber()",
    "CrossEntropyLoss": "Write losses.SparseCategoricalCrossentropy(from_logits=True), called on (y_true, y_pred)",
    "NLLLoss": "Write losses.SparseCategoricalCrossentropy(), called on (y_true, y_pred)",
    "BCELoss": "Write losses.BinaryCrossentropy(), called on (y_true, y_pred)",
    "BCEWithLogitsLoss": "Write losses.BinaryCrossentropy(from_logits=True), called on (y_true, y_pred)",
    "functional": "Write ag.relu and the like, nn.losses and nn.ops",
    "optim": "Write nn.optimizers",
    "init": "Write nn.initializers",
}
