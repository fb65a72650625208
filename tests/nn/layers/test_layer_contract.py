"""One contract for every layer, over the rows of `layer_cases.py`."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from autograd_lite.testing import check_module

from ...rows import for_every
from .layer_cases import LayerCase, all_cases

CASES = all_cases()
BY_NAME = {case.name: case for case in CASES}


def contract(part: str, stride: int = 1) -> Any:
    """Return a decorator that tests, class by class, every case that is not exempt from this part."""
    rows = (c for c in CASES if part not in c.exempt)
    return for_every(rows, by=lambda case: case.name.partition(",")[0], stride=stride)


def made(case: LayerCase, seed: int = 0) -> Any:
    """Return a built layer, in evaluation mode, whose initial values this seed decides."""
    nn.set_seed(seed)
    layer = case.make().eval()
    with ag.no_grad():
        layer(*case.args(case.draw()))
    return layer


def outputs(layer: Any, case: LayerCase, arrays: list[Any], **kwargs: Any) -> list[ag.Tensor]:
    """Return what the layer returns, as a flat list."""
    flat: list[ag.Tensor] = []
    pending = [layer(*case.args(arrays), **kwargs)]
    while pending:
        out = pending.pop(0)
        if isinstance(out, ag.Tensor):
            flat.append(out)
        else:
            pending[:0] = list(out.values() if isinstance(out, dict) else out)
    return flat


def values(layer: Any, case: LayerCase, arrays: list[Any]) -> list[np.ndarray]:
    """Return the outputs' values, computed without a record."""
    with ag.no_grad():
        return [out.numpy() for out in outputs(layer, case, arrays)]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> None:
    """Assert that two lists of arrays are equal bit for bit."""
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_names_are_different_and_every_layer_has_a_row() -> None:
    assert len(BY_NAME) == len(CASES)
    kinds = {type(case.make()).__name__ for case in CASES}
    public = [getattr(nn.layers, name) for name in nn.layers.__all__]
    layers = {c.__name__ for c in public if isinstance(c, type) and issubclass(c, nn.layers.Layer)}
    assert sorted(layers - kinds - {"Layer"}) == []


@contract("shape")
def test_shape_and_dtype(case: LayerCase) -> None:
    for dtype in (None, "float64"):
        nn.set_seed(0)
        layer = case.make()
        if dtype is not None:
            for _, module in layer.named_modules():
                module._dtype = np.dtype(dtype)
        _check_shape_and_dtype(case, layer, dtype)


def _check_shape_and_dtype(case: LayerCase, layer: Any, dtype: str | None) -> None:
    arrays = case.draw()
    out = outputs(layer, case, arrays)[0]
    assert out.dtype == np.dtype(dtype or "float32"), "a floating result has the layer's dtype"
    shapes = [(None, *a.shape[1:]) for a in arrays]
    expected = layer.compute_output_shape(shapes if case.as_list else shapes[0])
    if isinstance(expected, list):
        expected = expected[0]
    assert tuple(expected) == (None, *out.shape[1:])
    assert all(t.dtype == out.dtype for t in layer.parameters())


@contract("lazy")
def test_it_is_built_by_its_first_call_and_not_again(case: LayerCase) -> None:
    layer = case.make()
    assert not layer.built
    arrays = case.draw()
    with ag.no_grad():
        layer(*case.args(arrays))
        assert layer.built
        before = [(path, id(t), t.shape) for path, t in layer.named_parameters()]
        layer(*case.args(arrays))
    assert [(path, id(t), t.shape) for path, t in layer.named_parameters()] == before
    assert all(t.is_leaf for t in layer.parameters())


@contract("lazy")
def test_a_failed_first_call_leaves_it_as_it_was(case: LayerCase) -> None:
    layer = case.make()
    wrong = case.args([np.full((), 1, a.dtype) for a in case.draw()])
    nn.set_seed(0)
    try:
        layer(*wrong)
    except Exception:
        assert not layer.built, "a failed call has built the layer"
    else:
        layer = case.make()
    nn.set_seed(0)
    layer.eval()
    same(values(layer, case, case.draw()), values(made(case), case, case.draw()))


@contract("state")
def test_state_round_trip(case: LayerCase) -> None:
    first, second, arrays = made(case, 1), made(case, 2), case.draw()
    with ag.no_grad():
        for i, (_, t) in enumerate(sorted(first.state_dict().items())):
            assert isinstance(t, np.ndarray), i
        state = {k: v + np.asarray(0.25, v.dtype) if v.dtype.kind == "f" else v for k, v in first.state_dict().items()}
        second.load_state_dict(state)
        first.load_state_dict(state)
    same(values(first, case, arrays), values(second, case, arrays))
    assert second.state_dict().keys() == state.keys()
    for key, value in second.state_dict().items():
        np.testing.assert_array_equal(value, state[key])


@contract("state")
def test_copies_compute_the_same_and_share_nothing(case: LayerCase) -> None:
    layer, arrays = made(case), case.draw()
    before = values(layer, case, arrays)
    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))] if _pickles(layer) else [copy.deepcopy(layer)]
    for twin in twins:
        same(values(twin, case, arrays), before)
        for t in twin.parameters():
            t.assign(t.numpy() * 0)
    same(values(layer, case, arrays), before)


def _pickles(layer: Any) -> bool:
    try:
        pickle.dumps(layer)
    except (pickle.PicklingError, AttributeError, TypeError):
        # A custom function, a lambda, is what pickle refuses.
        return False
    return True


