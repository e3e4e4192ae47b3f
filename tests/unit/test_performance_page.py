"""docs/performance.md is made of the results that are kept, and figures are told as they were measured."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from bench import scale
from bench.__main__ import PAGE, SECTIONS, kept, page, run
from bench.figures import Contestant, Figure, Section, at_least, at_most, markdown, ratio, take_turns
from bench.page import SCALE


def test_the_page_is_made_of_the_kept_results() -> None:
    assert PAGE.read_text() == page(kept()), "run python -m bench.page"
    assert SCALE.read_text() == scale.page(kept()), "run python -m bench.page"
    assert set(kept()) <= set(SECTIONS)


def test_the_model_says_what_it_was_not_given() -> None:
    assert "Not measured yet: 'scaling'" in scale.page({})


@pytest.mark.parametrize(("workers", "outstanding"), [(1, 10), (2, 20), (22, 22), (128, 128), (500, 128)])
def test_more_workers_than_the_account_allows_for_overflow_its_queue(workers: int, outstanding: int) -> None:
    assert scale._outstanding(workers, 128) == outstanding


def test_a_figure_is_its_median_held_against_its_goal() -> None:
    assert Figure("f", [1.0, 9.0, 3.0], goal=at_least(3)).met is True
    assert Figure("f", [1.0, 9.0, 2.9], goal=at_least(3)).met is False
    assert Figure("f", [1.0, 9.0, 3.0], goal=at_most(2)).met is False
    assert Figure("f", [1.0]).met is None


def test_a_ratio_is_taken_within_rounds() -> None:
    fast = Contestant("fast", "fast", [{"rows": 100, "seconds": 1.0}, {"rows": 100, "seconds": 4.0}])
    slow = Contestant("slow", "slow", [{"rows": 10, "seconds": 1.0}, {"rows": 10, "seconds": 10.0}])
    assert ratio("r", fast, slow).values == [10.0, 25.0]


def test_every_other_round_goes_the_other_way() -> None:
    calls: list[tuple[str, int]] = []

    def one(name: str, number: int) -> dict[str, float]:
        calls.append((name, number))
        return {"rows": 1, "seconds": 1.0}

    found = take_turns({name: lambda n, name=name: one(name, n) for name in "ab"}, 2, lambda _: None)
    assert calls == [("a", 0), ("b", 0), ("b", 1), ("a", 1)]
    assert {name: len(runs) for name, runs in found.items()} == {"a": 2, "b": 2}


def test_what_is_not_met_is_said_on_the_page() -> None:
    told = markdown(Section("k", "T", "text", figures=[Figure("f", [1.0, 2.0], goal=at_least(3))]).as_json())
    assert "| f | 1.5 (1 to 2) × | ≥ 3 | **not met** |" in told


def test_a_note_that_was_given_is_kept_with_the_figures_and_told_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    section = Section("history", "T", "text", notes=["what it always tells"])
    fake = SimpleNamespace(measure=lambda _quick, _say: section)
    monkeypatch.setitem(sys.modules, "bench.sections.history", fake)
    found = run("history", quick=True, notes=["another program ran"])
    assert found["notes"] == ["what it always tells", "another program ran"]
    assert "- what it always tells\n- another program ran\n" in page({"history": found})
