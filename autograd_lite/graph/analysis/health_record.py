"""Gradient health over a training run, recorded step by step by a custom loop or by `fit`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.late import needs
from ...ir.node_labels import visible
from ...tensors.gradient_hooks import HookHandle
from ...tensors.tensor import Tensor
from .health import Health, ParameterHealth, entry_of, judge, named_tensors
from .report import Report

_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 24


@dataclass(frozen=True, slots=True, repr=False)
class HealthHistory(Report):
    """The gradients of the recorded steps of a training run.

    Attributes:
        steps: their numbers, from 0.
        healths: one for each.

    Example:
        >>> HealthHistory((), ()).steps
        ()
    """

    steps: tuple[int, ...]
    healths: tuple[Health, ...]

    _without_graph = ". Draw it: history.plot().figure.savefig(path)"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, in order."""
        return tuple(dict.fromkeys(p.name for health in self.healths for p in health.parameters))

    def of(self, name: str, quantity: str = "norm") -> tuple[float, ...]:
        """Return one number of a parameter over the steps; NaN where there is none.

        Args:
            name: of the parameter.
            quantity: "norm", "weight", "ratio", "rms", "zeros" or "update".

        Raises:
            KeyError: if no parameter has that name.
            ValueError: for an unknown number.
        """
        quantities = ("norm", "weight", "ratio", "rms", "zeros", "update")
        if quantity not in quantities:
            raise ValueError(f"HealthHistory.of: expected one of {quantities}; received {quantity!r}")
        if name not in self.names:
            raise KeyError(f"{name!r}: expected the name of a parameter: {list(self.names)}")
        return tuple([_number(health, name, quantity) for health in self.healths])

    def flags(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """The steps at which each parameter was flagged, by flag; only parameters that were."""
        steps_by_flag: dict[str, dict[str, list[int]]] = {}
        for step, health in zip(self.steps, self.healths, strict=True):
            for p in health.problems:
                steps_by_flag.setdefault(p.name, {}).setdefault(p.flag, []).append(step)
        return {name: {flag: tuple(at) for flag, at in flags.items()} for name, flags in steps_by_flag.items()}

    def to_text(self) -> str:
        """Return a table: how the norm of each parameter developed, from first to last, and its flags."""
        rows = [["parameter", "‖grad‖ over the steps", "first", "last", "update / weight", ""]]
        flags = self.flags()
        for name in self.names:
            norms, updates, weights = self.of(name), self.of(name, "update"), self.of(name, "weight")
            sizes = [u / w for u, w in zip(updates, weights, strict=True) if w and math.isfinite(u)]
            flagged = [f"{flag} at {_spans(at)}" for flag, at in flags.get(name, {}).items()]
            rows.append(
                [
                    visible(name),
                    _sparkline(norms),
                    _short(norms[0]),
                    _short(norms[-1]),
                    _short(float(np.median(sizes)) if sizes else math.nan),
                    "; ".join(flagged) or "ok",
                ]
            )
        widths = [max(len(row[k]) for row in rows) for k in range(6)]
        lines = [
            "  ".join(
                c.rjust(w) if k in (2, 3, 4) else c.ljust(w) for k, (c, w) in enumerate(zip(r, widths, strict=True))
            )
            for r in rows
        ]
        return "\n".join([self._headline(), *(line.rstrip() for line in lines)])

    def to_markdown(self) -> str:
        """Return the first and last norm of each parameter, and its flags, as Markdown."""
        lines = ["| parameter | first norm | last norm | flagged |", "| :-- | --: | --: | :-- |"]
        for name in self.names:
            norms = self.of(name)
            flagged = "; ".join(f"{flag} at {_spans(at)}" for flag, at in self.flags().get(name, {}).items())
            shown = visible(name).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
            lines.append(f"| {shown} | {_short(norms[0])} | {_short(norms[-1])} | {flagged or 'ok'} |")
        return "\n".join(lines)

    def plot(self, quantity: str = "norm", ax: Any = None) -> Any:
        """Draw one line for each parameter over the steps, on a logarithmic scale.

        Args:
            quantity: see `of`.
            ax: axes of matplotlib to draw on; new ones if None.

        Returns:
            The axes.

        Raises:
            ModuleNotFoundError: if matplotlib is not installed; the extra "plot" brings it.
        """
        with needs("HealthHistory.plot", "matplotlib", "'autograd-lite[plot]'", "; to_text() needs nothing"):
            from matplotlib import pyplot
        ax = pyplot.subplots(figsize=(9, 4.5), layout="constrained")[1] if ax is None else ax
        dashes = ("-", "--", "-.", ":")  # so that lines differ in more than color
        for k, name in enumerate(self.names):
            values = [v if v > 0 else math.nan for v in self.of(name, quantity)]
            label = visible(name).replace("$", r"\$").lstrip("_")
            ax.plot(self.steps, values, dashes[k % 4], label=label, marker="o" if len(values) < 20 else "")
        ax.set_yscale("log")
        ax.grid(alpha=0.25)
        ax.set_xlabel("step")
        ax.set_ylabel({"norm": "norm of the gradient", "weight": "norm of the parameter"}.get(quantity, quantity))
        if self.names:
            ax.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3)
        return ax

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<HealthHistory of {self._headline()}>"

    def _headline(self) -> str:
        wrong = len(self.flags())
        verdict = f"{wrong} of {len(self.names)} parameters flagged" if wrong else "all gradients are sound"
        return f"{len(self)} step{'' if len(self) == 1 else 's'}: {verdict}"


