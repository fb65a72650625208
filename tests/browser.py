"""A real Chromium, driven by Playwright: fixtures of all tests, since Playwright runs once in a process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip and say why; fail where the run promised that everything is there."""
    if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") == "1":
        pytest.fail(f"AUTOGRAD_LITE_REQUIRE_PEERS=1 promises a browser, yet: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("no Chromium found: install the package `chromium`, or let CHROMIUM say where it is")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("no Playwright found: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, from npm."""
    if shutil.which("npm") is None:
        missing("no npm found, which axe-core comes from")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(["npm", "pack", "axe-core@4"], cwd=folder, capture_output=True, text=True, timeout=120)
    if packed.returncode:
        missing(f"npm pack axe-core: {packed.stderr[-300:]}")
    subprocess.run(["tar", "xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")
