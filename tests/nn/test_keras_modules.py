"""nn.random, nn.tree, nn.config, nn.backend and nn.mixed_precision do as Keras's modules of these names."""

from __future__ import annotations

import importlib
import inspect
import itertools
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from pprint import pformat
from typing import Any, cast

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import backend, config, mixed_precision, random, tree

MODULES = ("random", "tree", "config", "backend", "mixed_precision")
N = 40_000

# A draw of N numbers, its mean, its variance, and an interval that holds it.
DRAWS: dict[str, tuple[Callable[..., Any], float, float, tuple[float, float]]] = {
    "normal": (lambda seed: random.normal((N,), 1.0, 2.0, seed=seed), 1, 4, (-12, 14)),
    "uniform": (lambda seed: random.uniform((N,), -1.0, 3.0, seed=seed), 1, 16 / 12, (-1, 3)),
    "randint": (lambda seed: random.randint((N,), -2, 3, seed=seed), 0, 2, (-2, 2)),
    # For a standard normal truncated at 2: 1 - 4 phi(2) / (2 Phi(2) - 1).
    "truncated_normal": (lambda seed: random.truncated_normal((N,), 1.0, 3.0, seed=seed), 1, 9 * 0.77374, (-5, 7)),
    "categorical": (lambda seed: random.categorical([[0.0, np.log(3.0)]], N, seed=seed), 0.75, 0.1875, (0, 1)),
    "dropout": (lambda seed: random.dropout(np.ones(N), 0.25, seed=seed), 1, 1 / 3, (0, 4 / 3)),
    "gamma": (lambda seed: random.gamma((N,), 2.0, seed=seed), 2, 2, (0, 40)),
    "beta": (lambda seed: random.beta((N,), 2.0, 1.0, seed=seed), 2 / 3, 1 / 18, (0, 1)),
    "binomial": (lambda seed: random.binomial((N,), 10.0, 0.3, seed=seed), 3, 2.1, (0, 10)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_has_the_moments_of_its_distribution(name: str) -> None:
    draw, mean, variance, (low, high) = DRAWS[name]
    values = np.asarray(draw(3)).astype(float)
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / N)
    assert abs(values.var() / variance - 1) < 0.05
    assert low - 1e-5 <= values.min() < values.max() <= high + 1e-5


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_repeats_and_a_generator_goes_on(name: str) -> None:
    draw = DRAWS[name][0]

    def same(a: Any, b: Any) -> bool:
        return np.array_equal(np.asarray(a), np.asarray(b))

    assert same(draw(1), draw(1))
    assert not same(draw(1), draw(2))
    one, other = random.SeedGenerator(5), random.SeedGenerator(5)
    first, second = draw(one), draw(one)
    assert not same(first, second)
    assert same(first, draw(other))
    nn.set_seed(7)
    first = draw(None)
    assert not same(first, draw(None))
    nn.set_seed(7)
    assert same(first, draw(None))


def test_shuffle_permutes_whole_slices() -> None:
    x = np.arange(60).reshape(20, 3)
    rows = np.asarray(random.shuffle(x, seed=0))
    assert sorted(map(tuple, rows)) == sorted(map(tuple, x))
    assert (rows != x).any()
    columns = np.asarray(random.shuffle(x, axis=1, seed=1))
    assert sorted(map(tuple, columns.T)) == sorted(map(tuple, x.T))


def test_noise_of_dropout_is_shared_along_axes_of_length_one_and_passes_gradients() -> None:
    x = ag.tensor(np.ones((50, 4)), requires_grad=True)
    y = random.dropout(x, 0.5, noise_shape=(None, 1), seed=0)
    assert (np.ptp(y.numpy(), axis=1) == 0).all()
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


def test_dtypes_are_float32_and_int32_unless_told() -> None:
    assert {str(random.normal((2,)).dtype), str(random.gamma((2,), 1.0).dtype)} == {"float32"}
    assert random.uniform((2,), dtype="float64").dtype == np.float64
    assert {str(random.randint((2,), 0, 5).dtype), str(random.categorical([[0.0]], 2).dtype)} == {"int32"}
    assert random.SeedGenerator(0).next().dtype == np.uint32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: random.normal((2,), dtype="int32"), ValueError, "normal: expected a floating dtype"),
        (lambda: random.randint((2,), 0, 5, dtype="float32"), ValueError, "Use uniform for floats"),
        (lambda: random.randint((2,), 5, 5), ValueError, "minval=5, maxval=5"),
        (lambda: random.dropout([1.0], 1.0), ValueError, "rate=1.0"),
        (lambda: random.uniform((2,), seed=cast("Any", "a")), TypeError, "a SeedGenerator or None; received 'a'"),
        (lambda: random.categorical([0.0], 2), ag.ShapeError, r"received \(1,\)"),
        (lambda: tree.pack_sequence_as([0, 0], [1]), ValueError, "expected 2 leaves"),
        (lambda: tree.map_structure(len), ValueError, "received none"),
        (lambda: tree.map_structure(max, [1], [1, 2]), ValueError, "map_structure: expected a container like"),
        (lambda: config.set_floatx("float16"), ValueError, "value='float16'"),
        (lambda: config.set_epsilon(1e-3), ValueError, "0.001"),
        (lambda: config.set_image_data_format("channels_first"), ValueError, "Give layers data_format="),
        (lambda: config.set_backend("jax"), ValueError, "backend='jax'"),
        (lambda: config.set_max_epochs(1), ValueError, "Pass epochs= to fit"),
        (lambda: config.set_max_steps_per_epoch(1), ValueError, "Pass steps_per_epoch= to fit"),
        (lambda: backend.standardize_dtype("real"), ValueError, "standardize_dtype: .* received 'real'"),
        (lambda: mixed_precision.set_global_policy("mixed_float16"), ValueError, "mixed_float16"),
    ],
)
def test_what_does_not_hold_here_is_refused_by_name(call: Callable[[], Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_settings_accept_the_values_that_they_have() -> None:
    for name in ("floatx", "epsilon", "image_data_format", "backend", "max_epochs", "max_steps_per_epoch"):
        getattr(config, f"set_{name}")(getattr(config, name)())
    mixed_precision.set_global_policy("float32")
    config.set_dtype_policy(config.dtype_policy())
    policy = mixed_precision.Policy("float32")
    assert policy == config.dtype_policy()
    assert policy.compute_dtype == policy.variable_dtype == policy.name == "float32"
    assert type(policy).from_config(policy.get_config()) == policy


@pytest.mark.parametrize("what", ["flash_attention", "interactive_logging", "traceback_filtering"])
def test_wishes_are_remembered(what: str) -> None:
    told = getattr(config, f"is_{what}_enabled")
    getattr(config, f"disable_{what}")()
    assert told() is False
    getattr(config, f"enable_{what}")()
    assert told() is True


DTYPES: tuple[Any, ...] = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32"),
    *("float64", "complex64", "complex128", int, float, bool, None, np.dtype("float64"), np.int64),
)


@pytest.mark.parametrize(
    ("dtypes", "wanted"),
    [
        ((), "float32"),
        ((bool,), "bool"),
        ((bool, int), "int32"),
        (("int8", int), "int8"),
        (("int8", float), "float32"),
        (("float16", float, "int64"), "float16"),
        ((np.dtype("float64"), "float16"), "float32"),
        (("uint64", "int8"), "float32"),
        (("float64", "complex128"), "complex64"),
    ],
)
def test_dtypes_are_promoted(dtypes: tuple[Any, ...], wanted: str) -> None:
    assert backend.result_type(*dtypes) == wanted


@pytest.mark.ci
def test_dtypes_are_promoted_as_by_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs = importlib.import_module("keras").backend
    for n in range(4):
        for dtypes in itertools.combinations_with_replacement(DTYPES, n):
            assert backend.result_type(*dtypes) == theirs.result_type(*dtypes), dtypes
    for dtype in (*DTYPES, str, "string"):
        for name in ("standardize_dtype", "is_float_dtype", "is_int_dtype"):
            assert getattr(backend, name)(dtype) == getattr(theirs, name)(dtype), (name, dtype)


def test_numbers_of_a_prefix_start_again_with_the_session() -> None:
    backend.clear_session()
    assert [backend.get_uid("a"), backend.get_uid("a"), backend.get_uid()] == [1, 2, 1]
    backend.clear_session(free_memory=False)
    assert backend.get_uid("a") == 1


def test_symbols_alone_are_keras_tensors() -> None:
    assert backend.is_keras_tensor(nn.Input((2,)))
    assert not backend.is_keras_tensor(ag.tensor([1.0]))


def test_import_nn_loads_none_of_what_few_programs_use() -> None:
    late = [f"nn.{name}" for name in ("random", "tree", "backend", "mixed_precision", "datasets")]
    code = f"import sys, nn; assert not set({late}) & set(sys.modules); assert all(n[3:] in dir(nn) for n in {late})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


Pair = namedtuple("Pair", "x y")
STRUCTURES: list[Any] = [
    1, None, [], (), {}, [1, [2, (3,)]], {"b": 1, "a": [2, None]}, OrderedDict(b=1, a=(2,)), Pair(1, [2]),
    defaultdict(list, {"a": 2, "b": 1}), [[], {"x": ()}], (None, None), {2: "two", 1: "one"}, [1, [2, [3]]],
    [(1, 2), 3],
]  # fmt: skip


def answer(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a call returns with its kinds, dicts in any order, or that it raises."""
    try:
        return pformat(call(*args, **kwargs))
    except ValueError:
        return "ValueError"


def together(*leaves: Any) -> Any:
    return leaves


def doubled(x: Any) -> Any:
    return x * 2 if isinstance(x, int) else None


def test_a_structure_is_rebuilt_from_its_leaves() -> None:
    for s in STRUCTURES:
        assert repr(tree.pack_sequence_as(s, tree.flatten(s))) == repr(s)
        assert [leaf for _, leaf in tree.flatten_with_path(s)] == tree.flatten(s)
        assert repr(tree.map_structure(lambda x: x, s)) == repr(s)
        tree.assert_same_structure(s, s)


@pytest.mark.ci
@pytest.mark.parametrize("i", range(len(STRUCTURES)))
def test_trees_are_those_of_keras(i: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs, s = importlib.import_module("keras").tree, STRUCTURES[i]
    for name in ("flatten", "flatten_with_path", "is_nested", "lists_to_tuples"):
        assert answer(getattr(tree, name), s) == answer(getattr(theirs, name), s), name
    calls: list[Callable[[Any], Any]] = [
        lambda t: t.map_structure(str, s),
        lambda t: t.map_structure(lambda x: [x], s, none_is_leaf=False),
        lambda t: t.traverse(doubled, s),
        lambda t: t.traverse(lambda x: t.MAP_TO_NONE if x == 1 else None, s, top_down=False),
        lambda t: t.map_shape_structure(str, s),
        lambda t: t.pack_sequence_as(s, range(3)),
    ]
    for n, call in enumerate(calls):
        assert answer(call, tree) == answer(call, theirs), n
    for other in STRUCTURES:
        for name in ("assert_same_structure", "assert_same_paths"):
            assert answer(getattr(tree, name), s, other) == answer(getattr(theirs, name), s, other), (name, s, other)
        shallow = answer(theirs.map_structure_up_to, s, str, other)
        assert answer(tree.map_structure_up_to, s, str, other) == shallow, (s, other)
        # With some of its backends Keras takes deeper containers of the second structure for leaves; its text refuses.
        same = answer(theirs.assert_same_structure, s, other) == "None"
        mapped = answer(theirs.map_structure, together, s, other) if same else "ValueError"
        assert answer(tree.map_structure, together, s, other) == mapped, (s, other)


@pytest.mark.ci
@pytest.mark.parametrize("module", MODULES)
def test_functions_have_the_arguments_of_keras(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    ours, theirs = importlib.import_module(f"nn.{module}"), importlib.import_module(f"keras.{module}")
    checked = 0
    for name, function in vars(theirs).items():
        if inspect.isfunction(function) and hasattr(ours, name):
            wanted = {n: p.default for n, p in inspect.signature(function).parameters.items()}
            assert {n: p.default for n, p in inspect.signature(getattr(ours, name)).parameters.items()} == wanted, name
            checked += 1
    assert checked > 3
