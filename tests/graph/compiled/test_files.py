"""A compiled function in a file does in another process, without its code, what it would have done: bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import autograd_lite as ag
import nn
from autograd_lite import extend
from autograd_lite.files import read_arrays, write_arrays
from autograd_lite.graph.compiled.loaded import Loaded

from ...compiler.test_compile import DERIVED, gradient_descent, normal, with_state
from ...fuzz.mutation import changed_bytes
from ...laws.reading import same_bits

CALLS = 3
A_CASE = tuple[Callable[..., Any], list[tuple[Any, ...]]]


def stepping(make: Callable[[ag.Tensor], Any]) -> A_CASE:
    step = make(ag.tensor(np.zeros(3), requires_grad=True, name="w"))
    return step, [(normal(7, 3), normal(7)) for _ in range(CALLS)]


def drawing() -> A_CASE:
    generator = ag.Generator(3, "noise")
    return lambda x: x + ag.random.uniform(x.shape, generator=generator), [(normal(3),) for _ in range(CALLS)]


def capturing() -> A_CASE:
    kernel = ag.tensor(np.asfortranarray(normal(5, 4)), name="kernel")
    offset, turns = normal(4), np.exp(1j * normal(4)).astype(np.complex64)
    scale = ag.tensor(np.float32(2))
    places = np.array([0, 2, 1])

    def f(x: Any, *, power: int = 1) -> Any:
        y = (x @ kernel + offset) ** power
        return {"y": y, "turned": (y * turns, [y[:, places], None, "text", 1.5]), "half": y.astype(np.float32) / scale}

    return f, [(normal(2, 5),) for _ in range(CALLS)]


def indexing() -> A_CASE:
    def f(t: Any, i: Any) -> Any:
        return t[i], ag.grad(lambda s: (s[i] ** 3).sum())(t), np.pad(t, 1, constant_values=-np.inf), t[..., ::-1, None]

    return f, [(normal(5, 2), np.array(i)) for i in ([1, 2, 1], [0, 4, 4], [3, 3, 3])]


def accumulating() -> A_CASE:
    w = ag.tensor(normal(3), requires_grad=True, name="w")
    w.grad = normal(3)

    def step(x: Any) -> Any:
        (np.tanh(w) * x).sum().backward()
        return w.grad * 2

    return step, [(normal(3),) for _ in range(CALLS)]


def learning(model: Any, loss: Any, optimizer: Any, *batch: Any) -> A_CASE:
    model(batch[0])
    optimizer.bind(model.parameters())

    def step(x: Any, y: Any) -> Any:
        found = loss(y, model(x))
        found.backward()
        optimizer.step()
        optimizer.zero_grad()
        return found

    return step, [batch for _ in range(CALLS)]


def network() -> A_CASE:
    nn.set_seed(0)
    layers = [nn.layers.Conv2D(3, 3), nn.layers.BatchNormalization(), nn.layers.ReLU(), nn.layers.MaxPooling2D(2)]
    layers += [nn.layers.Flatten(), nn.layers.Dropout(0.5, seed=1), nn.layers.Dense(2, "softmax")]
    x, y = normal(4, 6, 6, 1).astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    return learning(nn.Sequential(layers).train(), nn.losses.CategoricalCrossentropy(), nn.optimizers.Adam(0.01), x, y)


def recurrent() -> A_CASE:
    nn.set_seed(0)
    model = nn.Sequential([nn.layers.Embedding(9, 4), nn.layers.LSTM(3), nn.layers.UnitNormalization()])
    x, y = np.arange(12).reshape(3, 4) % 9, normal(3, 3).astype(np.float32)
    return learning(model.train(), nn.losses.MeanSquaredError(), nn.optimizers.SGD(0.1, momentum=0.9), x, y)


def looping() -> A_CASE:
    w, generator = ag.tensor(normal(3), name="w"), ag.Generator(5, "noise")

    def f(x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            new = np.tanh(carry * row + w) + ag.random.normal((3,), generator=generator)
            return new, new * 2

        states = ag.scan(step, x[0], x)[1]
        chosen = ag.cond(x.sum() > 0, lambda t: np.sin(t) * w, lambda t: t * 2, states)
        return chosen, ag.while_loop(lambda t: (t * t).sum() < 50, lambda t: t * 1.5 + 0.1, x[0])

    return f, [(normal(4, 3),) for _ in range(CALLS)]


def back_through_a_loop() -> A_CASE:
    def f(w: Any, x: Any) -> Any:
        return (ag.scan(lambda c, row: (np.tanh(c * w + row), None), x[0], x)[0] ** 2).sum()

    return ag.grad(f, (0, 1)), [(normal(3), normal(5, 3)) for _ in range(CALLS)]


def derived(name: str) -> A_CASE:
    f, shapes = DERIVED[name]
    if shapes:
        return f, [tuple(normal(*shape) for shape in shapes) for _ in range(CALLS)]
    return f, [({"w": normal(4, 3), "b": normal(4)}, normal(3)) for _ in range(CALLS)]


CASES: dict[str, Callable[[], A_CASE]] = {
    **{name: lambda name=name: derived(name) for name in DERIVED},  # type: ignore[misc]
    "a step": lambda: stepping(gradient_descent),
    "a step with state": lambda: stepping(with_state),
    "draws": drawing,
    "gradients that add up": accumulating,
    "loops": looping,
    "back through a loop": back_through_a_loop,
    "captured": capturing,
    "indices": indexing,
    "a network": network,
    "a recurrent network": recurrent,
    "linear algebra": lambda: (
        lambda a: (np.linalg.svd(a, compute_uv=False), np.linalg.solve(a @ a.T + np.eye(3), a)),
        [(normal(3, 3),) for _ in range(CALLS)],
    ),
}

# Runs where neither this file nor nn is known.
OTHER = """
import json, sys
from pathlib import Path
import numpy as np
import autograd_lite as ag
from autograd_lite import extend
from safetensors.numpy import load_file, save_file
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.calls.json")):
    name = path.name.removesuffix(".calls.json")
    given = load_file(folder / f"{name}.given")
    loaded = ag.load_compiled(folder / f"{name}.file")
    found = {}
    for k, call in enumerate(json.loads(path.read_text())):
        def filled(x):
            return np.array(given[x]) if isinstance(x, str) else x
        out = loaded(*ag.tree.map(filled, tuple(call)))
        for i, leaf in enumerate(ag.tree.leaves(out)):
            if isinstance(leaf, (np.ndarray, np.generic)):
                a = np.asarray(leaf)
                found[f"{k}.{i}"] = a.view(a.real.dtype) if a.dtype.kind == "c" else np.ascontiguousarray(a)
                found[f"{k}.{i}.strides"] = np.array(a.strides, np.int64)
    for key, t in loaded.captured.items():
        found[f"captured.{key}"] = np.ascontiguousarray(t.numpy())
    loaded.save_compiled(folder / f"{name}.again")
    save_file(found, folder / f"{name}.found")
