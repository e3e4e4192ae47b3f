"""The files of the dashboard, as they are sent: read once, each with its type and validator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
#: The page itself; its files lie below ``/page/``.
INDEX, BELOW = "index.html", "/page/"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file: its bytes, its media type, and a strong validator."""

    content: bytes
    media_type: str
    etag: str


def read_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """The files by name. Anything else than the kinds of file that a page has is left where it is."""
    return {path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:32])


FILES: Mapping[str, PageFile] = read_files()
#: Where each of them is; open to anybody, for they tell nothing of what the platform holds.
PATHS: tuple[str, ...] = ("/", *(f"{BELOW}{name}" for name in FILES if name != INDEX))