@contract("gradients", stride=4)
def test_gradients_against_finite_differences(case: LayerCase) -> None:
    order = 1 if "second order" in case.exempt else 2
    wrt = None
    if case.zero:
        layer = made(case)
        names = [name for name, _ in layer.named_parameters()]
        assert set(case.zero) <= set(names)
        names = [*list(inspect.signature(layer.call).parameters)[: len(case.inputs)], *names]
        wrt = [name for name in names if name not in case.zero]
    modes = {"train"} if _trains_as_it_evaluates(case) else {"train", "eval"}
    modes -= {"train"} if "training gradients" in case.exempt else set()
    nn.set_seed(1)
    report = check_module(case.make(), *case.args(case.draw(1)), order=order, wrt=wrt, modes=sorted(modes))
    assert report.ok
    assert {entry.split(":")[0] for entry in report.inputs} == modes


def _trains_as_it_evaluates(case: LayerCase) -> bool:
    """Return whether both modes have the same values and gradients, bit for bit: then one is checked for both."""
    found = []
    for training in (True, False):
        layer = made(case, 1)
        layer = layer.train() if training else layer.eval()
        inputs = [ag.tensor(a, requires_grad=a.dtype.kind == "f") for a in case.draw(1)]
        nn.set_seed(2)
        results = [o for o in outputs(layer, case, inputs) if o.requires_grad]
        if not results:
            return False
        sum(((o * o).sum() for o in results), ag.tensor(0.0)).backward()
        arrays = [o.detach().numpy() for o in results]
        found.append([*arrays, *(t.grad.numpy() for t in (*layer.parameters(), *inputs) if t.grad is not None)])
    return len(found[0]) == len(found[1]) and all(map(np.array_equal, *found))


@contract("step")
def test_a_training_step_lowers_a_loss(case: LayerCase) -> None:
    layer = made(case, 3).train()
    for _, module in layer.named_modules():
        module._dtype = np.dtype("float64")
    arrays = case.draw(2)
    inputs = [ag.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    variables = layer.parameters() or [t for t in inputs if t.requires_grad]
    assert variables, "nothing to train: exempt the case from 'step' with a reason"
    target = None

    def loss() -> ag.Tensor:
        nonlocal target
        nn.set_seed(5)
        found = [o for o in outputs(layer, case, inputs) if o.dtype.kind == "f"]
        if target is None:
            rng = np.random.default_rng(4)
            target = [rng.normal(size=o.shape) for o in found]
        return sum((((o - y) ** 2).mean() for o, y in zip(found, target, strict=True)), ag.tensor(0.0))

    first = loss()
    first.backward()
    gradients = [t.grad.numpy() if t.grad is not None else np.zeros(t.shape) for t in variables]
    length = float(np.sqrt(sum((g.astype(float) ** 2).sum() for g in gradients)))
    assert length > 0, "no gradient reaches what is trained"
    with ag.no_grad():
        for t, g in zip(variables, gradients, strict=True):
            t.assign(t.numpy() - (3e-3 / length * g).astype(t.dtype))
    assert loss().item() < first.item()


@contract("modes")
def test_evaluation_repeats_and_changes_nothing(case: LayerCase) -> None:
    layer, arrays = made(case), case.draw()
    state, draws = layer.state_dict(), ag.random.default_generator.state
    first = values(layer, case, arrays)
    same(values(layer, case, arrays), first)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    assert ag.random.default_generator.state == draws, "evaluation has drawn random numbers"
    assert layer.train() is layer
    assert all(module.training for _, module in layer.named_modules())
    values(layer, case, arrays)
    assert all(module.training for _, module in layer.named_modules())


@contract("batch")
def test_a_sample_does_not_depend_on_its_batch(case: LayerCase) -> None:
    layer, arrays = made(case), case.draw()
    whole = values(layer, case, arrays)
    for i in range(len(arrays[0])):
        for a, b in zip(values(layer, case, [x[i : i + 1] for x in arrays]), whole, strict=True):
            np.testing.assert_allclose(a, b[i : i + 1], rtol=2e-5, atol=2e-6)


@contract("config")
def test_configuration_round_trip(case: LayerCase) -> None:
    layer = case.make()
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert type(again) is type(layer)
    assert again.get_config() == config
    assert repr(again) == repr(layer)
    nn.set_seed(0)
    again.eval()
    same(values(again, case, case.draw()), values(made(case), case, case.draw()))


@contract("repr")
def test_repr_has_the_class_and_is_the_same_twice(case: LayerCase) -> None:
    layer = case.make()
    for text in (repr(layer), repr(made(case))):
        assert text.startswith(type(layer).__name__ + "(")
        assert text.endswith(")")
        assert " object at 0x" not in text
        assert "<function" not in text


@contract("picture")
def test_its_graph_draws(case: LayerCase) -> None:
    layer = made(case).train()
    inputs = [ag.tensor(a, requires_grad=a.dtype.kind == "f", name=f"x{i}") for i, a in enumerate(case.draw())]
    out = outputs(layer, case, inputs)[0]
    graph = ag.build_graph(out)
    svg = graph.to_svg()
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    names = {node.name for node in graph}
    for path, parameter in layer.named_parameters():
        if out is not parameter:
            assert path in names, f"{path} is not in the picture"
