"""What the docs show that can be asked: calls of curl, and JSON."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Call:
    """One call of curl. ``path`` has its query."""

    method: str
    path: str
    body: str | None
    headers: tuple[tuple[str, str], ...]


def blocks(page: str) -> list[str]:
    """The contents of a page's fenced blocks."""
    return re.findall(r"^```\w*\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)


def calls(page: str) -> list[Call]:
    """Every call of curl on a page, in its order."""
    found = []
    for block in blocks(page):
        # A command ends where its quotes are closed and no backslash goes on.
        pending = ""
        for line in block.splitlines(keepends=True):
            if not pending and not line.startswith("curl "):
                continue
            pending += line
            if pending.count("'") % 2 == 0 and not pending.endswith("\\\n"):
                found.append(_call(pending))
                pending = ""
    return found


def _call(command: str) -> Call:
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    method, url, body, headers = None, "", None, []
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-X":
                method = next(rest)
            case "-d":
                body = next(rest)
            case "-H":
                name, _, value = next(rest).partition(":")
                headers.append((name.strip(), value.strip()))
            case "-o":
                next(rest)
            case _ if word.startswith("-"):
                continue
            case _ if word in (">", "|"):
                break
            case _:
                url = word
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Call(method or ("GET" if body is None else "POST"), path, body, tuple(headers))


def json_of(page: str) -> list[Any]:
    """Every JSON document in a page's blocks; calls of curl are none."""
    found = []
    decoder = json.JSONDecoder()
    for block in blocks(page):
        text = block.strip()
        while text.startswith("{"):
            body, end = decoder.raw_decode(text)
            found.append(body)
            text = text[end:].strip()
    return found