assert "nn" not in sys.modules
"""


def run_elsewhere(folder: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", OTHER, str(folder)], capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def results_of(out: Any) -> dict[int, np.ndarray]:
    return {
        i: np.asarray(leaf) for i, leaf in enumerate(ag.tree.leaves(out)) if isinstance(leaf, (np.ndarray, np.generic))
    }


FEW = ("a step", "captured", "a network", "loops")


@pytest.mark.parametrize("names", [FEW, pytest.param(tuple(CASES), marks=pytest.mark.ci)], ids=["some", "all"])
def test_in_another_process_all_is_the_same(names: tuple[str, ...], tmp_path: Path) -> None:
    compiled: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    for number, name in enumerate(names):
        f, args = CASES[name]()
        step = compiled[name] = ag.compile(f)
        while not any(trace.replay for trace in step.traces):
            step(*args[0])
            assert len(step.traces) < 5, (name, step.explain())
        step.save_compiled(tmp_path / f"{number}.file")
        arrays: dict[str, np.ndarray] = {}

        def named(x: Any, arrays: dict[str, np.ndarray] = arrays) -> Any:
            key = str(len(arrays))
            arrays[key] = np.ascontiguousarray(x)
            return key

        calls[name] = args
        tree = [ag.tree.map(named, given) for given in args]
        (tmp_path / f"{number}.calls.json").write_text(json.dumps(tree))
        save_file(arrays, tmp_path / f"{number}.given")
    run_elsewhere(tmp_path)
    for number, name in enumerate(names):
        found = load_file(tmp_path / f"{number}.found")
        for k, given in enumerate(calls[name]):
            for i, expected in results_of(compiled[name](*given)).items():
                a = found[f"{k}.{i}"]
                assert tuple(found[f"{k}.{i}.strides"]) == expected.strides, (name, k, i)
                assert a.tobytes() == np.ascontiguousarray(expected).tobytes(), (name, k, i)
        again = ag.load_compiled(tmp_path / f"{number}.again")  # what was changed there is in its file
        traced = compiled[name].traces[-1].replay.traced
        gradients = {id(g) for _, g in traced.before}
        states = {id(t): t for t in (*traced.captured, *(t for t, _ in traced.assigned)) if id(t) not in gradients}
        kept = sorted(found[key].tobytes() for key in found if key.startswith("captured."))
        assert kept == sorted(np.ascontiguousarray(t.numpy()).tobytes() for t in states.values()), name
        given = calls[name][0]
        for a, b in zip(results_of(again(*given)).values(), results_of(compiled[name](*given)).values(), strict=True):
            assert same_bits(a, b), name


@pytest.mark.ci
@pytest.mark.parametrize("name", CASES)
def test_beside_the_function_itself_nothing_differs(name: str) -> None:
    f, args = CASES[name]()
    validated = ag.compile(f, validate=True)
    for k in range(6):
        validated(*args[k % CALLS])
    assert any(trace.replay for trace in validated.traces)


# ---- what is in a file ----------------------------------------------------------------------------------------------


def replayed(f: Callable[..., Any], *args: Any) -> Any:
    compiled = ag.compile(f)
    for _ in range(4):
        compiled(*args)
    return compiled


def test_what_is_captured_can_be_read_and_assigned(tmp_path: Path) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    twin = ag.tensor([3.0, 4.0], name="w")
    held = {"rate": 0.5}

    def f(x: Any) -> Any:
        return ag.grad(lambda y: (w * y * y).sum())(x).detach() * ag.dynamic(held, "rate") + twin

    replayed(f, np.ones(2)).save_compiled(tmp_path / "f")
    loaded = ag.load_compiled(tmp_path / "f")
    assert isinstance(loaded, Loaded)
    assert set(loaded.captured) == {"w", "w.1"}
    assert loaded.captured["w"].requires_grad
    assert same_bits(loaded(np.ones(2)), np.array([4.0, 6.0]))
    loaded.captured["w.1"].assign([0.0, 0.0])
    assert loaded.states == ({"rate": 0.5},)
    loaded.states[0]["rate"] = 2.0
    assert same_bits(loaded(np.ones(2)), np.array([4.0, 8.0]))
    assert w.tolist() == [1.0, 2.0]
    assert "holds while   'w' (2,) float64 requires a gradient" in loaded.explain()
    assert "test_files.py" in loaded.source()


def test_views_follow_what_a_function_from_a_file_writes(tmp_path: Path) -> None:
    w, u = ag.tensor(np.zeros(4), name="w"), ag.tensor(np.ones((2, 2)), name="u")

    def step(x: Any) -> Any:
        w[1:] += x
        u[0, :] = u[1, :] * w[:2]
        return w.sum() + u.sum()

    compiled = ag.compile(step)
    for _ in range(3):
        compiled(np.ones(3))
    compiled.save_compiled(tmp_path / "step")
    loaded = ag.load_compiled(tmp_path / "step")
    for _ in range(3):
        a, b = loaded.captured["w"], loaded.captured["u"]
        views = [a[1:], a.reshape(2, 2)[1], b[0], b.T, b[:, 1]]
        loaded(np.arange(3.0))
        loaded(np.ones(3))
        for view, expected in zip(views, [a.data[1:], a.data[2:], b.data[0], b.data.T, b.data[:, 1]], strict=True):
            assert np.array_equal(view.data, expected)
    with pytest.raises(TypeError, match="views of what it changes"):
        loaded(loaded.captured["w"][1:])


def test_calls_of_another_kind_are_refused(tmp_path: Path) -> None:
    x = normal(3, 4)
    replayed(lambda x, k=2: np.exp(x).T * k, x).save_compiled(tmp_path / "f")
    loaded = ag.load_compiled(tmp_path / "f")
    expected = (np.exp(ag.tensor(x)).T * 2).numpy()
    for y in (x, np.asfortranarray(x), np.repeat(x, 2, 0)[::2]):  # which lie in memory in other ways
        assert same_bits(loaded(y), expected)
    assert isinstance(loaded(ag.tensor(x)), ag.Tensor)
    for args, kwargs in (((x[:2],), {}), ((x.astype("f4"),), {}), ((x,), {"k": 3}), ((x, 2.0), {}), (([x],), {})):
        with pytest.raises(ValueError, match=r"a kind that the file has a trace for, \[0\] \(3, 4\) float64; received"):
            loaded(*args, **kwargs)
    with pytest.raises(TypeError, match="cannot be transformed, nor called on Tensors that require a gradient"):
        ag.grad(lambda x: loaded(x).sum())(x)


def test_what_cannot_be_in_a_file_is_named(tmp_path: Path) -> None:
    path, x = tmp_path / "f", np.ones(2)
    cube = ag.elementwise(lambda x: x**3, lambda out, x: 3 * x**2, name="cube", saves="x")
    step = [0]

    def three() -> float:
        return 3.0

    def seen(x: Any) -> Any:
        ag.observe(lambda a: step.append(1), x)
        return x

    cases: list[tuple[Callable[..., Any], str]] = [
        (
            lambda x: cube(x),
            r"received 'cube' at .*test_files.py:\d+ in <lambda>, which is a custom one: a file holds no",
        ),
        (seen, r"received a function of yours at .*test_files.py:\d+ in seen, which observe or debug_print calls"),
        (lambda x: x * extend.callback(three), "a number that .*three computes anew at every call: a file holds"),
        (lambda x: (x, object), "expected results that are arrays, numbers, texts, .* received the class object"),
    ]
    for f, text in cases:
        with pytest.raises(TypeError, match=text):
            replayed(f, x).save_compiled(path)
        assert not path.exists()
    with pytest.raises(ValueError, match="received <lambda>, of which there is no replay. Call it twice"):
        ag.compile(lambda x: x).save_compiled(path)
    replayed(lambda x: ag.debug_print("{}", x), x)  # which replays all the same


def damaged(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the description in a file."""
    arrays, about = read_arrays("test", path, "autograd_lite")
    change(about)
    write_arrays("test", path, arrays, about, "autograd_lite")


