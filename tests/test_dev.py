"""dev.py sets up on every kind of machine that it names, and its exit code and order of work are what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from requirements import renew

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    return loaded(tmp_path)


GROUPS = """[dependency-groups]
demo = ["autograd-lite[plot]"]
test = ["a>=1; sys_platform == 'linux'", "b"]
docs = ["b", { include-group = "demo" }]
"""


def copy_to(folder: Path) -> None:
    """Copy what a fresh machine runs."""
    shutil.copy(ROOT / "dev.py", folder)
    (folder / "requirements").mkdir(exist_ok=True)
    for name in ("__init__.py", "groups.py"):
        shutil.copy(ROOT / "requirements" / name, folder / "requirements")


def loaded(tmp_path: Path) -> ModuleType:
    """A copy of dev.py, loaded as a module, in a folder with a pyproject.toml of its own."""
    copy_to(tmp_path)
    (tmp_path / "pyproject.toml").write_text(GROUPS)
    spec = importlib.util.spec_from_file_location("dev_under_test", tmp_path / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """Stands in for `dev.succeeds`: a machine that has some tools, and remembers what was tried."""

    def __init__(self, *tools: str) -> None:
        self.tools = set(tools)
        self.tried: list[str] = []
        self.own_pip = False

    def __call__(self, *command: str) -> bool:
        line = " ".join(command)
        self.tried.append(line)
        if "-m venv" in line:
            self.own_pip = "ensurepip" in self.tools and "--without-pip" not in line
            return self.own_pip or "--without-pip" in line
        if "virtualenv" in command:
            self.own_pip = "virtualenv" in self.tools and command[0] == "virtualenv"
            return self.own_pip
        if "apt-get" in command:
            wanted = "ensurepip" if line.endswith(f"{sys.version_info[1]}-venv") else "pip"
            if "install" in command and f"apt: {wanted}" in self.tools:
                self.tools.add(wanted)
            return "update" in command or f"apt: {wanted}" in self.tools
        if "--python" in command:
            return "pip" in self.tools
        return self.own_pip and command[1:] == ("-m", "pip", "--version")


@pytest.mark.parametrize(
    ("tools", "last_try", "pip_is_own"),
    [
        ((), "", None),
        (("ensurepip",), "-m venv", True),
        (("pip",), "--without-pip", False),
        (("ensurepip", "pip", "virtualenv"), "-m venv", True),
        (("virtualenv",), "virtualenv --clear", True),
        (("apt: ensurepip",), "-m venv", True),
        (("apt: pip",), "--without-pip", False),
    ],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, tuple) else None,
)
def test_make_venv_takes_the_first_way_there_is(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tools: tuple[str, ...], last_try: str, pip_is_own: bool | None
) -> None:
    machine = Machine(*tools)
    monkeypatch.setattr(dev, "succeeds", machine)
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "apt-get" else None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0, raising=False)
    if pip_is_own is None:
        with pytest.raises(SystemExit, match="sudo sh -c 'apt-get update && apt-get install -y python3-venv"):
            dev.make_venv()
        return
    pip = dev.make_venv()
    assert pip == ([dev.PYTHON, "-m", "pip"] if pip_is_own else [sys.executable, "-m", "pip", "--python", dev.PYTHON])
    ways = [line for line in machine.tried if "pip --" not in line]
    assert last_try in ways[-1]
    assert any("apt-get" in line for line in ways) == any("apt" in tool for tool in tools)


def test_apt_is_left_alone_without_root(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("apt: ensurepip", "apt: pip")
    monkeypatch.setattr(dev, "succeeds", machine)
    monkeypatch.setattr(dev.shutil, "which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(SystemExit, match="sudo"):
        dev.make_venv()
    assert not any("apt-get" in line for line in machine.tried)


@pytest.fixture
def installs(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What dev.py asks pip to install, with a .venv that works; nothing is installed."""
    asked: list[str] = []
    dev.VENV.mkdir()
    monkeypatch.setattr(dev, "succeeds", lambda *_: True)

    def call(command: list[str]) -> int:
        own = f"-e{dev.ROOT}"
        asked.append(" ".join(part.removeprefix(own) for part in command[command.index("-q") + 1 :]))
        return 0

    monkeypatch.setattr(dev.subprocess, "call", call)
    return asked


def test_installs_only_when_something_is_missing(dev: ModuleType, installs: list[str]) -> None:
    dev.set_up("docs")
    dev.set_up("docs")
    assert installs == ["[plot] b"]
    dev.set_up("test")
    dev.set_up("docs")
    both = "[plot] b a>=1;sys_platform=='linux'"
    assert installs == ["[plot] b", both]
    kernels = dev.ROOT / "autograd_lite" / "native" / "c" / "loops"
    kernels.mkdir(parents=True)
    for number, path in enumerate((dev.ROOT / "pyproject.toml", kernels / "rows.h", kernels.parent / "pool.c"), 3):
        path.write_text(f"{GROUPS}# changed\n")
        dev.set_up("docs")
        dev.set_up("docs")
        assert installs[2:] == [both] * (number - 2)


