"""The table that `summary` prints."""

from __future__ import annotations

from .module import Module

__all__ = ["summary_text"]


def summary_text(model: Module) -> str:
    """Return a table of a built model's direct parts: name and type, output shape, number of parameters.

    Example:
        >>> from nn import layers, models
        >>> print(summary_text(models.Sequential([layers.Dense(2, input_shape=(3,))])))  # doctest: +ELLIPSIS
        Model: "sequential"
        ...
        dense (Dense)            (None, 2)                8
        ...
    """
    parts = [(path, m) for path, m in model.named_modules() if path and "." not in path] or [(model.name, model)]
    rows = [("Layer (type)", "Output Shape", "Param #")]
    for path, module in parts:
        shape = "?" if module.output_shape is None else str(module.output_shape)
        rows.append((f"{path} ({type(module).__name__})", shape, f"{module.count_params():,}"))
    total = model.count_params()
    trainable = sum(p.size for p in model.parameters())
    widths = [max(24, *(len(row[i]) for row in rows)) + 1 for i in (0, 1)]
    lines = [f"{a:<{widths[0]}}{b:<{widths[1]}}{c}" for a, b, c in rows]
    width = max(65, *map(len, lines))
    return "\n".join(
        [
            f'Model: "{model.name}"',
            "_" * width,
            lines[0],
            "=" * width,
            *lines[1:],
            "=" * width,
            f"Total params: {total:,} ({_bytes(model)})",
            f"Trainable params: {trainable:,}",
            f"Non-trainable params: {total - trainable:,}",
        ]
    )


def _bytes(model: Module) -> str:
    n = float(sum(t.nbytes for t in [*model.parameters(), *model.buffers()]))
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
