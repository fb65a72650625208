"""A wheel has what it needs, says where it is from, and leaves a package `nn` of others alone."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from .. import test_second_name as second_name
from .__main__ import CORE, missing

ROOT = Path(__file__).resolve().parents[2]
SETUP = runpy.run_path(str(ROOT / "setup.py"))
LINKS = """[a page](docs/guides/compile.md#tricks), [a
file](notebooks/01.ipynb), [there](https://a.org/b), [here](#here), [`code`](SECURITY.md)
![a picture](docs/images/mirror.svg)
`x[0](y)`
```
layers[0](x)
```
"""


def test_links_lead_somewhere_once_there_are_addresses() -> None:
    text = SETUP["links_resolved"](LINKS, "https://s.org", "https://r.org/me/it", "1.2")
    assert text.splitlines() == [
        "[a page](https://s.org/guides/compile.html#tricks), [a",
        "file](https://r.org/me/it/blob/v1.2/notebooks/01.ipynb), [there](https://a.org/b), [here](#here), "
        "[`code`](https://r.org/me/it/blob/v1.2/SECURITY.md)",
        "![a picture](https://r.org/me/it/raw/v1.2/docs/images/mirror.svg)",
        *LINKS.splitlines()[3:],
    ]
    assert SETUP["addresses"]("https://s.org", "https://r.org/me/it") == {
        "Documentation": "https://s.org",
        "Source": "https://r.org/me/it",
        "Issues": "https://r.org/me/it/issues",
        "Changelog": "https://r.org/me/it/blob/main/CHANGELOG.md",
    }


def test_links_are_words_as_long_as_there_are_none() -> None:
    text = SETUP["links_resolved"](LINKS, "", "", "1.2")
    assert text.splitlines() == [
        "a page, a",
        "file, [there](https://a.org/b), [here](#here), `code`",
        "",
        *LINKS.splitlines()[3:],
    ]
    assert SETUP["addresses"]("", "") == {}


@pytest.mark.parametrize("addresses", [("", ""), ("https://s.org", ""), ("https://s.org", "https://r.org/me/it")])
def test_no_link_of_the_readme_is_relative_unless_it_is_on_the_page(addresses: tuple[str, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", SETUP["links_resolved"](readme, *addresses, "1.2"), flags=re.M | re.S)
    assert set(re.findall(r"\]\(([^)]*)\)", text)) == {
        target for target in re.findall(r"\]\(([^)]*)\)", text) if target.startswith(("https://", "#"))
    }
    assert ("https://s.org/guides/compile.html" in text) == (addresses[0] != "")


def test_a_release_waits_for_its_addresses_its_tag_and_its_changes() -> None:
    assert [sentence.split()[0] for sentence in missing("v1", "2", "", "https://r.org/")] == [
        "the", "SITE", "REPOSITORY", "CHANGELOG.md",
    ]  # fmt: skip
    assert missing("v2", "2", "https://s.org", "https://r.org/me/it") == ["CHANGELOG.md has no section 2"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that this machine builds."""
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("autograd_lite-*.whl"))


@pytest.mark.ci
def test_the_wheel_holds_both_packages(wheel: Path, tmp_path: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    assert {"autograd_lite/py.typed", "autograd_lite/nn/py.typed", "autograd_lite/nn/__init__.py"} <= names
    page = {
        f"autograd_lite/graph/pictures/page/{path.name}" for path in ROOT.glob("autograd_lite/graph/pictures/page/*.*")
    }
    data = {f"autograd_lite/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("nn/datasets/embedded/*.gz")}
    headers = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("autograd_lite/native/c/**/*.h")}
    assert page | data | headers <= names  # fused code includes the headers
    (entry_points,) = tmp_path.glob("site/*.dist-info/entry_points.txt")
    assert "autograd-lite = autograd_lite.__main__:main" in entry_points.read_text()
    top = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"autograd_lite", "autograd_lite_pytest.py", "autograd_lite_nn.pth"}
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "nn/datasets/embedded/README.md"}
    assert not [name for name in names if name.endswith((".c", ".so.dbg")) or "/tests/" in name]
    own = tmp_path / "own"
    own.mkdir()
    (own / "nn.py").write_text("mine = 1\n", encoding="utf-8")
    second_name.run(second_name.OWN.replace("FIRST", "import autograd_lite.nn"), own, tmp_path / "site")


# Bytes: 0.37 million of kernels, 0.26 of the manual, 0.21 of the names of files; 2.33 of Python, a quarter docstrings.
MOST_BYTES = 3_360_000


def foreign_wheel(folder: Path) -> Path:
    """Make a wheel of another project's, with a package `nn`, as there is one on the index."""
    path, info = folder / "nn-0.1.1-py3-none-any.whl", "nn-0.1.1.dist-info"
    files = {
        "nn/__init__.py": "theirs = 1\n",
        "nn/layers.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: nn\nVersion: 0.1.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


OURS = "import nn, autograd_lite; assert nn is autograd_lite.nn; from nn.layers import Dense"
THEIRS = (
    "import nn, nn.layers; assert nn.theirs == 1 and not hasattr(nn.layers, 'Dense'); "
    "from autograd_lite import nn as ours; from autograd_lite.nn.layers import Dense; assert ours.layers.Dense is Dense"
)


@pytest.mark.ci
def test_a_package_nn_of_others_stays_what_it_is(wheel: Path, tmp_path: Path) -> None:
    """Whichever is installed first; and uninstalling both leaves nothing."""
    folder, foreign = tmp_path / "venv", foreign_wheel(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    # NumPy comes from this environment, whose .pth files are not read.
    alone = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}

    def pip(*arguments: object) -> None:
        command = [sys.executable, "-m", "pip", "--python", python, *map(str, arguments)]
        subprocess.run([*command, "-q", "--disable-pip-version-check"], check=True)

    def check(program: str) -> None:
        done = subprocess.run([python, "-c", program], cwd=tmp_path, env=alone, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    install, uninstall = ("install", "--no-deps", "--no-index"), ("uninstall", "-y")
    before = sorted(folder.rglob("*"))
    pip(*install, foreign)
    pip(*install, wheel)
    check(THEIRS)
    pip(*uninstall, "nn")
    check(OURS)
    pip(*install, foreign)
    check(THEIRS)
    pip(*uninstall, "autograd-lite")
    check("import nn; assert nn.theirs == 1")
    pip(*uninstall, "nn")
    assert sorted(folder.rglob("*")) == before
    pip(*install, "--target", tmp_path / "target", wheel)  # where .pth files are not read
    check(
        f"import sys; sys.path.insert(0, {str(tmp_path / 'target')!r}); from autograd_lite import nn; nn.layers.Dense"
    )


@pytest.mark.ci
def test_the_source_distribution_has_what_builds_and_the_tests_of_the_engine(tmp_path: Path) -> None:
    program = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=ROOT, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    needed = {name for name in tracked if name.startswith(("autograd_lite/", "nn/", *(f"{test}/" for test in CORE)))}
    needed.remove("tests/engine/test_raise_on_nan.py")  # needs tests of pictures
    assert {*needed, "setup.py", "pyproject.toml", "README.md", "tests/conftest.py", "docs/start.md"} <= names
    rooms = ("benchmarks", "packages", "notebooks", "docs/images", "tests/graph", "tests/test_")
    assert not [name for name in names if name.startswith(rooms)]
