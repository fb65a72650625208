"""The English of pages, docstrings and messages, by Harper."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import checking, extraction

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module", autouse=True)
def _harper() -> None:
    pytest.importorskip("harper", reason="harper-py is in the group ci")


def test_the_english_of_pages_docstrings_and_messages() -> None:
    paths = checking.files()
    assert len(paths) > 700
    assert checking.problems(paths) == []


def test_every_exception_is_still_needed() -> None:
    text = "\n".join(text for path in checking.files() for _, text in extraction.texts(path)).lower()
    words = {word for section in checking.sections().values() for word in section.split()}
    assert sorted(word for word in words if word not in text) == []
    pages = " ".join(
        " ".join(extraction.page(p.read_text("utf-8")).split()) for p in checking.files() if p.suffix == ".md"
    )
    assert [context for _, context in checking.RIGHT if context not in pages] == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.md", "# Title\n\nThe gradeint is exact.\n", "a.md:3: 'gradeint' (1 times)"),
        ("a.md", "The colour of a\nnode.\n", "a.md:1: 'colour'"),
        ("a.md", "One\ntwo, two and the the last.\n", "a.md:2: 'the the'"),
        ("a.md", "This is an test of it.\n", "a.md:1: 'an'"),
        ("a.py", '"""Return the gradeint."""\n', "a.py:1: 'gradeint'"),
        (
            "a.py",
            'def f(x):\n    raise ValueError(f"f: expected a positve number; received {x}")\n',
            "a.py:2: 'positve'",
        ),
    ],
)
def test_a_fault_is_seen(name: str, text: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (line,) = checking.problems([tmp_path / name], tmp_path)
    assert line.startswith(fault)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "See `gradeint`.\n\n```python\ngradeint = 1\n```\n\n[here](https://gradeint.org/gradeint)\n"),
        (
            "a.py",
            '"""Return it.\n\nArgs:\n    gradeint: a number.\n\nExample:\n    >>> gradeint()\n"""\nx = "gradeint"\n',
        ),
        ("a.md", "Jacobians of SciPy, by `vmap`, JAX and float32.\n"),
    ],
)
def test_code_and_names_are_no_prose(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert checking.problems([tmp_path / name], tmp_path) == []


def test_docstrings_and_messages_of_a_module() -> None:
    source = '''"""One."""

def f(x):
    """Two.

    Args:
        x: three.
    """
    y = "not a message"
    raise ValueError(f"f: expected x to be {x} here and there")
'''
    texts = [" ".join(text.split()) for _, text in extraction.python(source)]
    assert texts == ["One.", "Two. - `x`: three.", "f: expected x to be `x` here and there"]