class GradientHealth:
    """Records the gradients of a training run.

    In a custom loop, call `record()` after `backward()` and before `zero_grad()`. With `fit`, pass it as a callback:
    `model.fit(x, y, callbacks=[watch])`.

    Args:
        source: a module, tensors, or (name, tensor) pairs; may be left out with `fit`.
        every: record every n-th step.
        updates: keep a copy of the parameters from one recorded step to the next, to measure how much they changed.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([3.0, -4.0], requires_grad=True, name="w")
        >>> watch = GradientHealth([w])
        >>> for _ in range(3):
        ...     (w * w).sum().backward()
        ...     watch.record()
        ...     w.assign(w.data - 0.25 * w.grad.data)
        ...     w.grad = None
        >>> watch.history.of("w"), watch.history.of("w", "update")
        ((10.0, 5.0, 2.5), (2.5, 1.25, 0.625))
    """

    def __init__(self, source: Any = None, *, every: int = 1, updates: bool = True) -> None:
        if every < 1:
            raise ValueError(f"GradientHealth: expected every to be at least 1; received {every}")
        self.every = every
        self.updates = updates
        self._source = source
        self._step = 0
        self._steps: list[int] = []
        self._healths: list[Health] = []
        self._before: dict[str, Any] = {}
        self._caught: dict[str, ParameterHealth] = {}
        self._handles: list[HookHandle] = []
        self._open = False

    # ---- in a loop --------------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Record the current gradients; each call is one step.

        Raises:
            ValueError: if it was not given anything to watch.
        """
        if self._source is None:
            raise ValueError("GradientHealth.record: expected parameters; received none. Write GradientHealth(model)")
        self._finish()
        if self._is_due():
            named = self._named_tensors()
            self._write([entry_of(name, t, None if t.grad is None else t.grad.data) for name, t in named])
            if self.updates:
                self._before = {name: t.numpy() for name, t in named}
        self._step += 1

    @property
    def history(self) -> HealthHistory:
        """The steps recorded so far."""
        self._finish()
        return HealthHistory(tuple(self._steps), tuple(self._healths))

    @property
    def last(self) -> Health | None:
        """The last recorded step."""
        self._finish()
        return self._healths[-1] if self._healths else None

    def plot(self, quantity: str = "norm", ax: Any = None) -> Any:
        """Draw the history; see `HealthHistory.plot`."""
        return self.history.plot(quantity, ax)

    def __str__(self) -> str:
        return str(self.history)

    def __repr__(self) -> str:
        return f"<GradientHealth of {len(self._steps)} recorded steps>"

    # ---- as a callback of `fit`: the gradients are gone when a step ends, so they are caught as they arrive ---------

    def set_model(self, model: Any) -> None:
        """Receive the model, before training."""
        if self._source is None:
            self._source = model

    def set_params(self, params: Any) -> None:
        """Receive the number of epochs and steps, which do not matter here."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Start watching."""
        self._release()
        for name, t in self._named_tensors():
            self._handles.append(t.register_hook(self._catcher(name, t)))

    def on_train_end(self, logs: Any = None) -> None:
        """Release the parameters."""
        self._release()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Nothing is done."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Nothing is done."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Get ready for the gradients of a step."""
        self._caught, self._before, self._open = {}, {}, self._is_due()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the gradients, and what the step changed."""
        if self._open:
            self._write([self._caught.get(name) or entry_of(name, t, None) for name, t in self._named_tensors()])
            self._finish()
        self._open = False
        self._step += 1

    # ---- how --------------------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        return self._step % self.every == 0

    def _named_tensors(self) -> list[tuple[str, Tensor]]:
        return named_tensors("GradientHealth", self._source)

    def _catcher(self, name: str, t: Tensor) -> Any:
        def catch(gradient: Tensor) -> None:
            if self._open:
                self._caught[name] = entry_of(name, t, gradient.data)
                if self.updates:
                    self._before[name] = t.numpy()

        return catch

    def _write(self, entries: list[ParameterHealth]) -> None:
        self._steps.append(self._step)
        self._healths.append(judge(entries))

    def _finish(self) -> None:
        """Add to the last step the change that it made, once it has."""
        changes = {
            name: float(np.linalg.norm((t.data - self._before[name]).reshape(-1)))
            for name, t in (self._named_tensors() if self._before else ())
            if name in self._before and t.shape == self._before[name].shape
        }
        if any(changes.values()):
            self._before = {}
            last = self._healths[-1]
            entries = tuple(p._replace(update=changes.get(p.name)) for p in last.parameters)
            self._healths[-1] = replace(last, parameters=entries)

    def _release(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles, self._caught, self._open = [], {}, False


def _number(health: Health, name: str, quantity: str) -> float:
    value = next((getattr(p, quantity) for p in health.parameters if p.name == name), None)
    return math.nan if value is None else float(value)


def _sparkline(values: Sequence[float]) -> str:
    """Draw the powers of ten of numbers in one line; "·" where there is none."""
    if len(values) > _COLUMNS:
        values = [values[k * (len(values) - 1) // (_COLUMNS - 1)] for k in range(_COLUMNS)]
    logs = [math.log10(v) if v > 0 and math.isfinite(v) else None for v in values]
    powers = [v for v in logs if v is not None]
    low, span = (min(powers), max(max(powers) - min(powers), 1.0)) if powers else (0.0, 1.0)
    return "".join("·" if v is None else _BARS[min(7, int(8 * (v - low) / span))] for v in logs)


def _spans(steps: Sequence[int]) -> str:
    """Write steps as ranges: "step 3", "steps 0–4, 9"; at most a few of them."""
    runs: list[list[int]] = []
    for step in steps:
        if runs and step == runs[-1][1] + 1:
            runs[-1][1] = step
        else:
            runs.append([step, step])
    texts = [str(a) if a == b else f"{a}–{b}" for a, b in runs]
    more = f" and {len(texts) - 4} more runs" if len(texts) > 4 else ""
    return f"step{'' if len(steps) == 1 else 's'} {', '.join(texts[:4])}{more}"


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"
