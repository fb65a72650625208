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
    "cuda": "Write model.to(cupy), after import cupy",
}
