"""No log line has a secret in it, however it got there."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from urllib.parse import quote

import pytest

from app import logs
from app.security import redaction
from app.security.redaction import hide, redacted


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests have hidden does not count here, nor what is hidden here there."""
    monkeypatch.setattr(redaction, "_forms", set())
    monkeypatch.setattr(redaction, "_pattern", None)


def test_without_secrets_nothing_is_changed() -> None:
    hide([])
    assert redacted("all of it") == "all of it"


@pytest.mark.parametrize("secret", ["simple-one", "with'quote", "with\"both'", "back\\slash", "schlüssel", "a b&c/d"])
def test_a_secret_is_taken_out_in_every_form(secret: str) -> None:
    hide([secret])
    forms = (
        f"is {secret}.",
        f"is {secret!r}.",
        f"is {secret.encode()!r}.",
        f"is {('x' + secret + chr(34)).encode()!r}.",
        f"http://me:{quote(secret, safe='')}@host",
        f"Basic {b64encode(secret.encode()).decode()}",
    )
    for text in forms:
        shown = redacted(text)
        assert "***" in shown
        assert secret not in shown
        assert repr(secret.encode())[2:-1] not in shown


def test_of_user_and_password_the_password_alone_is_one_too() -> None:
    hide(["carol:the-word"])
    assert redacted("carol:the-word carol the-word") == "*** carol ***"


def test_of_a_secret_that_begins_like_another_nothing_is_left() -> None:
    hide(["secret", "secret-and-more"])
    assert redacted("secret-and-more secret") == "*** ***"


def test_what_is_as_short_as_any_word_is_left() -> None:
    hide(["abc"])
    assert redacted("abcdef") == "abcdef"


def test_what_is_hidden_later_is_added() -> None:
    hide(["first-one"])
    hide(["second-one"])
    assert redacted("first-one second-one") == "*** ***"


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_lines_and_tracebacks_are_without(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    hide(['the "word"'])
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    try:
        logs.configure("INFO", form)
        try:
            raise ValueError('not the "word" please')
        except ValueError:
            logging.getLogger("some").exception("it was %s", 'the "word"')
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
    told = capsys.readouterr().err
    assert "word" not in told
    assert told.count("***") >= 2
    if form == "json":
        assert json.loads(told)["message"] == "it was ***"
