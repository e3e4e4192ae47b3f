"""URLs are shown without the user and the password in them."""

from __future__ import annotations

import pytest

from app.security.addresses import shown, taken_apart


@pytest.mark.parametrize(
    ("url", "bare", "credentials"),
    [
        ("http://127.0.0.1:25503", "http://127.0.0.1:25503", None),
        ("http://me:word@host:1/api?x=1", "http://host:1/api?x=1", ("me", "word")),
        ("https://me@host", "https://host", ("me", "")),
        ("ws://me:w%40r%3Ad@[::1]:2/v1", "ws://[::1]:2/v1", ("me", "w@r:d")),
        ("http://me:w@rd@host/", "http://host/", ("me", "w@rd")),
        ("http://host/a@b", "http://host/a@b", None),
        ("http://me:word@[bad", "http://[bad", ("me", "word")),
        ("me:word@host", "me:word@host", None),
        ("", "", None),
    ],
)
def test_a_url_is_taken_apart(url: str, bare: str, credentials: tuple[str, str] | None) -> None:
    assert taken_apart(url) == (bare, credentials)
    assert shown(url) == bare
