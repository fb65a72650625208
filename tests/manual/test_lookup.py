"""What words open, in a checkout: tables of words, and every word that a message or a docstring names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograd_lite.__main__ import main
from autograd_lite.core import addresses
from autograd_lite.manual.answers import UnknownWord, answer, contents
from autograd_lite.manual.lookup import entries_of, word_of
from autograd_lite.manual.pages import pages, sections

from ..rows import for_every

ROOT = Path(__file__).resolve().parents[2]
# A word, what it opens first, and a text that is there.
OPENS = [
    ("sparse", "sparse", "ag.sparse.jacobian"),
    ("guides/sparse.md", "sparse", "ag.sparse.jacobian"),
    ("sparse#hessians", "sparse#hessians", "rosenbrock"),
    ("reference/sparse", "reference/sparse", "jacobian_pattern"),
    ("nn/saving", "saving", "save_weights"),
    ("Sharp bits", "sharp_bits", "Sharp bits"),
    ("errors", "errors", "`CompileWarning`"),
    ("start", "start", "import autograd_lite as ag"),
    ("freed-values", "freed-values", "retain_graph=True"),
    ("Freed values", "freed-values", "retain_graph=True"),
    ("ShapeError", "ShapeError", "Also a `ValueError`"),
    ("autograd_lite.core.errors.ShapeError", "ShapeError", "matmul"),
    ("grad", "ag.grad", "ag.grad(f, argnums=0"),
    ("ag.grad()", "ag.grad", "ag.grad(f, argnums=0, has_aux=False)"),
    ("autograd_lite.grad", "ag.grad", "ag.grad(f, argnums=0"),
    ("Dense", "nn.layers.Dense", "nn.layers.Dense(units"),
    ("dense", "nn.layers.Dense", "glorot_uniform"),
    ("layers.Dense", "nn.layers.Dense", "glorot_uniform"),
    ("ag.compile", "ag.compile", "ag.compile(f"),
    ("compile", "compile", "help ag.compile   a function"),
    ("Tensor.backward", "ag.Tensor.backward", "retain_graph"),
    ("nn.layers", "nn_layers", "help nn.layers   a module"),
    ("curve_fit", "ag.optimize.curve_fit", "curve_fit(f"),
    ("fit", "nn.Model.fit", "epochs"),
    ("detach", "ag.Tensor.detach", "detach"),
    ("gradient", "gradient", "help ag.numpy.gradient"),
    ("st.norm", "ag.scipy.stats.norm", "loc"),
    ("np.linalg.norm", "ag.numpy.linalg.norm", "axis"),
    ("nn", "nn", "Sequential"),
    ("scipy.special.gammaln", "ag.scipy.special.gammaln", "gammaln"),
    ("cotangent", "cotangent", "dL/dy"),
    (
        "ShapeError: matmul: the last axis of x has length 3 and must equal the 2 rows of y; received",
        "shapes",
        "matmul",
    ),
    (
        "grad: expected the function to return a scalar; received shape (2,). Reduce it, with .sum() or .mean()",
        "not-a-scalar",
        "",
    ),
]
# A word that opens nothing, and what is named as near it.
OPENS_NOTHING = [
    ("jacobain", "jacobian"),
    ("optimise", "optimize"),
    ("jit", "cheat_sheet"),
    ("ag.grda", "grad"),
    ("how to save", "save"),
]


def words_in_sources() -> Iterator[tuple[str, str]]:
    """Yield the page and the word of each message that names one, and of each text that names the command."""
    for path in sorted([*(ROOT / "autograd_lite").rglob("*.py"), *(ROOT / "nn").rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        for word in re.findall(r"-m autograd_lite help ([\w#/.-]*\w)", text):
            if word != "WORD":
                yield "", word
        if "more_on(" not in text and "manual(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("more_on", "manual"):
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and path.name != "errors.py":
                        is_page = getattr(node.func, "id", "") == "manual"
                        page = part.value if is_page else f"help/errors.md#{part.value}"
                        yield page, addresses.manual(page).rpartition(" ")[2].rstrip("`")


@for_every(OPENS, by=lambda row: row[0])
def test_a_word_opens_what_it_names(row: tuple[str, str, str]) -> None:
    word, first, text = row
    assert [entry.word for entry in entries_of(word)][:1] == [first]
    assert text in answer(word, 80)


def test_the_word_of_an_entry_opens_it() -> None:
    for word in ("sparse", "compile", "grad", "norm", "saving", "shapes"):
        for entry in entries_of(word):
            assert entries_of(entry.word)[0].text(80) == entry.text(80)
    for page in pages().values():
        assert entries_of(word_of(page))[0].kind == f"a page: {page.title}"
        assert word_of(page) in contents(80)


def test_every_word_in_a_message_opens_the_page_that_is_meant() -> None:
    words = set(words_in_sources())
    assert len(words) > 25
    assert {word for page, word in words if not entries_of(word)} == set()
    for page, word in words:
        if page:
            path, _, place = page.partition("#")
            whole = pages()[path.removesuffix(".md")]
            (text,) = [s.text for s in sections(whole) if s.anchor == place] if place else [whole.text]
            assert entries_of(word)[0].text.args == (text,), (page, word)  # type: ignore[attr-defined]


def test_no_message_names_a_file_that_only_a_checkout_has() -> None:
    for path in sorted([*(ROOT / "autograd_lite").rglob("*.py"), *(ROOT / "nn").rglob("*.py")]):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "docs/" not in line or path.parent.name == "manual", (path, line)


def test_once_the_site_is_set_messages_link_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert addresses.manual("guides/nn/saving.md") == "`python -m autograd_lite help saving`"
    monkeypatch.setattr(addresses, "SITE", "https://example.org/manual")
    assert addresses.manual("guides/nn/saving.md") == "https://example.org/manual/guides/nn/saving.html"
    assert addresses.manual("help/errors.md#shapes") == "https://example.org/manual/help/errors.html#shapes"


@for_every(OPENS_NOTHING, by=lambda row: row[0])
def test_what_is_near_is_named(row: tuple[str, str]) -> None:
    word, close = row
    with pytest.raises(UnknownWord, match=rf"received '{re.escape(word)}'\n(.*\n)*.*{close}"):
        answer(word, 80)


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["help", "freed", "values"]) == 0
    assert capsys.readouterr().out.startswith("Freed values\n\n    backward: the saved values")
    assert main(["help", "sharp_bits"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines() if not line.startswith("    ")) <= 60
    assert main(["help", "zxqzxq"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        "autograd_lite: help: expected a function, an error, a subject, a word or a message; rec"
    )