def test_a_damaged_file_gives_one_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    compiled = replayed(lambda x: np.tanh(x) * ag.tensor([2.0, 3.0]), np.ones(2))

    def node(about: Any, i: str) -> Any:
        return about["traces"][0]["graph"]["graph"]["nodes"][i]["metadata"]

    cases: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
        (lambda about: node(about, "n1").update(op="system"), ag.UnsupportedError, "received 'system'. Load the file"),
        (lambda about: about.update(version=2), ValueError, "version 3 of the format, which this version reads"),
        (lambda about: about.update(format="x"), ValueError, "a file of the format 'autograd_lite.compiled'"),
        (lambda about: about["traces"][0].pop("given"), ValueError, "received another one .*given"),
        (lambda about: about["traces"][0]["bindings"].clear(), ValueError, "one thing that fills n2; received .none"),
        (lambda about: about["traces"][0].update(results=[]), ValueError, "expected the outputs of the graph"),
        (lambda about: about.update(traces=[]), ValueError, "expected at least one trace"),
        (
            lambda about: about["traces"][0]["inputs"].append(None),
            ValueError,
            "2 arrays among the arguments; received 1",
        ),
        (lambda about: node(about, "n0").update(dtype="float32"), ValueError, "received"),
        (lambda about: node(about, "n1").update(shape=[3]), ValueError, "what tanh makes of these arguments"),
    ]
    for change, kind, text in cases:
        compiled.save_compiled(path)
        damaged(path, change)
        with pytest.raises(kind, match=text):
            ag.load_compiled(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="which is damaged or of another kind"):
        ag.load_compiled(path)
    with pytest.raises(ValueError, match="expected a safetensors file; .* is a folder"):
        ag.load_compiled(tmp_path)
    with pytest.raises(OSError, match="load_compiled: expected an existing file; No such file"):
        ag.load_compiled(tmp_path / "nothing")


