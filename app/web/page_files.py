"""The files of the dashboard: which there are, and each as it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.web.documents import Document

FOLDER = Path(__file__).parent / "page"
#: The page itself; its files lie below ``/page/``.
INDEX, BELOW = "index.html", "/page/"
#: Only what comes from here: no other host, nothing inline, in nobody's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def read_files(folder: Path = FOLDER) -> dict[str, Document]:
    """The files by the paths at which they are asked for; what is no kind of file that a page has is left out."""
    return {
        "/" if path.name == INDEX else BELOW + path.name: Document(
            path.read_bytes(), _TYPES[path.suffix], headers={"Content-Security-Policy": POLICY}
        )
        for path in sorted(folder.iterdir())
        if path.suffix in _TYPES
    }


#: Open to anybody, for they tell nothing of what the platform holds.
FILES: Mapping[str, Document] = read_files()