def test_what_native_kernels_lack_is_said_and_mended(
    tmp_path: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compiler that is installed later, or headers of Python, make the next run install anew."""
    which = shutil.which
    for there in (None, "/usr/bin/cc"):
        monkeypatch.setattr(shutil, "which", lambda name, there=there: there if name == "cc" else which(name))
        module = loaded(tmp_path)
        monkeypatch.setattr(module, "succeeds", lambda *_: True)
        for _ in range(2):
            module.set_up("demo")
        said = capsys.readouterr().out
        assert said.count("installing") == 1
        assert ("no native kernels without gcc" in said) == (there is None)
    assert len(installs) == 2


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_the_progress_of_the_installer(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    asked: list[list[str]] = []
    dev.VENV.mkdir()
    monkeypatch.setattr(dev, "succeeds", lambda *_: True)
    monkeypatch.setattr(dev.subprocess, "call", lambda command: asked.append(command) or 0)
    monkeypatch.setattr(dev.sys.stdout, "isatty", lambda: terminal)
    dev.set_up("demo")
    assert ("-q" in asked[0]) == (not terminal)


def test_failed_install_ends_the_run_and_is_tried_again(
    dev: ModuleType, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = dev.subprocess.call
    monkeypatch.setattr(dev.subprocess, "call", lambda _: 7)
    with pytest.raises(SystemExit) as stop:
        dev.set_up("demo")
    assert stop.value.code == 7
    monkeypatch.setattr(dev.subprocess, "call", works)
    dev.set_up("demo")
    assert installs == ["[plot]"]


Runner = Callable[..., tuple[int, list[str], list[dict[str, str]]]]


@pytest.fixture
def run_main(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Call dev.main() with arguments and the exit codes of its steps; return its own, the steps and their settings."""

    def run(*arguments: str, codes: tuple[int, ...] = (0,) * 9) -> tuple[int, list[str], list[dict[str, str]]]:
        steps: list[str] = []
        environments: list[dict[str, str]] = []

        def call(command: list[str], cwd: Path, env: dict[str, str]) -> int:
            assert command[:2] == [dev.PYTHON, "-m"]
            assert cwd == dev.ROOT
            steps.append(" ".join(command[2:]))
            environments.append(env)
            return codes[len(steps) - 1]

        monkeypatch.setattr(dev, "set_up", lambda group: None)
        monkeypatch.setattr(dev.subprocess, "call", call)
        monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])
        return dev.main(), steps, environments

    return run


