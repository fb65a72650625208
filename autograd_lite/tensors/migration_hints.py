"""Hints for users of other libraries: names of attributes, functions and keywords there, and their equivalents here."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..core.addresses import manual

_CAST = "Write t.astype({})"
_DEVICE = f"Tensors are where their arrays are: see {manual('guides/arrays.md')}"
_ASSIGN = "Write t.assign(...), t.assign_add(...) or t.assign_sub(...) for a leaf, t = {} elsewhere"

# By the name of a missing attribute of a Tensor, what works.
ON_TENSORS: dict[str, str] = {
    "float": _CAST.format("np.float32"),
    "double": _CAST.format("np.float64"),
    "half": _CAST.format("np.float16"),
    "long": _CAST.format("np.int64"),
    "int": _CAST.format("np.int32"),
    "bool": _CAST.format("bool"),
    "type": _CAST.format("dtype"),
    "type_as": _CAST.format("other.dtype"),
    "view": "Write t.reshape(shape)",
    "view_as": "Write t.reshape(other.shape)",
    "reshape_as": "Write t.reshape(other.shape)",
    "unsqueeze": "Write t[None], t[..., None] or np.expand_dims(t, axis)",
    "permute": "Write t.transpose(axes)",
    "movedim": "Write np.moveaxis(t, source, destination)",
    "t": "Write t.T",
    "mT": "Write np.swapaxes(t, -1, -2)",
    "expand": "Write np.broadcast_to(t, shape)",
    "expand_as": "Write np.broadcast_to(t, other.shape)",
    "contiguous": "Leave it out: every Tensor can be reshaped",
    "masked_fill": "Write np.where(mask, value, t)",
    "masked_select": "Write t[mask]",
    "gather": "Write np.take_along_axis(t, index, axis)",
    "index_select": "Write np.take(t, index, axis)",
    "scatter": "Write np.put_along_axis on a copy, or t[index] = values",
    "chunk": "Write np.array_split(t, n, axis)",
    "split": "Write np.split(t, places, axis)",
    "topk": "Write np.sort(t)[..., -k:], or np.argsort for the places",
    "norm": "Write np.linalg.norm(t)",
    "matmul": "Write t @ other",
    "mm": "Write t @ other",
    "bmm": "Write t @ other",
    "add": "Write t + other",
    "sub": "Write t - other",
    "mul": "Write t * other",
    "div": "Write t / other",
    "pow": "Write t ** power",
    "eq": "Write t == other",
    "abs": "Write np.abs(t), or abs(t)",
    "exp": "Write np.exp(t)",
    "log": "Write np.log(t)",
    "sqrt": "Write np.sqrt(t)",
    "sin": "Write np.sin(t)",
    "cos": "Write np.cos(t)",
    "tanh": "Write np.tanh(t)",
    "sigmoid": "Write ag.sigmoid(t)",
    "relu": "Write ag.relu(t)",
    "softmax": "Write ag.softmax(t, axis)",
    "clamp": "Write t.clip(low, high)",
    "numel": "Write t.size",
    "dim": "Write t.ndim",
    "nelement": "Write t.size",
    "detach_": "Write t = t.detach()",
    "requires_grad_": "Write t.requires_grad = True",
    "retain_grad": "Differentiate by it: ag.grad of the function behind it; leaves keep theirs in t.grad",
    "grad_fn": "t.op names the operation, and t.inputs what it was given",
    "zero_grad": "Write t.grad = None",
    "cuda": _DEVICE,
    "cpu": _DEVICE,
    "to": _DEVICE + "; t.astype(dtype) casts",
    "add_": _ASSIGN.format("t + other"),
    "sub_": _ASSIGN.format("t - other"),
    "mul_": _ASSIGN.format("t * other"),
    "div_": _ASSIGN.format("t / other"),
    "copy_": _ASSIGN.format("other"),
    "zero_": _ASSIGN.format("np.zeros_like(t)"),
    "fill_": _ASSIGN.format("np.full_like(t, value)"),
    "clamp_": _ASSIGN.format("t.clip(low, high)"),
    "normal_": _ASSIGN.format("ag.random.normal(t.shape)"),
    "uniform_": _ASSIGN.format("ag.random.uniform(t.shape)"),
}
# By the name of a missing function of `autograd_lite`.
IN_MODULE: dict[str, str] = {
    "cat": "Write np.concatenate(tensors, axis)",
    "concat": "Write np.concatenate(tensors, axis)",
    "stack": "Write np.stack(tensors, axis)",
    "from_numpy": "Write ag.tensor(a)",
    "as_tensor": "Write ag.tensor(a)",
    "Variable": "Write ag.tensor(a, requires_grad=True)",
    "no_gradient": "Write ag.no_grad()",
    "manual_seed": "Write ag.set_seed(seed)",
    "nograd": "Write ag.no_grad()",
    "GradientTape": "Write ag.value_and_grad(f), or loss.backward()",
    "jit": "Write ag.compile(f)",
    "elementwise_grad": "Write ag.grad(lambda x: f(x).sum()), or use autograd_lite.hips",
    "optim": "Write nn.optimizers",
}


def in_module(name: str) -> dict[str, str]:
    """Return what to write in the place of a missing name of `autograd_lite`, by that name."""
    if name in IN_MODULE or not hasattr(np, name):
        return IN_MODULE
    return {name: f"Write np.{name}: NumPy's functions take Tensors"}


class Elsewhere:
    """A name that Tensors do not have, so that asking for it says what to write.

    Args:
        name: that is missing.
        hint: what works.
    """

    __slots__ = ("_hint", "_name")

    def __init__(self, name: str, hint: str) -> None:
        self._name, self._hint = name, hint

    def __get__(self, t: Any, kind: type) -> NoReturn:
        raise AttributeError(f"'Tensor' object has no attribute {self._name!r}. {self._hint}", name=self._name, obj=t)


def give_hints(kind: type) -> None:
    """Let a class say what to write in the place of names that it lacks; costs nothing where they are not asked for.

    `dir` of an object, and with it the completion of an editor, leaves them out.
    """
    lacking = {name: hint for name, hint in ON_TENSORS.items() if not hasattr(kind, name)}
    for name, hint in lacking.items():
        setattr(kind, name, Elsewhere(name, hint))

    def names(t: Any) -> list[str]:
        return [name for name in object.__dir__(t) if name not in lacking]

    kind.__dir__ = names  # type: ignore[method-assign, assignment]
