"""PyTorch's names and layouts for the weights of nn's layers, both ways; pure NumPy.

A layer's path stays, its weights get PyTorch's names: `encoder.kernel` becomes `encoder.weight`. Axes move as follows
(D, K features in and out; C, F channels in and out; k the window; H units):

| layer | nn | PyTorch |
|---|---|---|
| Dense | kernel (D, K), bias | weight (K, D), bias |
| Conv | kernel (*k, C/groups, F) | weight (F, C/groups, *k) |
| ConvTranspose | kernel (*k, F, C) | weight (C, F, *k) |
| DepthwiseConv | kernel (*k, C, m) | weight (C m, 1, *k), of a convolution with groups=C |
| normalization | gamma, beta, moving_mean, moving_variance | weight, bias, running_mean, running_var |
| RMSNormalization | scale | weight |
| Embedding | embeddings (V, D) | weight (V, D) |
| SimpleRNN, LSTM | kernel (D, G H), recurrent_kernel, bias | transposed: weight_ih_l0, weight_hh_l0; bias_ih_l0 |
| GRU | the same; bias (2, 3 H) | the gates z, r, n become r, z, n; bias_ih_l0, bias_hh_l0: its rows |
| Bidirectional | forward_layer, backward_layer | the suffix _reverse for the second |
| MultiHeadAttention | kernels (D, heads, d) and (heads, d, D) | in_proj_weight (3 D, D), out_proj.weight (D, D) |
| … gated, GroupQueryAttention | the same | q_proj, k_proj, v_proj, o_proj, gate_proj: Linear, as in Llama models |
| PositionalEmbedding | position_embeddings (T, D) | weight (T, D), of an Embedding |
| TransformerBlock | attention_norm, attention, dense_norm | norm1, self_attn, norm2, of a TransformerEncoderLayer |
| | dense, dense_output | linear1, linear2 |

LSTM gates are in the order i, f, g, o on both sides. Where nn has one bias, PyTorch's second, bias_hh_l0, is written as
zeros, and loading adds the two.

References:
    PyTorch, `torch.nn`, state dicts of Linear, Conv2d, LSTM, GRU and MultiheadAttention. Keras 3, the weights of its
    layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.arguments import checked
from ..module.module import Module

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@checked
def to_torch_state_dict(model: Module, prefixes: Mapping[str, str] | None = None) -> Arrays:
    """Return the weights under PyTorch's names, in PyTorch's layouts, as copies.

    Args:
        model: built.
        prefixes: PyTorch's path by the path of a layer here, such as {"dense": "0"} for a torch Sequential; others
            keep theirs.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> {name: a.shape for name, a in to_torch_state_dict(model, {"dense": "0"}).items()}
        {'0.weight': (2, 3), '0.bias': (2,)}
    """
    torch_state: Arrays = {}
    state = model.state_dict()
    for path, kind, weights in _entries(model, state):
        prefix = _prefix(path, prefixes)
        converted = kind.to(weights) if kind is not None else weights
        torch_state |= {f"{prefix}{name}": np.array(a, order="C") for name, a in converted.items()}
    return torch_state


@checked
def from_torch_state_dict(model: Module, state: Mapping[str, Any], prefixes: Mapping[str, str] | None = None) -> None:
    """Assign all weights from a PyTorch state dict, or, if anything does not fit, none of them.

    Args:
        model: built.
        state: arrays, or torch tensors on the CPU, by PyTorch's names; `num_batches_tracked` is left out.
        prefixes: PyTorch's path by the path of a layer here, such as {"dense": "0"} for a torch Sequential; others
            keep theirs.

    Raises:
        ValueError: if names are missing or unexpected, or shapes do not fit; the message lists them.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> state = {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)}
        >>> from_torch_state_dict(model, state, {"dense": "0"})
        >>> model(np.ones((1, 3))).tolist()
        [[3.0, 3.0]]
    """
    caller = f"{model.name}, from_torch_state_dict"
    source = {name: np.asarray(a) for name, a in state.items() if not name.endswith("num_batches_tracked")}
    current = model.state_dict()
    loaded: Arrays = {}
    used: set[str] = set()
    missing: list[str] = []
    for path, kind, weights in _entries(model, current):
        prefix = _prefix(path, prefixes)
        expected = kind.to(weights) if kind is not None else weights
        names = {name: f"{prefix}{name}" for name in expected if not name.endswith("num_batches_tracked")}
        absent = [full for full in names.values() if full not in source]
        bad = [
            f"  mismatch: {full} expected {expected[name].shape}; received {source[full].shape}"
            for name, full in names.items()
            if full in source and source[full].shape != expected[name].shape
        ]
        missing += [f"  missing: {full} {expected[name].shape}" for name, full in names.items() if full in absent] + bad
        used.update(names.values())
        if not absent and not bad:
            parts = {name: source[full] for name, full in names.items()}
            back = kind.back(parts, weights) if kind is not None else parts
            loaded |= {f"{path}.{name}" if path else name: a for name, a in back.items()}
    problems = missing + [f"  unexpected: {name} {source[name].shape}" for name in source if name not in used]
    if problems:
        raise ValueError(
            f"{caller}: the state does not fit this model, and nothing was assigned:\n"
            + "\n".join(problems)
            + "\nGive PyTorch's paths with prefixes={'dense': '0', …}"
        )
    model.load_state_dict(loaded)


def _prefix(path: str, prefixes: Mapping[str, str] | None) -> str:
    for ours in sorted(prefixes or {}, key=len, reverse=True):
        if path == ours or path.startswith(f"{ours}."):
            path = (prefixes or {})[ours] + path[len(ours) :]
            break
    return f"{path}." if path else ""


def _entries(model: Module, state: Arrays) -> Iterator[tuple[str, Any, Arrays]]:
    """Yield (path, kind, weights by name within the layer) until every entry of the state has been yielded once."""
    left = dict(state)
    for path, module in model.named_modules():
        kind = next((_KINDS[c.__name__] for c in type(module).__mro__ if c.__name__ in _KINDS), None)
        deep = kind is not None and kind.deep
        start = f"{path}." if path else ""
        names = [name for name in left if name.startswith(start) and (deep or "." not in name[len(start) :])]
        if names:
            yield path, kind, {name[len(start) :]: left.pop(name) for name in names}


class _Kind(NamedTuple):
    """How the weights of a kind of layer are written in PyTorch's way.

    Attributes:
        to: from weights by name to PyTorch's by name.
        back: from PyTorch's, and ours as a pattern, to ours.
        deep: whether it speaks for all weights below the layer too.
    """

    to: Callable[[Arrays], Arrays]
    back: Callable[[Arrays, Arrays], Arrays]
    deep: bool = False


def _same(a: Array) -> Array:
    return a


def _as_is(a: Array, pattern: Array) -> Array:
    return a


def _rename(
    there: Callable[[Array], Array] = _same, here: Callable[[Array, Array], Array] = _as_is, **names: str
) -> _Kind:
    """Return the kind of layers of which some weights have other names, and other layouts: `there` and back `here`."""

    def to(weights: Arrays) -> Arrays:
        return {names.get(name, name): there(a) if name in names else a for name, a in weights.items()}

    def back(source: Arrays, weights: Arrays) -> Arrays:
        return {name: here(source[names[name]], a) if name in names else source[name] for name, a in weights.items()}

    return _Kind(to, back)


def _transpose(a: Array, pattern: Array | None = None) -> Array:
    return a.T


def _window_last(a: Array) -> Array:
    """(*k, C, F) -> (F, C, *k)."""
    return a.transpose(a.ndim - 1, a.ndim - 2, *range(a.ndim - 2))


def _window_first(a: Array, pattern: Array) -> Array:
    """(F, C, *k) -> (*k, C, F)."""
    return a.transpose(*range(2, a.ndim), 1, 0)


def _depthwise_to(a: Array) -> Array:
    """(*k, C, m) -> (C m, 1, *k)."""
    *k, c, m = a.shape
    return np.moveaxis(a.reshape(*k, c * m), -1, 0)[:, None]


def _depthwise_back(a: Array, pattern: Array) -> Array:
    return np.moveaxis(a[:, 0], 0, -1).reshape(pattern.shape)


# ---- recurrent layers -----------------------------------------------------------------------------------------------


def _gates(a: Array, gru: bool) -> Array:
    """Swap the gates z and r along the last axis, for a GRU."""
    if not gru:
        return a
    z, r, n = np.split(a, 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def _recurrent_to(weights: Arrays, gru: bool, suffix: str = "") -> Arrays:
    (start,) = {name.rpartition("kernel")[0].removesuffix("recurrent_") for name in weights if name.endswith("kernel")}
    result = {
        f"weight_ih_l0{suffix}": _gates(weights[f"{start}kernel"], gru).T,
        f"weight_hh_l0{suffix}": _gates(weights[f"{start}recurrent_kernel"], gru).T,
    }
    bias = weights.get(f"{start}bias")
    if bias is not None:
        bias = _gates(bias, gru)
        first, second = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        result |= {f"bias_ih_l0{suffix}": first, f"bias_hh_l0{suffix}": second}
    return result


def _recurrent_back(source: Arrays, weights: Arrays, gru: bool, suffix: str = "") -> Arrays:
    result = {}
    for name, a in weights.items():
        if name.endswith("recurrent_kernel"):
            result[name] = _gates(source[f"weight_hh_l0{suffix}"].T, gru)
        elif name.endswith("kernel"):
            result[name] = _gates(source[f"weight_ih_l0{suffix}"].T, gru)
        elif name.endswith("bias"):
            pair = source[f"bias_ih_l0{suffix}"], source[f"bias_hh_l0{suffix}"]
            result[name] = _gates(np.stack(pair) if a.ndim == 2 else pair[0] + pair[1], gru)
    return result


def _recurrent(gru: bool) -> _Kind:
    return _Kind(
        lambda weights: _recurrent_to(weights, gru),
        lambda source, weights: _recurrent_back(source, weights, gru),
        deep=True,
    )


def _directions(weights: Arrays) -> list[tuple[str, Arrays, bool]]:
    """Return (suffix, weights, whether it is a GRU) of the two layers of a Bidirectional."""
    directions = []
    for start, suffix in (("forward_layer.", ""), ("backward_layer.", "_reverse")):
        part = {name: a for name, a in weights.items() if name.startswith(start)}
        width = next(a.shape for name, a in part.items() if name.endswith("recurrent_kernel"))
        directions.append((suffix, part, width[1] == 3 * width[0]))
    return directions


def _bidirectional_to(weights: Arrays) -> Arrays:
    return {k: a for suffix, part, gru in _directions(weights) for k, a in _recurrent_to(part, gru, suffix).items()}


def _bidirectional_back(source: Arrays, weights: Arrays) -> Arrays:
    return {
        k: a
        for suffix, part, gru in _directions(weights)
        for k, a in _recurrent_back(source, part, gru, suffix).items()
    }


# ---- attention ------------------------------------------------------------------------------------------------------


def _attention_to(weights: Arrays) -> Arrays:
    if "gate.kernel" in weights:  # which PyTorch's layer does not have
        return _grouped_to(weights)
    parts = ("query", "key", "value")
    flat = [weights[f"{part}.kernel"].reshape(len(weights[f"{part}.kernel"]), -1).T for part in parts]
    if len({a.shape for a in flat}) == 1:
        result = {"in_proj_weight": np.concatenate(flat)}
    else:
        result = {f"{part[0]}_proj_weight": a for part, a in zip(parts, flat, strict=True)}
    result["out_proj.weight"] = _flat_output(weights["attention_output.kernel"]).T
    if "query.bias" in weights:
        result["in_proj_bias"] = np.concatenate([weights[f"{part}.bias"].ravel() for part in parts])
        result["out_proj.bias"] = weights["attention_output.bias"].ravel()
    return result


def _flat_output(kernel: Array) -> Array:
    """Return the kernel (H, d, *outputs) as a matrix."""
    return kernel.reshape(kernel.shape[0] * kernel.shape[1], -1)


def _attention_back(source: Arrays, weights: Arrays) -> Arrays:
    if "gate.kernel" in weights:
        return _grouped_back(source, weights)
    parts = ("query", "key", "value")
    pack = source.get("in_proj_weight")
    flat = [source[f"{part[0]}_proj_weight"] for part in parts] if pack is None else np.split(pack, 3)
    result = {f"{part}.kernel": a.T for part, a in zip(parts, flat, strict=True)}
    result["attention_output.kernel"] = source["out_proj.weight"].T
    if "query.bias" in weights:
        sizes = [weights[f"{part}.bias"].size for part in parts]
        biases = np.split(source["in_proj_bias"], np.cumsum(sizes)[:-1])
        result |= {f"{part}.bias": a for part, a in zip(parts, biases, strict=True)}
        result["attention_output.bias"] = source["out_proj.bias"]
    return {name: a.reshape(weights[name].shape) for name, a in result.items()}


# part of a GroupQueryAttention: its name in the attention of Llama models
_GROUPED = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "gate": "gate_proj", "attention_output": "o_proj"}


def _grouped_to(weights: Arrays) -> Arrays:
    result: Arrays = {}
    for name, a in weights.items():
        part, _, weight = name.partition(".")
        if weight == "kernel":
            flat = _flat_output(a) if part == "attention_output" else a.reshape(len(a), -1)
            result[f"{_GROUPED[part]}.weight"] = flat.T
        else:
            result[f"{_GROUPED[part]}.bias"] = a.ravel()
    return result


def _grouped_back(source: Arrays, weights: Arrays) -> Arrays:
    result: Arrays = {}
    for name, a in weights.items():
        part, _, weight = name.partition(".")
        theirs = source[f"{_GROUPED[part]}.{'weight' if weight == 'kernel' else 'bias'}"]
        result[name] = theirs.T.reshape(a.shape)
    return result


_CONV = _rename(_window_last, _window_first, kernel="weight")
_DEPTHWISE = _rename(_depthwise_to, _depthwise_back, kernel="weight")
_NORM = _rename(gamma="weight", beta="bias", moving_mean="running_mean", moving_variance="running_var")
_DENSE = _rename(_transpose, _transpose, kernel="weight")
_ATTENTION = _Kind(_attention_to, _attention_back, deep=True)

# ---- a whole block --------------------------------------------------------------------------------------------------

# part of a TransformerBlock: (its name in a TransformerEncoderLayer, its kind)
_BLOCK = {
    "attention_norm": ("norm1", _NORM),
    "attention": ("self_attn", _ATTENTION),
    "dense_norm": ("norm2", _NORM),
    "dense": ("linear1", _DENSE),
    "dense_output": ("linear2", _DENSE),
}


def _below(path: str, arrays: Arrays) -> Arrays:
    """Return the arrays below a path, by their names there."""
    return {name.removeprefix(f"{path}."): a for name, a in arrays.items() if name.startswith(f"{path}.")}


def _block_to(weights: Arrays) -> Arrays:
    return {
        f"{theirs}.{name}": a
        for ours, (theirs, kind) in _BLOCK.items()
        for name, a in kind.to(_below(ours, weights)).items()
    }


def _block_back(source: Arrays, weights: Arrays) -> Arrays:
    return {
        f"{ours}.{name}": a
        for ours, (theirs, kind) in _BLOCK.items()
        for name, a in kind.back(_below(theirs, source), _below(ours, weights)).items()
    }


_KINDS: dict[str, _Kind] = {
    "Dense": _DENSE,
    **{f"Conv{n}D": _CONV for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": _CONV for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": _DEPTHWISE for n in (1, 2)},
    **{f"{name}Normalization": _NORM for name in ("Batch", "Layer", "Group")},
    "RMSNormalization": _rename(scale="weight"),
    "Embedding": _rename(embeddings="weight"),
    "SimpleRNN": _recurrent(False),
    "LSTM": _recurrent(False),
    "GRU": _recurrent(True),
    "Bidirectional": _Kind(_bidirectional_to, _bidirectional_back, deep=True),
    "MultiHeadAttention": _ATTENTION,
    "GroupQueryAttention": _Kind(_grouped_to, _grouped_back, deep=True),
    "PositionalEmbedding": _rename(position_embeddings="weight"),
    "TransformerBlock": _Kind(_block_to, _block_back, deep=True),
}
