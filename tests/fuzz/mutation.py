"""Changes of bytes and of JSON, drawn from a random stream."""

from __future__ import annotations

import json
from random import Random
from typing import Any

__all__ = ["changed_again", "changed_bytes", "changed_text", "changed_tree", "deep_json"]

NUMBERS = (0, 1, -1, 2, 3, 7, 255, 2**31, 2**33 + 1, 2**53, 2**63, -(2**63), 10**30, 1e308, -0.5, 1e-320)
VALUES = (
    None,
    True,
    False,
    "",
    "x",
    "../x",
    "n0",
    "n1",
    "None",
    "float32",
    "object",
    "function",
    "relu",
    [],
    {},
    "\0",
    "é",
)
BYTES = (b"", b"\0", b"\xff", b"{}", b"[]", b'"', b"null", b"1e999", b"NaN", b"[" * 50, b'{"a":' * 30, b"\\u0000")


def changed_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """Return bytes with one to four changes: bits, runs and pieces of other bytes."""
    made = bytearray(data)
    for _ in range(1 + random.getrandbits(2)):
        at = random.randrange(len(made) + 1)
        way = random.randrange(6)
        if way == 0 and at < len(made):
            made[at] ^= 1 << random.randrange(8)
        elif way == 1 and at < len(made):
            made[at] = random.randrange(256)
        elif way == 2:
            del made[at : at + 1 + random.randrange(8)]
        elif way == 3:
            made[at:at] = random.choice(BYTES)
        elif way == 4 and other:
            begin = random.randrange(len(other))
            made[at : at + random.randrange(12)] = other[begin : begin + random.randrange(24)]
        elif random.random() < 0.1:
            del made[at:]
    return bytes(made)


def changed_tree(random: Random, root: Any, other: Any) -> Any:
    """Return lists and dicts of values with one to three changes; `other` gives some of the new values."""
    root = _copy(root)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        found = _place(random, root)
        if found is None:
            return random.choice(VALUES)
        parent, key = found
        way = random.randrange(8)
        if way < 3:
            parent[key] = _value(random, parent[key])
        elif way == 3:
            del parent[key]
        elif way == 4 and isinstance(parent, dict):
            parent[random.choice((*parent, "x", "dict", "tuple", "array", "class_name", "config"))] = parent.pop(key)
        elif way == 5:
            place = _place(random, other)
            parent[key] = _copy(place[0][place[1]]) if place else None
        elif way == 6 and isinstance(parent, list):
            parent.insert(key, _copy(random.choice(parent)))
        else:
            place = _place(random, root)
            parent[key] = _copy(place[0][place[1]]) if place else {}
    return root


def _value(random: Random, value: Any) -> Any:
    """Return another value, often one of the same kind."""
    way = random.randrange(5)
    if way == 0 and isinstance(value, str) and value:
        at = random.randrange(len(value))
        return value[:at] + random.choice(("", "x", ".", "/", "0", "\n", "(", value)) + value[at + 1 :]
    if way == 1 and type(value) is int:
        return value + random.choice((-1, 1, 2, 100))
    if way == 2:
        return [value] if random.random() < 0.5 else {"dict": [["x", value]]}
    if way == 3:
        return random.choice(VALUES)
    return random.choice(NUMBERS)


def _place(random: Random, root: Any) -> tuple[Any, Any] | None:
    """Return a list or dict in a tree, and a key of it."""
    found, node = None, root
    while isinstance(node, (dict, list)) and node:
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        found, node = (node, key), node[key]
        if random.random() < 0.15:
            break
    return found


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def changed_text(random: Random, text: str, other: str) -> str:
    """Return a text with changes of its bytes; it need not be JSON any more."""
    data, others = (t.encode("utf-8", "replace") for t in (text, other))
    return changed_bytes(random, data, others).decode("utf-8", "replace")


def changed_again(random: Random, given: Any, other: Any) -> Any:
    """Return an input that has been changed before with more changes."""
    if isinstance(given, bytes):
        return changed_bytes(random, given, other)
    if not isinstance(given, str):
        return changed_tree(random, given, other)
    try:
        return json.dumps(changed_tree(random, json.loads(given), json.loads(other)))
    except (ValueError, RecursionError):
        return changed_text(random, given, other)


def deep_json(random: Random) -> str:
    """Return JSON that is nested deeply, as no description is."""
    depth = random.choice((90, 150, 250, 900, 3000, 100_000))
    begin, end = random.choice((("[", "]"), ('{"config":', "}"), ('{"dict":[["x",', "]]}"), ('{"tuple":[', "]}")))
    return begin * depth + json.dumps(random.choice(NUMBERS)) + end * depth
