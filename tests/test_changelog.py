"""CHANGELOG.md keeps its form, also after merges that join lines: areas, kinds of change, one line a feature."""

from __future__ import annotations

import re
from pathlib import Path

import autograd_lite as ag

CHANGELOG = (Path(__file__).resolve().parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
LINE = re.compile(r"- .*[.…]|")  # an entry, or an empty line


def problems(changelog: str) -> list[str]:
    """Return what is wrong with the form of each release."""
    found = []
    for release in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        areas = re.split(r"^### ", release, flags=re.MULTILINE)[1:]
        titles = [area.partition("\n")[0] for area in areas]
        found += [f"the area {title!r} comes twice" for title in {t for t in titles if titles.count(t) > 1}]
        for title, area in zip(titles, areas, strict=True):
            kinds = re.split(r"^#### ", area.partition("\n")[2], flags=re.MULTILINE)
            names = [kind.partition("\n")[0] for kind in kinds[1:]]
            if kinds[0].strip() or not set(names) <= KINDS or len(set(names)) < len(names):
                found.append(f"{title}: expected each of {', '.join(sorted(KINDS))} once at most; received {names}")
            entries = [line for kind in kinds[1:] for line in kind.split("\n")[1:]]
            found += [f"{title}: {line}" for line in entries if not LINE.fullmatch(line) or len(line) > 120]
            found += [f"{title}: twice: {line}" for line in set(entries) if line and entries.count(line) > 1]
    return found


def test_the_changelog_is_one_line_a_feature_by_area() -> None:
    assert problems(CHANGELOG) == []


def test_the_first_release_says_what_it_can_do() -> None:
    """On one page; nothing has changed since a release that there was not."""
    releases = {
        release.partition("\n")[0].partition("]")[0]: release.partition("\n")[2]
        for release in re.split(r"^## \[", CHANGELOG, flags=re.MULTILINE)[1:]
    }
    assert next(iter(releases)) == "Unreleased"
    assert set(re.findall(r"^#### (.*)$", releases["0.1.0"], re.MULTILINE)) == {"Added"}
    assert releases["0.1.0"].count("\n") < 120
    assert ag.__version__ in releases


def test_what_a_merge_spoils_is_seen() -> None:
    good = "## [1.0]\n\n### Layers\n\n#### Added\n\n- One.\n- Two.\n"
    assert problems(good) == []
    assert problems(f"{good}\n### Layers\n\n#### Fixed\n\n- Three.\n")
    for more in ("- One.\n", "- No dot\n", "  goes on.\n", "#### Added\n\n- Three.\n", f"- {'x' * 120}.\n"):
        assert len(problems(good + more)) == 1, more
