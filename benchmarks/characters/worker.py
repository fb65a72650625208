"""One library in one process: `python -m benchmarks.characters.worker MODULE TASK`.

It speaks lines of JSON: one when it is set up, then one for each number of steps that it reads from standard input.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from importlib import import_module
from itertools import islice
from typing import Any

from benchmarks.characters.task import Task, batches, read


def main(module: str, task: Task) -> None:
    """Trains for as long as it is asked to; what else is printed goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(**message: Any) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    book = read()
    trainer = import_module(f"benchmarks.characters.{module}").Trainer(task, len(book.characters))
    source = batches(book.training, task)
    send(bits=trainer.bits(book.held_out))
    for line in sys.stdin:
        windows = list(islice(source, int(line)))
        gc.collect()
        start = time.perf_counter()
        losses = [trainer.step(x, y) for x, y in windows]
        seconds = time.perf_counter() - start
        send(seconds=seconds / len(windows), losses=losses, bits=trainer.bits(book.held_out))


if __name__ == "__main__":
    main(sys.argv[1], Task(**json.loads(sys.argv[2])))
