"""Rows are read whole or not at all, also over a connection that breaks."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from speaking import TOPIC, Said, Speaking

from app.client import BacktestCancelled, BacktestFailed, BadUse, CutOff, NotFound, Unreachable


def spring(client: Any) -> Any:
    return client.open("spring")


def offsets_asked(server: Speaking) -> list[str | None]:
    return [one.query.get("after_offset") for one in server.asked if one.path.endswith("/data")]


def test_a_series_is_a_table_with_times_in_utc(server: Speaking, use: Any) -> None:
    table = use(spring, lambda bt: bt.to_arrow())
    assert table.num_rows == 20
    assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert table["close"].to_pylist() == [100.0 + n for n in range(20)]


def test_frames_have_aware_times(server: Speaking, use: Any) -> None:
    frame = use(spring, lambda bt: bt.to_pandas())
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    assert str(use(spring, lambda bt: bt.to_polars())["timestamp"].dtype) == "Datetime(time_unit='us', time_zone='UTC')"


def test_rows_are_dicts_with_aware_times(server: Speaking, use: Any) -> None:
    rows = use(spring, lambda bt: bt.series[0].rows(limit=2))
    first = dt.datetime(2024, 1, 2, 14, 30, tzinfo=dt.UTC)
    assert rows[0] == {"symbol": "AAPL", "timestamp": first, "close": 100.0}
    assert len(rows) == 2


def test_what_is_read_is_asked_for_by_name(server: Speaking, use: Any) -> None:
    start = dt.datetime(2024, 1, 2, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    which = {"start": start, "end": dt.date(2024, 1, 3), "limit": 5, "columns": ["close"], "contract": "X"}
    use(spring, lambda bt: bt[TOPIC].rows(**which))
    (asked,) = [one for one in server.asked if one.path.endswith("/data")]
    assert asked.query == {
        "series": TOPIC,
        "format": "ndjson",
        "start": "2024-01-02T14:30:00Z",
        "end": "2024-01-03",
        "limit": "5",
        "columns": "close",
        "contract": "X",
        "follow": "true",
    }


@pytest.mark.parametrize("cut", [0, 1, 7, 250, 600, 900, 1500, 2000])
def test_arrow_that_breaks_off_is_gone_on_with(server: Speaking, use: Any, cut: int) -> None:
    server.cuts = [cut, cut + 300]
    table = use(spring, lambda bt: bt.to_arrow())
    assert table["close"].to_pylist() == [100.0 + n for n in range(20)]
    assert len(offsets_asked(server)) >= 2


def test_batches_are_handed_out_before_the_end_has_come(server: Speaking, use: Any) -> None:
    server.batch = 4
    found = use(spring, lambda bt: bt.series[0].batches())
    assert [batch.num_rows for batch in found] == [4, 4, 4, 4, 4]


def test_a_series_without_rows_is_a_table_with_its_columns(server: Speaking, use: Any) -> None:
    server.rows = 0
    table = use(spring, lambda bt: bt.to_arrow())
    assert (table.num_rows, table.schema.names) == (0, ["symbol", "timestamp", "close"])
    assert use(spring, lambda bt: bt.series[0].rows()) == []


@pytest.mark.parametrize("cut", [0, 1, 40, 83, 84, 85, 300, 1000])
def test_lines_that_break_off_are_gone_on_with_behind_the_last_whole_one(server: Speaking, use: Any, cut: int) -> None:
    server.cuts = [cut]
    rows = use(spring, lambda bt: bt.series[0].rows())
    assert [row["close"] for row in rows] == [100.0 + n for n in range(20)]


@pytest.mark.parametrize("cut", [0, 3, 24, 25, 26, 70, 400])
def test_csv_that_breaks_off_has_one_header(server: Speaking, use: Any, cut: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    use(spring, lambda bt: bt.series[0].save(path))
    whole = path.read_bytes()
    server.cuts = [cut, None, cut]
    use(spring, lambda bt: bt.series[0].save(path))
    assert path.read_bytes() == whole
    assert whole.count(b"symbol,timestamp,close\n") == 1
    assert whole.count(b"\n") == 21


def test_a_limit_counts_over_a_break(server: Speaking, use: Any) -> None:
    server.cuts = [700]
    assert len(use(spring, lambda bt: bt.series[0].rows(limit=11))) == 11
    server.cuts = [1100]
    assert use(spring, lambda bt: bt.to_arrow(limit=11)).num_rows == 11


def test_all_rows_before_the_cut_are_all_when_no_more_were_asked_for(server: Speaking, use: Any) -> None:
    server.rows, server.cuts = 5, [84 * 5]
    before = len(json.dumps({n: server.row(0)[n] for n in ("symbol", "timestamp", "close")})) + 1
    server.cuts = [before * 5]
    assert len(use(spring, lambda bt: bt.series[0].rows(limit=5))) == 5
    assert len(offsets_asked(server)) == 1


def test_a_series_that_always_breaks_off_is_given_up(server: Speaking, use: Any) -> None:
    server.cuts = [100] * 50
    with pytest.raises(CutOff, match=r"broke off 6 times after 0 rows .* read it anew"):
        use(spring, lambda bt: bt.to_arrow())
    assert len(offsets_asked(server)) == 6


@pytest.mark.parametrize("how", ["to_arrow", "rows"])
def test_rows_of_two_runs_are_never_mixed(server: Speaking, use: Any, how: str) -> None:
    server.cuts, server.runs = [1300], ["7", "8"]
    with pytest.raises(CutOff, match="is not the same any more"):
        use(spring, lambda bt: bt.to_arrow() if how == "to_arrow" else bt.series[0].rows())


def test_rows_of_a_topic_that_was_made_anew_are_never_mixed(server: Speaking, use: Any) -> None:
    server.cuts, server.topic_ids = [1300], ["one", "other"]
    with pytest.raises(CutOff, match="is not the same any more"):
        use(spring, lambda bt: bt.to_arrow())


def test_a_topic_that_was_made_anew_before_a_row_came_is_simply_read(server: Speaking, use: Any) -> None:
    server.cuts, server.topic_ids = [10], ["one", "other"]
    assert use(spring, lambda bt: bt.to_arrow()).num_rows == 20


def test_rows_of_another_backtest_under_the_same_id_are_never_mixed(server: Speaking, use: Any) -> None:
    server.cuts, server.run = [1300], None

    def read(backtest: Any) -> Any:
        server.accepted_at = "2026-02-02T00:00:00Z"
        return backtest.to_arrow()

    with pytest.raises(CutOff, match="is not the same any more"):
        use(spring, read)


@pytest.mark.parametrize(("state", "kind"), [("failed", BacktestFailed), ("cancelled", BacktestCancelled)])
def test_a_series_that_ends_while_it_is_read_raises_why(
    server: Speaking, use: Any, state: str, kind: type[Exception]
) -> None:
    server.cuts = [1000]

    def read(backtest: Any) -> Any:
        server.state, server.reason = state, "the terminal said 478"
        return backtest.to_arrow()

    with pytest.raises(kind, match=r"the terminal said 478.*is not whole") as caught:
        use(spring, read)
    assert type(caught.value) is kind


def test_a_series_that_will_not_come_raises_why(server: Speaking, use: Any) -> None:
    server.state, server.reason = "failed", "the terminal said 478"
    refusal = Said(409, {"title": "Conflict", "status": 409, "detail": "its rows will not come by waiting"})
    server.say("GET", "/backtests/spring/data", refusal)
    with pytest.raises(BacktestFailed, match="the terminal said 478"):
        use(spring, lambda bt: bt.to_arrow())


def test_a_backtest_that_is_deleted_while_it_is_read_is_not_found(server: Speaking, use: Any) -> None:
    server.cuts = [1000]

    def read(backtest: Any) -> Any:
        gone = Said(404, {"title": "Not Found", "status": 404, "detail": "there is no backtest 'spring'"})
        server.say("GET", "/backtests/spring", gone)
        return backtest.to_arrow()

    with pytest.raises(NotFound, match="there is no backtest 'spring'"):
        use(spring, read)


def test_a_coordinator_that_restarts_meanwhile_is_waited_for(server: Speaking, use: Any) -> None:
    server.cuts = [1000]

    def read(backtest: Any) -> Any:
        server.say("GET", "/backtests/spring", *[Said(503, {"title": "x", "detail": "starting"})] * 10)
        return backtest.to_arrow()

    assert use(spring, read).num_rows == 20


def test_what_is_no_arrow_is_no_coordinator(server: Speaking, use: Any) -> None:
    server.say("GET", "/backtests/spring/data", Said(body=b"<html>hello</html>"))
    with pytest.raises(CutOff, match="is no Arrow stream; is a coordinator at this address"):
        use(spring, lambda bt: bt.to_arrow())
    server.say("GET", "/backtests/spring/data", Said(404, b"<html>hello</html>"))
    with pytest.raises(Unreachable, match="answered 404 and no JSON: it is not a coordinator"):
        use(spring, lambda bt: bt.to_arrow())


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r.ndjson", "r.arrow", "r.arrows"])
@pytest.mark.parametrize("cuts", [[], [900], [900, 300, 0]])
def test_a_file_has_every_row_once_however_often_the_connection_breaks(
    server: Speaking, use: Any, tmp_path: Path, name: str, cuts: list[int | None]
) -> None:
    server.cuts = cuts
    path = tmp_path / name
    use(spring, lambda bt: bt.series[0].save(path))
    assert [row["close"] for row in _rows(path)] == [100.0 + n for n in range(20)]
    assert list(tmp_path.iterdir()) == [path]


def _rows(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".parquet":
            return list(pq.read_table(path).to_pylist())
        case ".arrow":
            return list(pa.ipc.open_file(path).read_all().to_pylist())
        case ".arrows":
            return list(pa.ipc.open_stream(path).read_all().to_pylist())
        case ".ndjson":
            return [json.loads(line) for line in path.read_text().splitlines()]
        case _:
            names, *lines = [line.split(",") for line in path.read_text().splitlines()]
            return [{**dict(zip(names, line, strict=True)), "close": float(line[2])} for line in lines]


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r.arrow"])
def test_a_file_that_cannot_be_whole_is_not_there_and_an_older_one_stays(
    server: Speaking, use: Any, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text("older")
    server.cuts = [10] * 50
    with pytest.raises(CutOff):
        use(spring, lambda bt: bt.series[0].save(path))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "older"


def test_a_file_says_its_format_by_its_name(server: Speaking, use: Any, tmp_path: Path) -> None:
    with pytest.raises(BadUse, match=r"'rows.xls' does not say which format; let it end in one of .parquet"):
        use(spring, lambda bt: bt.series[0].save(tmp_path / "rows.xls"))
    with pytest.raises(BadUse, match="cannot be written"):
        use(spring, lambda bt: bt.series[0].save(tmp_path / "no" / "rows.csv"))


def test_bytes_that_cannot_be_taken_back_are_cut_off_with_an_error(server: Speaking, use: Any) -> None:
    server.cuts = [500]
    with pytest.raises(CutOff, match="what was written is not the whole"):
        use(spring, lambda bt: bt.series[0].content("parquet"))


# -- several series ---------------------------------------------------------------------------------------------------


def _two(server: Speaking, *topics: str) -> None:
    told = server.status()
    told["series"] = [{"topic": topic, "state": "complete", "rows": 20} for topic in topics]
    server.say("GET", "/backtests/spring", Said(body=told))


def test_series_of_one_kind_are_one_table(server: Speaking, use: Any) -> None:
    _two(server, TOPIC, "stock-msft-ohlcv1m-historical-spring")
    assert use(spring, lambda bt: bt.to_arrow()).num_rows == 40
    asked = [one.query["series"] for one in server.asked if one.path.endswith("/data")]
    assert asked == [TOPIC, "stock-msft-ohlcv1m-historical-spring"]


def test_series_of_several_kinds_are_no_table(server: Speaking, use: Any) -> None:
    _two(server, TOPIC, "stock-aapl-ohlcv5m-historical-spring")
    with pytest.raises(BadUse, match=r"2 kinds \(stock-ohlcv1m, stock-ohlcv5m\).*backtest.series"):
        use(spring, lambda bt: bt.to_arrow())
    with pytest.raises(BadUse, match="has no series 'x'"):
        use(spring, lambda bt: bt["x"])
