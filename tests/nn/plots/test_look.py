"""The look: colors that everybody can tell apart, and what all pictures have in common."""

from __future__ import annotations

import sys
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nn import plots
from nn.plots.look import DARK, LIGHT

from .drawn import MOVIES, ON_AXES, PICTURES

# Machado, Oliveira, Fernandes: "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, for
# full severity, on linear red, green and blue.
VISIONS = {
    "any": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(color: str) -> np.ndarray:
    rgb = np.asarray(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_colors_contrast_with_the_paper(look: Any) -> None:
    def contrast(color: str) -> float:
        low, high = sorted([luminance(color), luminance(look.paper)])
        return (high + 0.05) / (low + 0.05)

    assert min(contrast(color) for color in (look.ink, look.soft)) > 7  # text: WCAG 2, 1.4.6
    assert min(contrast(color) for color in look.series) > 2.9  # graphics: WCAG 2, 1.4.11, but for one pink


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_colors_stay_apart_whatever_one_sees(look: Any, vision: str) -> None:
    seen = [lab(VISIONS[vision] @ linear(color)) for color in look.series[:4]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 12


def test_no_color_is_in_two_looks() -> None:
    one, other = ({*look[:4], *look.series} for look in (LIGHT, DARK))
    assert (len(one), len(other)) == (9, 9)
    assert one & other == {DARK.paper}  # ink on light paper is dark paper


@pytest.mark.ci
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("style", "look"), [("default", LIGHT), ("dark_background", DARK)])
def test_pictures_are_on_paper_of_their_look_and_say_what_they_are(name: str, style: str, look: Any) -> None:
    with plt.style.context(style):
        figure = PICTURES[name]()
    assert isinstance(figure, Figure)
    assert plt.matplotlib.colors.to_hex(figure.get_facecolor()) == look.paper
    said = [text for ax in figure.axes for text in (ax.get_title(loc="left"), ax.get_title(), *ax.texts)]
    assert any(said)
    figure.canvas.draw()
    shown = [t for t in figure.findobj(plt.Text) if t.get_text() and t.get_visible()]
    colors = {plt.matplotlib.colors.to_hex(t.get_color()) for t in shown}
    assert colors <= {look.ink, look.soft, look.paper, *look.series}, name


@pytest.mark.parametrize("name", ON_AXES)
def test_pictures_of_one_set_of_axes_draw_into_given_ones(name: str) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert ON_AXES[name](right) is figure
    assert right.has_data()
    assert not left.has_data()
    assert len(figure.axes) == 2
    inner = plt.figure().subfigures(1, 2)[1]
    assert ON_AXES[name](inner.subplots()) is inner.figure.canvas.figure


@pytest.mark.parametrize("name", [*PICTURES, *MOVIES])
def test_without_matplotlib(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{name}: expected the package matplotlib.*install 'autograd-lite\[plot\]'"):
        {**PICTURES, **MOVIES}[name]()


def test_every_public_picture_is_drawn_here() -> None:
    others = {"DecisionSurface", "Path", "decision_surface", "descend", "plot_decision_surface"}
    others |= {"ActivationRecorder", "Movie", "Moving", "save"}
    assert set(plots.__all__) - set(PICTURES) - set(MOVIES) == others
