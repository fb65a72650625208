"""The page that runs Python in the reader's browser: its boxes, with a stand-in for Pyodide."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ci
STATIC = Path(__file__).resolve().parents[1] / "docs" / "_static"
# Knows what the page may ask of Pyodide, and answers a few lines of code.
STAND_IN = """
globalThis.asked = [];
globalThis.loadPyodide = async () => ({
  globals: { set: (name, value) => asked.push(`${name}=${value.split("/").pop()}`) },
  loadPackage: async (names) => asked.push(...names),
  loadPackagesFromImports: async () => {},
  setStdout: ({ batched }) => { globalThis.print = batched; },
  runPython: () => (value) => ({ toJs: () => value }),
  runPythonAsync: async (code) => {
    if (code.includes("micropip")) return asked.push(code);
    if (code.includes("build_graph")) return ["html", "<svg width='40' height='20'></svg>"];
    if (code.includes("wrong")) throw new Error("Traceback\\nValueError: wrong");
    print("printed");
    return ["text", "array([1.])"];
  },
});
"""


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    shutil.copy(STATIC / "browser.html", tmp_path)  # which is all that a reader downloads
    (tmp_path / "pyodide.js").write_text(STAND_IN, encoding="utf-8")
    page = browser.new_page()
    page.address = (tmp_path / "browser.html").as_uri()
    yield page
    page.close()


def test_boxes_run_and_show_text_pictures_and_errors(page: Any) -> None:
    page.goto(f"{page.address}?pyodide=pyodide.js&wheel=autograd_lite-1-py3-none-any.whl")
    boxes = page.locator(".live-box")
    assert boxes.count() == 2
    boxes.nth(0).get_by_role("button").click()
    page.wait_for_function("document.querySelectorAll('.live-out')[0].textContent.includes('array')")
    assert boxes.nth(0).locator(".live-out").text_content() == "printed\narray([1.])"
    boxes.nth(1).locator("textarea").press("Control+Enter")
    page.wait_for_selector(".live-out svg")
    assert page.evaluate("asked.slice(0, 3)") == ["numpy", "micropip", "_wheel=autograd_lite-1-py3-none-any.whl"]
    assert "deps=False" in page.evaluate("asked[3]")
    boxes.nth(1).locator("textarea").fill("wrong")
    boxes.nth(1).get_by_role("button").click()
    page.wait_for_selector(".live-error")
    assert boxes.nth(1).locator(".live-out").text_content() == "Traceback\nValueError: wrong"
    assert page.evaluate("asked.length") == 4  # Python was started once


def test_a_page_without_python_says_what_it_lacks(page: Any) -> None:
    page.goto(page.address)
    page.locator("button").first.click()
    page.wait_for_selector(".live-error")
    assert "give it ?pyodide=" in page.locator(".live-out").first.text_content()
    page.goto(f"{page.address}?pyodide=nowhere.js&wheel=a.whl")
    for _ in range(2):  # and again after a failure
        page.locator("button").first.click()
        page.wait_for_function(
            "document.querySelector('.live-out').textContent.includes('nowhere.js cannot be loaded')"
        )
