"""Noise: what nobody foresaw, made from what is right. The same seed makes the same."""

from __future__ import annotations

import json
import os
import random
from typing import Any

#: How much more of it there is when everything is to be broken for longer.
SCALE = 10 if os.environ.get("CHAOS") == "full" else 1

_TEXTS = [
    "",
    " ",
    "\x00",
    "\x1b[31m",
    "\u202e",
    "é€𝄞",
    "a" * 5_000,
    "../../etc",
    "-",
    "..",
    "_",
    "NaN",
    "1e999",
    "2024-02-30",
    "9999-99-99",
    "0001-01-01",
    "99:99:99",
    "'; --",
    "%s%n",
    "null",
    "@position",
    "requests",
]
_NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, -(2**63), 2**64, 1e308, -0.0, 1.5, 5e-324, 10**19]
#: JSON that no library writes: what is put in the place of a marked value.
_RAW = [
    "NaN",
    "Infinity",
    "-",
    "1e999",
    "1" * 400,
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\x01"',
    '"\\x"',
    "[" * 900 + "]" * 900,
    '{"a":' * 500 + "1" + "}" * 500,
    "[" * 2_000,
    "tru",
    "'a'",
    "",
    "[1,]",
    "{,}",
    "/**/1",
    '{"a":1,"a":2}',
]
_MARK = "\x07mark\x07"


class Noise:
    """Random things by a seed, which it prints so that a failure can be had again."""

    def __init__(self, name: str, seed: int | None = None) -> None:
        given = os.environ.get("CHAOS_SEED")
        self.seed = seed if seed is not None else int(given) if given else random.SystemRandom().randrange(2**32)
        print(f"{name}: CHAOS_SEED={self.seed}")
        self.random = random.Random(f"{name}-{self.seed}")

    def bytes(self, most: int = 300) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def value(self, depth: int = 0) -> Any:
        """Any JSON value."""
        draw = self.random
        match draw.randrange(8 if depth < 4 else 5):
            case 0:
                return None
            case 1:
                return draw.choice([True, False])
            case 2:
                return draw.choice(_NUMBERS)
            case 3 | 4:
                return draw.choice(_TEXTS)
            case 5 | 6:
                return [self.value(depth + 1) for _ in range(draw.randrange(4))]
            case _:
                return {draw.choice(_TEXTS)[:50]: self.value(depth + 1) for _ in range(draw.randrange(4))}

    def changed(self, body: Any) -> Any:
        """The body with a few of its parts lost, doubled, moved, or replaced by anything."""
        found = json.loads(json.dumps(body))
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            places = list(_places(found))
            if not places:
                return self.value()
            inside, at = self.random.choice(places)
            match self.random.randrange(6):
                case 0:
                    del inside[at]
                case 1:
                    inside[at] = [inside[at]]
                case 2:
                    inside[at] = _MARK
                case 3 if isinstance(inside, dict):
                    inside[self.random.choice(_TEXTS)[:80] or at] = self.value()
                case 4 if isinstance(inside[at], str):
                    inside[at] += self.random.choice(_TEXTS)
                case _:
                    inside[at] = self.value()
        return found

    def text(self, body: Any) -> bytes:
        """The body as JSON, or nearly."""
        found = json.dumps(body, ensure_ascii=self.random.random() < 0.5)
        while (mark := json.dumps(_MARK)) in found or (mark := json.dumps(_MARK, ensure_ascii=False)) in found:
            found = found.replace(mark, self.random.choice(_RAW), 1)
        data = found.encode("utf-8", "surrogatepass")
        match self.random.randrange(12):
            case 0:
                return data[: self.random.randrange(len(data) + 1)]
            case 1:
                return self.spoiled(data)
            case 2:
                return data.replace(b'"', b'"\xff', 1)
            case 3:
                # The first field twice.
                return data[:1] + data[1 : data.find(b",") + 1] + data[1:] if b"," in data else data
            case _:
                return data

    def spoiled(self, data: bytes) -> bytes:
        """Some bytes changed, lost, or put in."""
        found = bytearray(data)
        for _ in range(self.random.randrange(1, 6)):
            at = self.random.randrange(len(found) + 1)
            match self.random.randrange(3):
                case 0:
                    found[at:at] = self.bytes(8)
                case 1:
                    del found[at : at + self.random.randrange(20)]
                case _:
                    found[at : at + 1] = self.random.randbytes(1)
        return bytes(found)


def _places(value: Any) -> Any:
    """Every place in a body that holds something: the object or list, and the key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from _places(value[key])
