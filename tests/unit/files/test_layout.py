"""Where a series' files are looked for, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.series import SeriesName
from app.errors import ProviderRefused
from app.files.layout import files_of, place_of
from tests.unit.files.made import BARS, JAN_2, Folder


def touched(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("series", "place"),
    [
        (BARS, "stock/ohlcv1m/aapl"),
        (SeriesName("stock", "BRK.B", "trade", None, "1"), "stock/trade/brk.b"),
        (SeriesName("stock", "BRK/B", "eod", None, "1"), "stock/eod/brk..2fb"),
        (SeriesName("option", "SPXW", "quote", None, "1"), "option/quote/spxw"),
        (SeriesName("option", "SPXW", "quote", "1s", "1"), "option/quote1s/spxw"),
    ],
)
def test_the_place_is_spelled_as_the_topic(tmp_path: Path, series: SeriesName, place: str) -> None:
    assert place_of(tmp_path, series) == tmp_path / place


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["aapl.csv"], ["aapl.csv"]),
        (["aapl.parquet"], ["aapl.parquet"]),
        (["aapl/b.csv", "aapl/a.PARQUET", "aapl/notes.txt", "aapl/._a.csv"], ["aapl/a.PARQUET", "aapl/b.csv"]),
        (["aapl.csv", "aapl.csv.bak", "aapl.b.csv", "msft.csv"], ["aapl.csv"]),
    ],
)
def test_a_series_is_one_file_or_a_folder_of_them(tmp_path: Path, there: list[str], found: list[str]) -> None:
    folder = tmp_path / "stock" / "ohlcv1m"
    touched(folder, *there)

    assert files_of(tmp_path, BARS) == tuple(folder / name for name in found)


def test_a_symbol_that_ends_like_a_file_has_its_own_place(tmp_path: Path) -> None:
    folder = tmp_path / "stock" / "ohlcv1m"
    touched(folder, "x.csv/a.csv")

    assert files_of(tmp_path, SeriesName("stock", "X.CSV", "ohlcv", "1m", "1")) == (folder / "x.csv" / "a.csv",)
    with pytest.raises(ProviderRefused):
        files_of(tmp_path, SeriesName("stock", "X", "ohlcv", "1m", "1"))


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([], "there is no {place}.parquet, no {place}.csv and no folder {place}: put the series there"),
        (["aapl/notes.txt"], "the folder {place} has no .parquet or .csv file"),
        (["aapl.csv", "aapl.parquet"], "aapl.parquet and aapl.csv are both in {place.parent}"),
        (["aapl.csv", "aapl/a.csv"], "aapl.csv and aapl/ are both in {place.parent}"),
    ],
)
def test_a_series_without_a_file_is_refused_with_the_path(folder: Folder, there: list[str], words: str) -> None:
    place = folder.root / "stock" / "ohlcv1m" / "aapl"
    touched(place.parent, *there)

    why = folder.provider.refuses(BARS, JAN_2)

    assert why is not None
    assert words.format(place=place) in why
    with pytest.raises(ProviderRefused) as caught:
        folder.fetch(BARS)
    assert str(caught.value) == why


def test_a_series_with_a_file_is_not_refused(folder: Folder) -> None:
    touched(folder.root, "stock/ohlcv1m/aapl.csv")

    assert folder.provider.refuses(BARS, JAN_2) is None
