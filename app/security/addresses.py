"""URLs with a user and a password in them: where the two are taken apart, so that no log or error shows them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

Credentials = tuple[str, str]


def taken_apart(url: str) -> tuple[str, Credentials | None]:
    """A URL without its ``user:password@``, and these, decoded; None when there are none."""
    before, at, _ = _authority(url).rpartition("@")
    if not at:
        return url, None
    user, _, password = before.partition(":")
    return url.replace(f"{before}@", "", 1), (unquote(user), unquote(password))


def shown(url: str) -> str:
    """A URL as it may be shown to anybody."""
    return taken_apart(url)[0]


def _authority(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        # Not a URL, which does not keep a password from being in it.
        return url.rpartition("//")[2].partition("/")[0]
