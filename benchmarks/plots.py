"""Pictures of the committed results, which `python -m benchmarks.pages` writes into docs/images.

A picture is bars of ratios of times on a logarithmic scale, whose whiskers are quartiles. Its description has a digest
of the numbers that it shows, so that a test knows without drawing whether they are those of the results.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks import readme
from benchmarks.report import ROOT, Spread

IMAGES = ROOT / "docs" / "images"
HATCHES = ("", "///")  # a second sign in addition to the color


class Series(NamedTuple):
    """Bars of one kind: their name, and a ratio for each label, or None."""

    name: str
    ratios: tuple[Spread | None, ...]


class Plot(NamedTuple):
    """A picture.

    Attributes:
        name: of its file, without the ending.
        title: the first line.
        labels: of the rows.
        panels: side by side, each with a title and one or two series.
        caption: the machine, commit and date.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    panels: tuple[tuple[str, tuple[Series, ...]], ...]
    caption: str

    def digest(self) -> str:
        """Return a digest of all that the picture shows."""
        return hashlib.sha256(json.dumps(self, default=vars).encode()).hexdigest()


def caption(results: Mapping[str, Any]) -> str:
    """Return what was measured where, on two lines."""
    machine = results["machine"] | ({"threads": results["threads"]} if "threads" in results else {})
    here = f"{machine['cores']} cores of an {machine['cpu']}, {readme.kernels(machine)}{readme.where(machine)}"
    return f"{here}.\nBars: medians of ratios of times, ours / theirs; lines: quartiles over the rounds."


def speed(results: Mapping[str, Any]) -> Plot:
    """Return the picture of the benchmarks of `benchmarks.run`, beside other libraries."""
    cases = {case: text for case, text in readme.ROWS.items() if case in results["cases"]}

    def series(name: str, ours: str, peer: str) -> Series:
        ratios = (results["cases"][case]["ratios"].get(ours, {}).get(peer) for case in cases)
        return Series(name, tuple(ratio and Spread(ratio["median"], ratio["low"], ratio["high"]) for ratio in ratios))

    eager = series("eager", readme.EAGER, "torch"), series("compiled", readme.COMPILED, "torch")
    compiled = series("JAX, jit", readme.COMPILED, "jax"), series("CasADi", readme.COMPILED, "casadi")
    panels = (("ours / PyTorch", eager), ("ours, compiled / JAX or CasADi", compiled))
    return Plot(
        "speed", "Time of autograd_lite over that of its peers", labels(cases.values()), panels, caption(results)
    )


def labels(rows: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of the long table as plain text, without what is computed; "… 16 × 16" gets its beginning."""
    result: list[str] = []
    for row in rows:
        text = row.replace("`", "").partition(":")[0]
        beginning = result[-1].partition(",")[0] if result else ""
        result.append(f"{beginning}, {text[2:]}" if text.startswith("… ") else text)
    return tuple(result)


def programs(results: Mapping[str, Any]) -> Plot:
    """Return the picture of the programs of the literature, beside `jax.jit` and beside eager code."""
    rows = {}
    for name, row in results["programs"].items():
        times = row.get("times", {})
        if not row.get("error") and times.get("jax compiled"):
            mine = times["ours compiled"]
            peers = (times["jax compiled"], times["ours eager"])
            rows[name.replace("_", " ")] = [Spread.of(a / b for a, b in zip(mine, peer, strict=True)) for peer in peers]
    names = sorted(rows, key=lambda name: rows[name][0].median)
    jax, eager = (Series("", tuple(rows[name][k] for name in names)) for k in (0, 1))
    median = statistics.median(rows[name][0].median for name in names)
    title = f"Programs of the literature: {readme.short(median)} of jax.jit's time in the median"
    panels = (("ours, compiled / JAX, jit", (jax,)), ("ours, compiled / ours, eager", (eager,)))
    return Plot("programs", title, tuple(names), panels, caption(results))


def draw(plot: Plot) -> Any:
    """Return a picture as a Figure of matplotlib."""
    from nn.plots.look import new_figure, tidy

    height = 0.27 * len(plot.labels) + 1.6
    figure, look = new_figure("benchmarks.plots", 9.2, height)
    panels = figure.subplots(1, len(plot.panels), sharey=True)
    for k, (ax, (title, series)) in enumerate(zip(panels, plot.panels, strict=True)):
        tidy(ax, look)
        ax.axvline(1, color=look.ink, linewidth=1)
        for i, one in enumerate(series):
            bars(ax, one, i, len(series), look)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        ax.xaxis.grid(True, color=look.faint, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.set_title(f"{title}\n← faster | slower →", color=look.ink, fontsize=10)
        ax.tick_params(axis="y", length=0, labelcolor=look.ink)
        if k == 0:
            ax.set_yticks(range(len(plot.labels)), plot.labels)
            ax.set_ylim(len(plot.labels) - 0.4, -0.6)
        if len(series) > 1:
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.05), "ncols": 2, "frameon": False}
            ax.legend(**place, fontsize=9, labelcolor=look.ink)
    figure.suptitle(plot.title, color=look.ink, fontsize=12)
    figure.supxlabel(plot.caption, color=look.soft, fontsize=8)
    return figure


def bars(ax: Any, series: Series, i: int, count: int, look: Any) -> None:
    """Draw the bars of a series from 1 to their medians, with their quartiles."""
    height = 0.78 / count
    for y, ratio in enumerate(series.ratios):
        if ratio is not None:
            at = y + (i - (count - 1) / 2) * height
            color = look.series[i]
            style = {"color": color, "alpha": 0.75, "hatch": HATCHES[i], "edgecolor": look.paper, "linewidth": 0}
            ax.barh(
                at, ratio.median - 1, height * 0.9, left=1, label=series.name if y == first(series) else "", **style
            )
            ax.plot([ratio.low, ratio.high], [at, at], color=look.ink, linewidth=1.2, solid_capstyle="butt")


def first(series: Series) -> int:
    """Return the first row that a series has a bar in."""
    return next(y for y, ratio in enumerate(series.ratios) if ratio is not None)


def described(svg: str, plot: Plot) -> str:
    """Return a picture with its title and the digest of its numbers, which screen readers and the test read."""
    texts = f"<title>{plot.title}</title>\n<desc>Numbers: sha256 {plot.digest()}</desc>"
    return svg.replace("<style>", f"{texts}\n<style>", 1)


def svg(plot: Plot) -> str:
    """Return the text of a picture, whose colors follow the reader's choice of light or dark."""
    from matplotlib import pyplot

    from nn.plots.movie import themed_svg

    figure = draw(plot)
    pyplot.close(figure)
    return described(themed_svg(figure, plot.name), plot)


def write(plots: Sequence[Plot]) -> None:
    """Write pictures into the documentation's folder."""
    for plot in plots:
        (IMAGES / f"{plot.name}.svg").write_text(svg(plot), encoding="utf-8", newline="\n")
