"""The pytest plugin: a seed for every test that asks, and a strict mode. Installed with the package; nothing to set up.

    def test_dropout(ag_seed):                  # a NumPy generator; ag's default generator is seeded as well
        x = ag_seed.normal(size=3)

    @pytest.mark.ag_strict                      # or the fixture ag_strict, or --ag-strict for the whole run
    def test_layer(): ...

    pytest --autograd-lite-hips                 # programs that import HIPS autograd run with autograd_lite.hips

A failure shows the seed; `--ag-seed=N` runs again with it. `autograd_lite.testing.strict_mode` explains strict mode.

A module outside the package, which imports it only when a test asks: pytest loads every plugin at every start.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import numpy as np

_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--ag-seed` and `--ag-strict`."""
    group = parser.getgroup("autograd_lite")
    group.addoption("--ag-seed", type=int, default=None, help="the seed of every ag_seed; by default one per test")
    group.addoption("--ag-strict", action="store_true", help="inputs of ops are read-only; no dtype widens silently")
    group.addoption("--autograd-lite-hips", action="store_true", help="`import autograd` means autograd_lite.hips")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put autograd_lite.hips in the place of HIPS autograd before any conftest can import it."""
    if early_config.known_args_namespace.autograd_lite_hips:
        from autograd_lite.hips import install

        install()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was used of HIPS autograd and is missing."""
    if config.getoption("--autograd-lite-hips"):
        from autograd_lite.hips.install import report

        if line := report():
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "ag_strict: inputs of ops are read-only, and no dtype widens silently")


@pytest.fixture
def ag_seed(request: pytest.FixtureRequest) -> Iterator[np.random.Generator]:
    """A NumPy generator seeded for this test; autograd_lite's default generator has the same seed."""
    import numpy as np

    from autograd_lite.random import default_generator, set_seed

    chosen = request.config.getoption("--ag-seed")
    seed = zlib.crc32(request.node.nodeid.encode()) if chosen is None else chosen
    request.node.stash[_SEED] = seed
    state = default_generator.state
    set_seed(seed)
    yield np.random.default_rng(seed)
    default_generator.state = state


@pytest.fixture
def ag_strict() -> None:
    """Run the test in strict mode."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Run the test in strict mode if the command line, its marker or its fixture says so."""
    asked = "ag_strict" in getattr(item, "fixturenames", ()) or item.get_closest_marker("ag_strict") is not None
    if not asked and not item.config.getoption("--ag-strict"):
        return (yield)
    from autograd_lite.testing import strict_mode

    with strict_mode():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the seed of a test that failed."""
    report = yield
    if report.failed and _SEED in item.stash:
        seed = item.stash[_SEED]
        report.sections.append(("ag_seed", f"the seed was {seed}; run again with --ag-seed={seed}"))
    return report
