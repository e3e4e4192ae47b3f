"""The page on providers is held against the code: its example runs, and its file is one that is taken."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np

import app.errors
from app.avro.files import ROOT
from app.domain.plan import Chunk
from app.errors import ProviderError
from app.provider import Provider
from tests.unit.files.made import BARS, JAN_2, MOST, TRADES, Folder, column, utc

PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.M | re.S)[0]


def test_the_example_is_a_provider() -> None:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "docs/providers.md", "exec"), names)
    texts = ["2024-01-02T09:29:59", "2024-01-02T09:30", "2024-01-02T12:45", "2024-01-02T16:00", "2024-01-03T10:00"]
    times = np.array([utc(text) for text in texts])
    provider: Provider = names["Memory"]({"AAPL": (times, np.arange(5.0))})

    assert all(hasattr(provider, name) for name in vars(Provider) if not name.startswith("_"))
    assert provider.refuses(TRADES, JAN_2) is None
    assert provider.refuses(BARS, JAN_2) == "there is no stock ohlcv of AAPL in memory"
    assert column(provider.fetch(TRADES, Chunk(JAN_2, JAN_2, 1), MOST), "price") == [1.0, 2.0, 3.0]
    windows = [(dt.time(9, 30), dt.time(12, 44, 59, 999_000)), (dt.time(12, 45), dt.time(16))]
    found = [column(provider.fetch(TRADES, Chunk(JAN_2, JAN_2, 1, *hours), MOST), "price") for hours in windows]
    assert found == [[1.0], [2.0, 3.0]]


def test_the_lines_of_the_csv_are_taken_each_by_itself(folder: Folder) -> None:
    head, *lines = block("csv").splitlines()

    for line, moment in zip(lines, ("2024-01-02T09:30", "2024-01-02T09:31"), strict=True):
        folder.csv(BARS, f"{head}\n{line}\n")
        assert column(folder.fetch(BARS), "timestamp") == [utc(moment)]


def test_the_places_are_those_where_files_are_looked_for(folder: Folder) -> None:
    places = [Path(place) for place in re.findall(r"^FILES_DIR/(\S+)", PAGE, flags=re.M)]
    for place in places:
        (folder.root / place).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / place).touch()

    for topic in ("stock-aapl-ohlcv1m", "stock-brk.b-trade", "option-spxw-quote"):
        series = type(BARS).parse(f"{topic}-historical-1")
        assert folder.provider.refuses(series, JAN_2) is None
    assert len(places) == 4


def test_every_kind_of_error_of_a_provider_is_told() -> None:
    kinds = {
        name
        for name, one in vars(app.errors).items()
        if isinstance(one, type) and issubclass(one, ProviderError) and one is not ProviderError
    }
    told = set(re.findall(r"`(\w+)`", PAGE.split("| raise |")[1].split("The words are read")[0]))

    # The platform itself raises this one.
    assert kinds - told == {"ProviderChanged"}
