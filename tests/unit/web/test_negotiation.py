"""What a client takes."""

from __future__ import annotations

import pytest

from app.rows.formats import MEDIA_TYPES
from app.web.data import form_of
from app.web.negotiation import best_encoding, matches, prefers


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "ndjson"),
        ("", "ndjson"),
        ("*/*", "ndjson"),
        ("text/csv", "csv"),
        ("TEXT/CSV; charset=utf-8", "csv"),
        ("text/*", "csv"),
        ("application/vnd.apache.arrow.stream", "arrow"),
        ("application/vnd.apache.parquet, text/csv;q=0.9", "parquet"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.4", "csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "ndjson"),
        ("application/x-ndjson;q=0, */*", "csv"),
        ("text/html", None),
        ("text/csv;q=0", None),
        ("text/csv;q=nan", None),
    ],
)
def test_the_form_is_the_one_that_is_taken_most_gladly(accept: str | None, form: str | None) -> None:
    assert form_of(accept) == form
    assert len(MEDIA_TYPES) == 4


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "identity"),
        ("gzip", "gzip"),
        ("deflate, gzip, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("br", "identity"),
        ("*", "zstd"),
        ("identity", "identity"),
        ("gzip;q=0.5, identity;q=0.8", "identity"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, gzip", "gzip"),
    ],
)
def test_the_coding_is_the_one_that_is_taken_most_gladly(header: str | None, coding: str | None) -> None:
    assert best_encoding(header, ("zstd", "gzip")) == coding


def test_what_is_not_packed_is_offered_as_it_is_whatever_else_is_taken() -> None:
    assert best_encoding("gzip, zstd", ()) == "identity"


def test_preferences_are_found_among_others_and_in_several_headers() -> None:
    assert prefers(["wait=10", "return=minimal, Respond-Async; x=y"], "respond-async")
    assert not prefers(["wait=10"], "respond-async")


def test_validators_are_compared_one_by_one() -> None:
    assert matches('"a", W/"b"', '"b"')
    assert matches("*", '"b"')
    assert not matches(None, '"b"')
    assert not matches('"a"', '"b"')