def test_bytecode_is_kept(run_main: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    _, _, environments = run_main("test")
    assert {env["PYTHONDONTWRITEBYTECODE"] for env in environments} == {""}


def test_all_steps_run_and_the_first_failure_is_the_exit_code(
    run_main: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    code, steps, _ = run_main("test", codes=(0, 3, 0, 5))
    assert code == 3
    assert [step.split()[0] for step in steps] == ["ruff", "ruff", "mypy", "pytest"]
    last = capsys.readouterr().out.splitlines()[-1]
    assert "ruff format --check .: exit code 3" in last
    assert "pytest -n 2: exit code 5" in last
    assert run_main("test")[0] == 0


def test_further_arguments_go_to_the_last_step(run_main: Runner) -> None:
    _, steps, _ = run_main("test", "-k", "mnist or idx")
    assert steps[-1] == "pytest -n 2 -k mnist or idx"
    assert steps[0] == "ruff check ."


def test_ci_promises_peers_and_full_notebooks(run_main: Runner) -> None:
    _, steps, environments = run_main("ci")
    assert steps == ["pytest -n 2 --dist loadfile --no-loadscope-reorder -m ci"]
    assert environments[0]["AUTOGRAD_LITE_REQUIRE_PEERS"] == "1"
    assert environments[0]["AUTOGRAD_LITE_FULL_NOTEBOOKS"] == "1"
    assert environments[0]["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(("load", "threads"), [(0.2, None), (1.5, "1")])
def test_the_demo_runs_blas_in_one_thread_beside_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: float, threads: str | None
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert loaded(tmp_path).TASKS["demo"][2].get("OPENBLAS_NUM_THREADS") == threads


def test_settings_of_the_user_win(run_main: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert run_main("test")[2][-1]["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.parametrize("arguments", [(), ("tests",)])
def test_unknown_task_shows_the_usage(
    run_main: Runner, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, steps, _ = run_main(*arguments)
    assert (code, steps) == (2, [])
    assert "usage: python3 dev.py demo|lint|test|ci|long|bench" in capsys.readouterr().out


def interpreters() -> list[str]:
    """Return this Python and, where it is another one that will do, the system's."""
    found = {sys.version_info[:2]: sys.executable}
    check = "import sys; print(*sys.version_info[:2])"
    if shutil.which("/usr/bin/python3"):
        version = subprocess.run(["/usr/bin/python3", "-c", check], capture_output=True, text=True).stdout.split()
        found.setdefault(tuple(map(int, version)), "/usr/bin/python3")
    return [path for version, path in found.items() if version >= (3, 11)]


TINY_PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "autograd-lite"
version = "0"
optional-dependencies = { plot = [] }
[dependency-groups]
demo = ["autograd-lite[plot]"]
[tool.setuptools]
packages = ["nn"]
"""


@pytest.mark.ci
@pytest.mark.parametrize("python", interpreters())
def test_set_up_from_nothing(tmp_path: Path, python: str) -> None:
    copy_to(tmp_path)
    (tmp_path / "pyproject.toml").write_text(TINY_PROJECT)
    (tmp_path / "nn" / "utils").mkdir(parents=True)
    (tmp_path / "nn" / "__init__.py").touch()
    (tmp_path / "nn" / "utils" / "demo.py").write_text("import sys\nprint('ran', *sys.argv[1:])\nsys.exit(4)\n")
    first = subprocess.run([python, "dev.py", "demo", "--fast"], cwd=tmp_path, capture_output=True, text=True)
    assert first.returncode == 4, first.stdout + first.stderr
    assert "ran --fast" in first.stdout
    assert "installing" in first.stdout
    again = subprocess.run([python, "dev.py", "demo"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 4
    assert "installing" not in again.stdout


def test_all_is_every_extra_for_users() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    experimental, large, share_alike = {"cuda", "dask"}, {"fused", "ipopt"}, {"digits"}
    (everything,) = extras["all"]
    assert set(everything.removeprefix("autograd-lite[").removesuffix("]").split(",")) == (
        extras.keys() - experimental - large - share_alike - {"all"}
    )


@pytest.mark.parametrize("page", ["arrays.md", "dask.md", "nn/devices.md", "nn/distributed_faults.md"])
def test_what_is_experimental_says_so(page: str) -> None:
    assert "**Experimental**: " in (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")


def pins(kind: str) -> list[str]:
    lines = (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_pinned_versions_fit_what_pyproject_asks_for() -> None:
    """Both files are constraints that any machine can install by: names and versions, and no place to get them from."""
    assert pins("oldest") == renew.oldest()
    locked = pins("lock")
    for line in [*locked, *pins("oldest")]:
        assert re.fullmatch(
            r"[\w-]+==[\w.]+( ; python_version [=<>]+ \"[\d.]+\"( or python_version == \"[\d.]+\")*)?", line
        )
    names = {line.partition("==")[0] for line in locked}
    assert {re.split(r"[>=<\[]", line)[0].lower() for line in renew.expanded(renew.LOCKED)} <= names
    assert not names & {"torch", "torchvision", "setuptools"}


@pytest.mark.parametrize(
    ("task", "folder"), [("test", ".venv"), ("oldest", ".venv-oldest"), ("newest", ".venv-newest")]
)
def test_each_choice_of_versions_has_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, folder: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", task])
    module = loaded(tmp_path)
    for kind in ("lock", "oldest"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text("numpy==2.0\n")
    module.VENV.mkdir()
    asked: list[list[str]] = []
    monkeypatch.setattr(module, "succeeds", lambda *_: True)
    monkeypatch.setattr(module.subprocess, "call", lambda command: asked.append(command) or 0)
    module.set_up("demo")
    assert tmp_path / folder == module.VENV
    kinds = {"test": "lock", "oldest": "oldest"}
    wanted = [tmp_path / "requirements" / f"{kinds[task]}.txt"] if task in kinds else []
    assert [option for option in asked[0] if option.startswith("-c")] == [f"-c{path}" for path in wanted]
    module.set_up("demo")
    assert len(asked) == 1
    for path in wanted:
        path.write_text("numpy==2.1\n")
        module.set_up("demo")
        assert len(asked) == 2


def test_ci_runs_the_tests_as_a_newcomer_does() -> None:
    """The README's command, without data; the variable that names them is set for `dev.py ci` alone."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python3 dev.py test" in (ROOT / "README.md").read_text(encoding="utf-8")
    before, after = text.split("python3 dev.py test\n")
    assert "env -u AUTOGRAD_LITE_DATA XDG_CACHE_HOME=" in before
    assert "export AUTOGRAD_LITE_DATA" not in before
    assert after.index("export AUTOGRAD_LITE_DATA") < after.index("python3 dev.py ci\n")
