"""A replay that is remembered in a file goes on where it would have been."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from simulator.cli import REPLAY_BACK, WRONG_SETTING, main, remembered


def test_the_first_start_begins_some_weeks_back_and_writes_that_down(tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    date, epoch = remembered(tmp_path / "replay.json")
    assert before <= dt.datetime.fromisoformat(epoch) <= dt.datetime.now(dt.UTC)
    assert dt.date.fromisoformat(date) == dt.datetime.fromisoformat(epoch).date() - dt.timedelta(days=REPLAY_BACK)


def test_later_starts_go_on_with_it(tmp_path: Path) -> None:
    first = remembered(tmp_path / "replay.json")
    assert remembered(tmp_path / "replay.json") == first


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"date": "2024-01-02"}', '{"date": 1, "epoch": 2}', '{"date": "x", "epoch": "y"}']
)
def test_a_damaged_record_begins_anew(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "replay.json"
    file.write_text(damage, encoding="utf-8")
    date, epoch = remembered(file)
    assert json.loads(file.read_text(encoding="utf-8")) == {"date": date, "epoch": epoch}
    assert "begins anew" in capsys.readouterr().err


def test_it_goes_without_a_day_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay-file", str(tmp_path / "r.json"), "--replay", "2024-01-02"]) == WRONG_SETTING
    assert "goes without --replay" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay-file", str(tmp_path / "no" / "r.json")]) == WRONG_SETTING
    assert capsys.readouterr().err.count("\n") == 1
