"""Tokens in a file count while it has them, and whatever happens to it opens no door."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from app.settings import load
from app.web.auth import TokenFile, Tokens


class Clock:
    """Seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("one\n")
    return path


@pytest.fixture
def tokens(file: Path, clock: Clock) -> Tokens:
    return Tokens(["fixed"], TokenFile(file, clock))


def let_in(tokens: Tokens, *given: str) -> bool:
    found = {tokens.digest_of(f"Bearer {token}") is not None for token in given}
    assert len(found) == 1
    return found.pop()


def test_those_of_the_environment_and_of_the_file_count(tokens: Tokens) -> None:
    assert let_in(tokens, "fixed", "one")
    assert not let_in(tokens, "two", "", "on", "one,")


def test_a_changed_file_is_read_again_after_a_second(tokens: Tokens, file: Path, clock: Clock) -> None:
    assert let_in(tokens, "one")
    file.write_text("two\nthree\n")
    clock.now += 0.9
    assert let_in(tokens, "one")
    clock.now += 0.2
    assert let_in(tokens, "two", "three", "fixed")
    assert not let_in(tokens, "one")


def test_a_file_that_was_put_in_its_place_is_read_though_it_is_as_old_and_as_long(
    tokens: Tokens, file: Path, clock: Clock
) -> None:
    assert let_in(tokens, "one")
    found = file.stat()
    other = file.with_name("other")
    other.write_text("two\n")
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(file)
    clock.now += 1
    assert let_in(tokens, "two")


@pytest.mark.parametrize("content", [None, b"", b"# none\n", b"\xff\xff"])
def test_a_file_that_has_none_any_more_changes_nothing_and_is_told_once(
    tokens: Tokens, file: Path, clock: Clock, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert let_in(tokens, "one")
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with caplog.at_level(logging.WARNING, "app.web.auth"):
        for _ in range(3):
            clock.now += 1
            assert let_in(tokens, "one", "fixed")
            assert not let_in(tokens, "", "# none")
    assert len(caplog.records) == 1
    assert "still count" in caplog.text
    file.write_text("later\n")
    clock.now += 1
    assert let_in(tokens, "later")


def test_a_file_that_cannot_be_read_from_the_start_lets_nobody_in(tmp_path: Path) -> None:
    tokens = Tokens([], TokenFile(tmp_path / "none"))
    assert tokens.asked
    assert not let_in(tokens, "", "one")


def test_without_any_nobody_is_asked() -> None:
    assert not Tokens.of(load()).asked
    assert Tokens.of(load(api_tokens="one")).asked


def test_a_client_is_known_by_its_token(tokens: Tokens) -> None:
    assert tokens.digest_of("Bearer one") == tokens.digest_of("bearer  one ") != tokens.digest_of("Bearer fixed")
