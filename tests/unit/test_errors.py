"""The tree of errors: all of it drawn, and each error knows whether to try again."""

from __future__ import annotations

import inspect
import re

import pytest

from app import errors
from app.errors import Conflict, FieldProblem, InvalidRequest, PlatformError, ProviderError, SettingError, TopicGone

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, PlatformError) and kind.__module__ == errors.__name__
}
PATIENCE = {
    "ProviderUnavailable": "wait",
    "ProviderBusy": "wait",
    "ProviderGlitch": "few",
    "BadTable": "few",
    "TransactionAborted": "few",
}


def test_the_tree_on_top_of_the_module_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ((?:[│├└─ ]{4})*)([A-Z]\w+)", line)
        if match:
            depth = len(match.group(1)) // 4
            above[depth:] = [match.group(2)]
            if depth:
                drawn[match.group(2)] = above[depth - 1]

    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items() if name != "PlatformError"}


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_knows_whether_to_try_again(name: str) -> None:
    error = CLASSES[name].__new__(CLASSES[name])

    assert error.patience == PATIENCE.get(name, "none")
    assert error.retriable == (name in PATIENCE)
    assert CLASSES[name].__doc__


def test_an_invalid_request_says_everything_in_one_message() -> None:
    error = InvalidRequest([FieldProblem("a", "is wrong"), FieldProblem("", "too")])

    assert str(error) == "a: is wrong; too"
    assert FieldProblem("a", "is wrong").as_json() == {"field": "a", "message": "is wrong"}
    assert FieldProblem("a", "b", ()).as_json() == {"field": "a", "message": "b", "allowed": []}
    assert InvalidRequest.of("a", "b", ("c",)).problems == [FieldProblem("a", "b", ("c",))]


def test_a_conflict_is_an_invalid_request_that_names_the_id() -> None:
    error = Conflict("spring")

    assert isinstance(error, InvalidRequest)
    assert "'spring'" in str(error)


def test_errors_carry_what_they_are_about() -> None:
    provider = ProviderError("no", status=471, url="/v3/x")

    assert (provider.status, provider.url) == (471, "/v3/x")
    assert (ProviderError("no").status, ProviderError("no").url) == (0, "")
    assert SettingError("WEB_PORT", "is wrong").setting == "WEB_PORT"
    assert TopicGone("t").topic == "t"
    assert "t" in str(TopicGone("t"))
