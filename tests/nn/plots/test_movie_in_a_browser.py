"""The page of a movie in a browser: the slider moves the marks to where matplotlib would draw that frame."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from ...graph.pictures.browser.conftest import serious, shown as shown
from .drawn import MOVIES
from .test_movies import marks_of

pytestmark = pytest.mark.ci


@pytest.mark.parametrize("name", MOVIES)
def test_every_frame_is_what_matplotlib_draws(name: str, shown: Any) -> None:
    movie = MOVIES[name]()
    page = shown(movie.to_html()).open().page
    slider = page.locator("input[type=range]")
    assert int(slider.get_attribute("max")) == len(movie) - 1
    for frame in range(len(movie)):
        slider.fill(str(frame))
        assert page.locator("output").inner_text() == movie.captions[frame]
        # A movie of this frame alone is a figure without a script.
        parts = [part._replace(frames=part.frames[frame : frame + 1]) for part in movie.moving]
        still = type(movie)(movie.figure, parts, [movie.captions[frame]]).to_html()
        for k, expected in enumerate(marks_of(still, len(parts))):
            marks = f"[...document.querySelectorAll('#moving-{k} use')]"
            got = page.evaluate(f"{marks}.map(u => [+u.getAttribute('x'), +u.getAttribute('y')])")
            if len(expected):
                np.testing.assert_allclose(got, expected, atol=0.06)
        for k, part in enumerate(parts):
            paths = f"[...document.querySelectorAll('#moving-{k} path')].filter(p => !p.closest('defs'))"
            line = page.evaluate(f"{paths}[0]?.getAttribute('d')")
            if not hasattr(part.artist, "set_offsets") and part.artist.get_linestyle() != "None":
                assert len(re.findall("[ML]", line)) == np.isfinite(part.frames[0]).all(axis=1).sum()


def test_the_keyboard_and_the_button_move_it(shown: Any) -> None:
    movie = MOVIES["gradient_descent_movie"]()
    page = shown(movie.to_html(), size=(390, 700)).open().page
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    assert page.locator("output").inner_text() == movie.captions[0]
    page.keyboard.press("ArrowRight")
    assert page.locator("output").inner_text() == movie.captions[1]
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('output').textContent.startsWith('step 3')", timeout=5000)
    assert page.get_by_role("button", name="Play").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_first_frame_is_printed(shown: Any) -> None:
    movie = MOVIES["gradient_descent_movie"]()
    page = shown(movie.to_html(), dark=True).open().page
    page.locator("input[type=range]").fill("2")
    page.emulate_media(media="print")
    page.wait_for_function("document.querySelector('input').value === '0'")
    assert page.locator("output").inner_text() == movie.captions[0]
    assert not page.locator("button").is_visible()
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert ink == "rgb(15, 23, 42)"
    page.emulate_media(media="screen")
    page.wait_for_function("document.querySelector('input').value === '2'")
    assert page.locator("output").inner_text() == movie.captions[2]


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(dark: bool, shown: Any, axe: str) -> None:
    assert not serious(shown(MOVIES["unfolding_movie"]().to_html(), dark=dark).open(), axe)
