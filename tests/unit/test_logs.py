"""Log lines: what a library says again and again is said now and then."""

from __future__ import annotations

import logging

from app.logs import Seldom


def record(name: str, text: str, *parts: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, text, parts, None)
    made.created = at
    return made


def test_a_library_says_the_same_thing_once_in_a_while() -> None:
    seldom = Seldom("aiokafka", 10)
    said = [seldom.filter(record("aiokafka.conn", "no answer from %s", node, at=node)) for node in range(21)]
    assert [at for at, passed in enumerate(said) if passed] == [0, 10, 20]


def test_what_differs_is_said_at_once() -> None:
    seldom = Seldom("aiokafka", 10)
    assert seldom.filter(record("aiokafka.conn", "no answer", at=0))
    assert seldom.filter(record("aiokafka.conn", "closed", at=0))
    assert seldom.filter(record("aiokafka.client", "no answer", at=0))


def test_our_own_lines_are_all_said() -> None:
    seldom = Seldom("aiokafka", 10)
    assert all(seldom.filter(record("app.main", "the provider is away", at=0)) for _ in range(3))
