"""Rules as text: what is printed is what was computed."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.core.op import OPS
from autograd_lite.graph import Flow, Graph, Program, build_graph, forward_latex, forward_words, rule_latex, rule_words
from autograd_lite.graph.explanations.words.printer import number_text
from autograd_lite.graph.explanations.words.reasons import reason, sentence_of
from autograd_lite.graph.explanations.words.rules import LIMIT, Words
from autograd_lite.graph.explanations.words.signs import plain

from ...laws.samples import DIFFERENTIABLE, Sample, differentiable_inputs, op_name
from ...rows import for_every
from ...running import in_small_stack
from ..calls import polar
from ..samples import HOSTILE, SAMPLES, parameter, perceptron


def recorded(sample: Sample) -> tuple[Program, dict[str, Any]]:
    """Record one row with its backward pass from a random cotangent, and compute all values."""
    wanted = differentiable_inputs(sample)
    arrays = [ag.tensor(a, requires_grad=True) if i in wanted else a for i, a in enumerate(sample.arrays())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = Program.build(sample.call(*arrays), backward=True)
        seeds = [node for node in program.graph if node.role == "seed"]
        given_ = {node.id: sample.cotangent(node.shape, node.dtype) for node in seeds}
        program = dataclasses.replace(program, bindings={**program.bindings, **given_})
        return program, program.values()


def words_of(t: Tensor, **options: Any) -> list[str]:
    """Return the words of every step of a backward pass, but for those of the sum at its beginning."""
    graph = build_graph(t.sum() if t.ndim else t, backward=True)
    return [rule_words(graph, flow, **options) for flow in graph.flows[1 if t.ndim else 0 :]]


# ---- the law: the words, read as Python, give what was recorded -----------------------------------------------------


class Unsaid(Exception):
    """The words leave out what only the shape of the result tells."""


class Results(dict[Any, Any]):
    """Results of a call, by number and by name: `out[0]`, `out.Q`."""

    __getattr__ = dict.__getitem__


def called(name: str) -> Any:
    """Return the op as the words call it: without the parameters that are None, False, 0 or the default."""
    op = OPS[name]
    parameters = [] if op.ufunc else inspect.signature(op.forward).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]

    def call(*args: Any, **params: Any) -> Any:
        if "shape" in known and "shape" not in params:
            raise Unsaid
        if "stride" in known:
            params = of_windows(args[0].ndim - 2, known, params)
        if "batch" in known:  # of an adjoint, whose first argument has the shape of the op's result
            params = {"batch": args[0].shape[-2], **params}
        unsaid = [dict.fromkeys(known, silent) for silent in (None, False, 0)]
        for choice in unsaid:
            choice.update(norm="backward") if "norm" in known else None
            try:
                out = op.forward(*args, **{**choice, **params})
                return Results([*enumerate(out), *zip(op.result_names, out, strict=False)]) if op.results else out
            except (TypeError, ValueError):
                continue
        raise AssertionError(f"{name} cannot be called with {params}")

    return call


def of_windows(rank: int, known: list[str], params: dict[str, Any]) -> dict[str, Any]:
    """Return all parameters of an op over windows: the words say one number for all axes, and no defaults."""
    if {"size", "kernel"} & set(known) - set(params):
        raise Unsaid
    silent = {"window": 1, "stride": params.get("window", 1), "dilation": 1, "padding": 0, "groups": 1}
    full = {name: value for name, value in silent.items() if name in known} | params
    for name, value in full.items():
        if isinstance(value, int) and name != "groups":
            full[name] = (((value, value) if name == "padding" else value),) * rank
    return full


NAMES = {
    **{name: called(name) for name in OPS if "." not in name},
    **{str(np.dtype(d)): np.dtype(d) for d in "efdFDilq?"},
    **{name: getattr(np, name) for name in ("abs", "conj", "sum", "where", "broadcast_to", "concatenate", "einsum")},
    "special": types.SimpleNamespace(
        **{name.partition(".")[2]: called(name) for name in OPS if name.startswith("special.")}
    ),
    "scatter_add": lambda x, index, shape: OPS["scatter_add"].forward(x, index=as_tuple(index), shape=shape),
    "array": lambda parts, shape: OPS["array"].forward(*parts, shape=as_tuple(shape)),
    "index_update": lambda x, y, index: OPS["index_update"].forward(x, y, index=as_tuple(index)),
    "S": np.s_,
    "nan": math.nan,
    "inf": math.inf,
}


def as_tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def evaluated(text: str, names: dict[str, Any]) -> Any:
    """Read words as Python."""
    code = re.sub(r", \[(.*?)\](?=[,)])", lambda m: f", S[{m[1] or '()'}]", text.replace("²", "**2"))
    code = code.replace("concatenate(S[", "concatenate([")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(code.replace("[]", "[()]"), {**NAMES, **_by_results(names)})


def _by_results(names: dict[str, Any]) -> dict[str, Any]:
    """Return values by names: those of "out[0]" and "out.R", results of one call, as a table that is called "out"."""
    found: dict[str, Any] = {}
    for name, value in names.items():
        whole, part = re.fullmatch(r"(\w+)(.*)", name).groups()  # type: ignore[union-attr]
        if part:
            found.setdefault(whole, Results())[part[1:] if part[0] == "." else int(part[1:-1])] = value
        else:
            found[name] = value
    return found


ARRAY_INDEX = r"\b(u?int\d*|bool)\("


@for_every(DIFFERENTIABLE, by=op_name, stride=3)
def test_what_the_words_say_is_what_was_computed(sample: Sample) -> None:
    program, values = recorded(sample)
    words = Words(program.graph)
    for flow in program.graph.flows:
        term = words.term(flow)
        names = words.names(flow, term)
        text = plain(term, names, limit=10**6, digits=17, free=True)
        if "…" in text or re.search(ARRAY_INDEX, text):
            continue
        expected = values[words.root(flow)]
        try:
            got = np.broadcast_to(evaluated(text, {name: values[i] for i, name in names.items()}), expected.shape)
        except Unsaid:
            continue
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12, err_msg=text)


_SERIES = "agm ellipe ellipeinc ellipj ellipk ellipkinc ellipkm1 inv_boxcox inv_boxcox1p kolmogi kolmogorov spence"
SERIES = {f"special.{name}" for name in _SERIES.split()}  # their rules add up a dozen terms
STEPS = {"lstm", "lstm_adjoint", "gru", "gru_adjoint", "simple_rnn_adjoint"}  # further derivatives name every step


FIRSTS = list({sample.case.op: sample for sample in reversed(DIFFERENTIABLE)}.values())  # one of each op


def test_few_rules_are_too_long_to_be_read_whole() -> None:
    """The law above must not run empty."""
    cut, said = set(), set()
    for sample in FIRSTS:
        program, _ = recorded(sample)
        words = Words(program.graph)
        for flow in program.graph.flows:
            term = words.term(flow)
            text = plain(term, words.names(flow, term), limit=10**6, free=True)
            (cut if "…" in text else said).add(sample.case.op)
    assert len(cut - SERIES - STEPS) <= 6
    assert len(said) > 200


@for_every(DIFFERENTIABLE[::5])
def test_remarks_say_what_leads_from_the_rule_to_the_contribution(sample: Sample) -> None:
    program, values = recorded(sample)
    words = Words(program.graph)
    for flow in program.graph.flows:
        value, into = values[words.root(flow)], program.graph[flow.into]
        for remark in words.rule(flow).remarks:
            if remark.startswith("sum over"):
                axes = tuple(map(int, re.findall(r"\d+", remark.partition("(")[0])))
                assert f"was broadcast to {value.shape})" in remark
                value = value.sum(axis=axes).reshape(into.shape)
            elif remark == "real part":
                value = value.real
            elif remark.startswith("cast to "):
                value = value.astype(remark.removeprefix("cast to "))
        np.testing.assert_array_equal(value, values[flow.contribution])
        assert value.shape == into.shape
        assert value.dtype == into.dtype


@for_every({s.case.op: s for s in DIFFERENTIABLE}.values())
def test_every_op_with_a_derivative_has_a_reason(sample: Sample) -> None:
    program, _ = recorded(sample)
    graph = program.graph
    for flow in graph.flows:
        node, arguments = graph[flow.op], [graph[i] for i in graph[flow.op].inputs]
        sentence = sentence_of(OPS[node.op], sample.arrays(), sample.params)
        said = reason(node, flow.argument, arguments, lambda n: n.id, sentence=sentence)
        assert said, node.op
        assert "{" not in said


# ---- how rules read -------------------------------------------------------------------------------------------------

x, y = parameter("x", 3), parameter("y", 3)
h, w, b = parameter("h", 4, 3), parameter("w", 3, 2), parameter("b", 2)

READS: list[tuple[Tensor, list[str]]] = [
    (x + y, ["g", "g"]),
    (x - y, ["g", "-g"]),
    (x * y, ["g * y", "g * x"]),
    (x / y, ["g / y", "-g * out / y"]),
    (3.0 * x, ["g * 3"]),
    (-x, ["-g"]),
    (x * x, ["g * x", "g * x, + what n1 contributes"]),
    (x**2, ["g * 2 * x"]),
    (x**3, ["g * 3 * x²"]),
    (x**y, ["g * where(y == 0, 0, y * x ** (y - 1))", "g * where((x == 0) & (y >= 0), 0, out * log(x))"]),
    (np.tanh(x), ["g * (1 - out²)"]),
    (np.exp(x), ["g * out"]),
    (np.log(x), ["g / x"]),
    (np.sin(x), ["g * cos(x)"]),
    (np.cos(x), ["-g * sin(x)"]),
    (np.sqrt(x), ["g / (2 * out)"]),
    (ag.sigmoid(x), ["g * out * (1 - out)"]),
    (ag.relu(x), ["g * (out > 0)"]),
    (np.where(x.data > 0, x, 0.0), ["where(u, g, 0)"]),
    (h @ w, ["g @ w.T", "h.T @ g"]),
    (w.T, ["g.T"]),
    (w.reshape(6), ["g.reshape(3, 2)"]),
    (w + b, ["g", "g, sum over axis 0 (b (2,) was broadcast to (3, 2))"]),
    (h * h.sum(axis=1, keepdims=True), ["g * y", "g * h, sum over axis 1 (n1 (4, 1) was broadcast to (4, 3))"]),
    (w * 2.0 * b[0], ["g * y", "g * x, sum over axes 0 and 1 (n4 () was broadcast to (3, 2))"]),
    (x.sum(), ["g (spread over (3,))"]),
    (w.sum(axis=1), ["g[:, None] (spread over (3, 2))"]),
    (w.sum(axis=0), ["g (spread over (3, 2))"]),
    (w.mean(), ["g / 6 (spread over (3, 2))"]),
    (x[1:], ["zeros (3,) with g added at [1:]"]),
    (np.concatenate([x, y]), ["g[0:3]", "g[3:6]"]),
    (ag.softmax(x), ["(g - sum(g * out, axis=0, keepdims=True)) * out"]),
    (x.astype("float32"), ["g, cast to float64"]),
    (x.prod(), ["g * the product of the other elements"]),
    (np.linalg.inv(parameter("m", 1, 1)), ["-(out.T @ g @ out.T)"]),
]


@pytest.mark.parametrize(("t", "expected"), READS, ids=lambda v: v[0] if isinstance(v, list) else "")
def test_rules_read_like_a_text_book(t: Tensor, expected: list[str]) -> None:
    said = words_of(t)
    assert said[: len(expected)] == expected


def test_flat_ops_pass_nothing() -> None:
    graph = build_graph(np.floor(x).sum() + np.floor_divide(x, y).sum(), backward=True)
    assert {rule_words(graph, flow).partition(",")[0] for flow in graph.flows if graph[flow.op].op != "add"} == {"0"}


def test_of_unnamed_values_places_are_told_or_ids() -> None:
    u, v = (ag.tensor(np.ones(3), requires_grad=True) for _ in range(2))
    graph = build_graph((np.tanh(u * v)).sum(), backward=True)
    flows = graph.flows[1:]
    assert [str(Words(graph).rule(flow)) for flow in flows] == ["g * (1 - out²)", "g * y", "g * x"]
    assert [str(Words(graph, ids=True).rule(flow)) for flow in flows] == ["g * (1 - n3²)", "g * n1", "g * n0"]


@pytest.mark.parametrize("name", ["g", "out", "x", "y", "n7"])
def test_no_two_values_have_one_name(name: str) -> None:
    named, other = parameter(name, 3), ag.tensor(np.ones(3), requires_grad=True)
    radius, angle, _ = polar(named, other)
    calls = (radius * angle, radius + parameter(name, 3), angle)
    for t in (named * other, other * named, np.tanh(named) / other, other / named, named * parameter(name, 3), *calls):
        graph = build_graph(t.sum(), backward=True)
        for ids in (False, True):
            words = Words(graph, ids=ids)
            for flow in graph.flows:
                names = words.names(flow, words.term(flow))
                assert len(set(names.values())) == len(names)
                gs = words.cotangents(flow)
                assert {i for i, n in names.items() if n == "g" or n.startswith("g[")} == gs.keys()


def test_uses_are_told_by_their_ops() -> None:
    u = parameter("u", 2)
    parts = [np.sin(u), np.cos(u), np.exp(u), np.tanh(u), np.sqrt(u)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    graph = build_graph(total.sum(), backward=True)
    remarks = [Words(graph).rule(flow).remarks for flow in graph.flows if graph[flow.into].name == "u"]
    ids = [flow.op for flow in graph.flows if graph[flow.into].name == "u"]
    assert remarks == [
        (),
        (f"+ what {ids[0]} contributes",),
        (f"+ what {ids[0]} and {ids[1]} contribute",),
        (f"+ what {ids[0]}, {ids[1]} and {ids[2]} contribute",),
        ("+ what earlier uses contribute",),
    ]


def test_a_result_that_others_read_begins_with_its_own_cotangent() -> None:
    u = parameter("u", 2)
    v = np.sin(u)
    graph = build_graph([v, np.cos(v)], backward=True)
    (flow, *_) = graph.flows
    assert rule_words(graph, flow).endswith("+ the cotangent of the result")


def test_forward_words() -> None:
    graph = build_graph(perceptron())
    said = [forward_words(graph, node.id) for node in graph if node.op]
    assert said[:3] == ["x @ dense_1.weight", "n2 + dense_1.bias", "relu(n4)"]
    assert "log_softmax(n9, axis=1)" in said
    assert "sum(n12, axis=1)" in said
    assert forward_latex(graph, "n2") == r"x \mathrm{dense\_1.weight}"
    assert forward_words(build_graph(x * x), "n1") == "x * x"
    assert forward_words(build_graph(x), "n0") == "x"


def test_constants_of_the_forward_pass_are_recognized() -> None:
    c = np.arange(3.0)
    graph = build_graph((x * c).sum(), backward=True)
    assert Words(graph, ids=True).rule(graph.flows[1]).formula == "g * n1"
    # Two that look alike cannot be told apart by the graph, and neither is named for the other.
    graph = build_graph(np.where(c > 1, x * c, c).sum(), backward=True)
    values = Program.build((x * c).sum(), backward=True).values()
    assert values["n1"].tolist() == [0, 1, 2]


def test_ops_of_the_users_own() -> None:
    cube = ag.elementwise(lambda x: x**3, lambda out, x: 3 * x**2, name="cube", saves="x")
    assert words_of(cube(parameter("u", 2))) == ["g * 3 * u²"]
    rotate = ag.structural(
        "rotate",
        lambda x, *, by: np.roll(x, by),
        lambda g, out, x, *, by: np.roll(g, -by),
        infer=lambda x, *, by: x,
    )
    (said,) = words_of(rotate(parameter("u", 4), by=1))
    assert said.startswith(("roll(", "concatenate("))


# ---- bounds ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DIFFERENTIABLE), st.integers(8, 200))
def test_no_formula_is_longer_than_its_limit(sample: Sample, limit: int) -> None:
    graph = recorded(sample)[0].graph
    words = Words(graph)
    for flow in graph.flows:
        term = words.term(flow)
        assert len(plain(term, words.names(flow, term), limit=limit, free=True)) <= limit


def test_what_is_cut_says_how_much_it_is() -> None:
    said = words_of(np.linalg.svd(parameter("m", 2, 2))[0])
    assert any(re.fullmatch(r".*….*, \d+ operations in all", text) for text in said)
    assert all(len(text) < LIMIT + 60 for text in said)


def test_a_rule_of_thousands_of_operations_is_no_recursion() -> None:
    def vjp(g: Any, out: Any, x: Any) -> Any:
        for _ in range(5000):
            g = np.sin(g) + g
        return g

    deep = ag.structural("deep", lambda x: x, vjp, infer=lambda x: x)
    results: list[Any] = []

    def work() -> None:
        graph = build_graph(deep(parameter("u", 2)).sum(), backward=True)
        results.extend([rule_words(graph, graph.flows[-1]), rule_latex(graph, graph.flows[-1])])

    in_small_stack(work, 512)
    text, tex = results
    assert "…" in text
    assert text.endswith("10000 operations in all")
    assert len(tex) < 1000


def test_many_rules_take_no_more_than_their_share() -> None:
    u = parameter("u", 2)
    t = u
    for _ in range(2000):
        t = np.tanh(t * u)
    graph = build_graph(t.sum(), backward=True)
    words = Words(graph)
    said = {words.rule(flow).formula for flow in graph.flows}
    assert said == {"g (spread over (2,))", "g * (1 - out²)", "g * u", "g * x"}


@given(st.sampled_from(HOSTILE) | st.text())
@settings(max_examples=150, deadline=None)
def test_names_of_the_users_cannot_break_a_formula(name: str) -> None:
    u, v = ag.tensor([1.0, 2.0], requires_grad=True, name=name), parameter("w", 2)
    graph = build_graph((np.tanh(u * v) / u).sum(), backward=True)
    words = Words(graph)
    for flow in graph.flows:
        term = words.term(flow)
        names = words.names(flow, term)
        assert all(re.fullmatch(r"[^\W\d][\w.]*", n) and len(n) <= 24 for n in names.values())
        said = {i: f"v{k}" for k, i in enumerate(names)}
        compile(plain(term, said, limit=10**6, free=True).replace("²", "**2"), "", "eval")
        assert words.rule_latex(flow).isascii()
        assert words.rule(flow).formula.isprintable()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dense_1.weight", "dense_1.weight"),
        ("encoder.layers.3.attention.query.weight", "attention.query.weight"),
        ("block.layers.3.kernel_of_the_convolution", "n0"),
        ("encoder.layers.third.attention.query.weight", "attention.query.weight"),
        ("W", "W"),
        ("größe", "größe"),
        ("two words", "n0"),
        ("a-b", "n0"),
        ("1st", "n0"),
        ("n12", "n0"),
        ("g", "n0"),
    ],
)
def test_which_names_stand_in_formulas(name: str, said: str) -> None:
    graph = build_graph(np.sin(parameter(name, 2)), backward=False)
    assert forward_words(graph, "n1") == f"sin({said})"


# ---- LaTeX ----------------------------------------------------------------------------------------------------------


def formulas(graph: Graph) -> set[str]:
    found = set()
    for words in (Words(graph), Words(graph, ids=True)):
        for flow in graph.flows:
            found |= {
                words.rule_latex(flow),
                words.rule_latex(flow, full=True),
                words.local_latex(flow) or "0",
                words.forward_latex(flow.op),
            }
    return found


def test_every_formula_is_well_formed_latex() -> None:
    found: set[str] = set()
    for sample in FIRSTS:
        found |= formulas(recorded(sample)[0].graph)
    for sample_ in SAMPLES.values():
        found |= formulas(build_graph(sample_(), backward=True))
    assert len(found) > 500
    for tex in found:
        bare = tex.replace(r"\{", "").replace(r"\}", "")
        depth = 0
        for c in bare:
            depth += (c == "{") - (c == "}")
            assert depth >= 0, tex
        assert not depth, tex
        assert bare.count(r"\left") == bare.count(r"\right"), tex
        assert not re.search(r"\^\{[^{}]*\}\^|_\{[^{}]*\}_|[\^_]$|[$&#%]", re.sub(r"\\.", "", bare)), tex


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.ci)])
def test_mathtext_reads_the_formulas(whole: bool) -> None:
    """It is slow, so it gets the shortest formulas that have all commands and signs of the others; ci gets all."""
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("agg")
    graphs = [recorded(sample)[0].graph for sample in FIRSTS]
    seen = set[str]()
    for tex in sorted({rule_latex(graph, flow) for graph in graphs for flow in graph.flows}, key=lambda t: (len(t), t)):
        parts = set(re.findall(r"\\[a-z]+\{?|\\.|\W", tex, re.IGNORECASE))
        if whole or not parts <= seen:
            parser.parse(f"${tex}$")
        seen |= parts


@pytest.mark.parametrize(
    ("t", "tex"),
    [
        (h @ w, [r"g w^{\top}", r"h^{\top} g"]),
        (np.tanh(x), [r"g \odot \left( 1 - \mathrm{out}^{2} \right)"]),
        (x / y, [r"g \odot \frac{1}{y}", r"-g \odot \frac{\mathrm{out}}{y}"]),
        (w + b, ["g", r"\sum_{\mathrm{axis~0}} \left( g \right)"]),
        (ag.relu(x), [r"g \odot \mathbb{1}\left[ \mathrm{out} > 0 \right]"]),
        (w.mean(axis=0), [r"\mathrm{spread}_{\mathrm{(3,~2)}}\left( g \cdot \frac{1}{3} \right)"]),
    ],
    ids=["matmul", "tanh", "divide", "broadcast", "relu", "mean"],
)
def test_latex_reads_like_a_text_book(t: Tensor, tex: list[str]) -> None:
    graph = build_graph(t.sum(), backward=True)
    assert [rule_latex(graph, flow) for flow in graph.flows[1:]][: len(tex)] == tex


# ---- small things ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(2, "2"), (2.0, "2"), (-0.5, "-0.5"), (1e-12, "1e-12"), (math.nan, "nan"), (1 - 2j, "1 - 2j"), (2j, "2j")],
)
def test_numbers(value: Any, text: str) -> None:
    assert number_text(value) == text


def test_the_same_words_every_time() -> None:
    for sample in SAMPLES.values():
        first, second = (build_graph(sample(), backward=True) for _ in range(2))
        assert [rule_words(first, f) for f in first.flows] == [rule_words(second, f) for f in second.flows]


def test_nodes_of_a_step_are_all_that_it_recorded() -> None:
    for sample in SAMPLES.values():
        graph = build_graph(sample(), backward=True)
        words = Words(graph)
        done = {i for flow in graph.flows for i in words.nodes(flow)}
        left = {node.id for node in graph if node.backward and node.op} - done
        assert not left
        for flow in graph.flows:
            assert all(graph[i].of == flow.op and graph[i].toward == flow.into for i in words.nodes(flow))


def test_a_flow_is_found_by_its_fields() -> None:
    graph = build_graph(np.sin(x).sum(), backward=True)
    assert rule_words(graph, Flow(*graph.flows[-1])) == "g * cos(x)"


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_a_graph_that_was_read_from_json_has_the_same_words(make: Any) -> None:
    graph = build_graph(make(), backward=True)
    again = Graph.from_json(graph.to_json())
    assert [rule_words(again, f) for f in again.flows] == [rule_words(graph, f) for f in graph.flows]
    assert [forward_latex(again, node.id) for node in again] == [forward_latex(graph, node.id) for node in graph]


@pytest.mark.parametrize(
    ("axes", "said"),
    [((1, 2, 0), "g.transpose(1, 2, 0).transpose(1, 2, 0)"), ((2, 0, 1), "g"), ((0, 2, 1), "g.transpose(1, 2, 0).mT")],
)
def test_transposes_that_undo_each_other_are_left_out(axes: tuple[int, ...], said: str) -> None:
    turn = ag.structural(
        "turn", lambda x: x, lambda g, out, x: g.transpose((1, 2, 0)).transpose(axes), infer=lambda x: x
    )
    assert words_of(turn(parameter("u", 2, 2, 2)))[-1] == said