@pytest.mark.parametrize("n", [60, pytest.param(2000, marks=pytest.mark.ci)])
def test_a_file_whose_bytes_are_damaged_is_refused_or_right(n: int, tmp_path: Path) -> None:
    """Bytes that change, are lost or come from elsewhere: nothing is left to be found out by a call."""
    path, random, x = tmp_path / "f", Random(n), np.array([0.5, -1.0])
    w = ag.tensor(np.ones((2, 2)), requires_grad=True, name="w")

    def step(x: Any) -> Any:
        loss = (np.tanh(w @ x)[[0, 1, 1]] ** 2.0).sum() + np.pad(x, 1)[1]
        return loss, ag.grad(lambda t: (np.sin(t) * w).sum())(x)

    replayed(step, x).save_compiled(path)
    data = path.read_bytes()
    expected = ag.load_compiled(path)(x)
    taken = 0
    for _ in range(n):
        path.write_bytes(changed_bytes(random, data, data[len(data) // 2 :]))
        try:
            loaded = ag.load_compiled(path)
        except (ValueError, ag.UnsupportedError):
            continue
        taken += 1
        for found, right in zip(loaded(x), expected, strict=True):
            assert same_bits(np.asarray(found), np.asarray(right))
    assert taken < n / 4


def test_a_file_runs_in_every_error_state(tmp_path: Path) -> None:
    compiled = ag.compile(lambda x: np.log(x))
    for _ in range(2):
        compiled(np.ones(2))
    compiled.save_compiled(tmp_path / "log.safetensors")
    loaded = ag.load_compiled(tmp_path / "log.safetensors")
    with np.errstate(all="raise"):
        assert loaded(np.ones(2)).tolist() == [0.0, 0.0]
    for transformed in (ag.vmap(loaded), lambda x: ag.jvp(loaded)((x,), (x,))):
        with pytest.raises(TypeError, match="cannot be transformed"):
            transformed(np.ones(2))
