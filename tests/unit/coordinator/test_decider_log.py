"""A log of requests that was made anew beside older decisions is not decided on."""

from __future__ import annotations

import pytest

from app.coordinator.decider import _check_same_log, _check_understood
from app.errors import LogError


@pytest.mark.parametrize(("decided", "end"), [(-1, 0), (-1, 5), (4, 5), (4, 9)])
def test_a_log_that_reaches_beyond_what_was_decided_goes_on(decided: int, end: int) -> None:
    _check_same_log(decided, end)


@pytest.mark.parametrize(("decided", "end"), [(0, 0), (4, 4), (4, 0)])
def test_a_log_that_ends_before_is_another_one(decided: int, end: int) -> None:
    with pytest.raises(LogError, match=rf"ends at offset {end}, and offset {decided} was decided"):
        _check_same_log(decided, end)


def test_a_backtest_of_a_later_version_keeps_an_older_coordinator_from_deciding() -> None:
    _check_understood(None)
    with pytest.raises(LogError, match=r"backtest spring was asked for .* upgrade this coordinator"):
        _check_understood("spring")
