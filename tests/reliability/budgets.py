"""Descriptions that ask for too much: `python -m tests.reliability.budgets`.

Every whole number in the JSON of a model of every layer of the tests' table, and in the configuration of every metric,
is made large. Reading it must give a model or one error of ours, in little time and memory: the process may have but a
few gibibytes more than it has. Prints how many were tried, and each one that took more.
"""

from __future__ import annotations

import copy
import json
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import nn
from tests.nn.layers.layer_cases import LayerCase, all_cases
from tests.nn.metrics.metric_cases import CASES as METRICS

MEMORY, SECONDS = 4 << 30, 5  # more than one array of as many elements as the limit; time of this process
LARGE = (2**33 + 1, 70_000)


def model_text(case: LayerCase) -> tuple[str, dict[str, Any]]:
    """Return the JSON of a model of one layer, and the classes of the tests' own in it."""
    layer = case.make()
    inputs = [nn.Input(a.shape[1:], dtype=a.dtype if a.dtype.kind != "f" else "float32") for a in case.draw()]
    model = nn.Model(inputs, layer(*case.args(inputs)))
    parts = [type(part) for _, part in model.named_modules()]
    return model.to_json(), {
        kind.__name__: kind for kind in parts if not kind.__module__.startswith("autograd_lite.nn.")
    }


def enlarged(description: Any) -> Iterator[tuple[str, Any]]:
    """Yield copies of a description in which one whole number is large, with what was changed."""
    pending: list[tuple[Any, ...]] = [()]
    while pending:
        path = pending.pop()
        value = description
        for key in path:
            value = value[key]
        if isinstance(value, (dict, list)):
            pending += [(*path, key) for key in (value if isinstance(value, dict) else range(len(value)))]
        elif type(value) is int:
            for large in LARGE:
                changed = copy.deepcopy(description)
                parent = changed
                for key in path[:-1]:
                    parent = parent[key]
                parent[path[-1]] = large
                yield f"{'.'.join(map(str, path))} = {large}", changed


def excess(read: Callable[[], Any]) -> str:
    """Return in which way reading takes too much, or fails in the wrong way; "" if it does not."""

    def late(*_: Any) -> NoReturn:
        raise TimeoutError

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    begin = time.process_time()
    try:
        read()
    except ValueError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, (MemoryError, TimeoutError, RecursionError)):
                return type(cause).__name__
            cause = cause.__cause__ or cause.__context__
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.60}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "slow" if time.process_time() - begin > SECONDS - 1 else ""


def descriptions() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield a name, a change and a reader for each changed description."""
    for case in all_cases():
        try:
            text, own = model_text(case)
        except Exception as error:
            print(f"{case.name}: left out, no model of it is JSON ({error!s:.60})")
            continue
        for change, changed in enlarged(json.loads(text)):
            yield case.name, change, partial(nn.models.model_from_json, json.dumps(changed), own)
    for metric in (case.metric() for case in METRICS.values()):
        for change, changed in enlarged(metric.get_config()):
            yield type(metric).__name__, change, partial(type(metric).from_config, changed)


def main() -> int:
    """Read them all, and print what takes too much."""
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    tried = failed = 0
    for name, change, read in descriptions():
        tried += 1
        if wrong := excess(read):
            failed += 1
            print(f"{name}: {change}: {wrong}", flush=True)
    print(f"tried {tried}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
