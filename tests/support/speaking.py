"""A small HTTP server that speaks as a coordinator does of one series, and breaks connections where it is told to."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

TOPIC = "stock-aapl-ohlcv1m-historical-spring"
ACCEPTED = "2026-01-02T03:04:05Z"
_SCHEMA = pa.schema([("symbol", pa.string()), ("timestamp", pa.timestamp("us", tz="UTC")), ("close", pa.float64())])


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Said:
    """What is answered. ``cut``: the connection is closed without the end of it."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] | None = None
    cut: bool = False


@dataclass
class Speaking:
    """``rows`` of the series; ``cuts``: for each answer with rows how many bytes of it are sent, None for all of it;
    ``said`` goes before everything, by method and path, first come first served."""

    url: str
    rows: int = 20
    cuts: list[int | None] = field(default_factory=list)
    run: str | None = "7"
    topic_ids: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    state: str = "complete"
    reason: str | None = None
    accepted_at: str = ACCEPTED
    batch: int = 3
    said: list[tuple[str, str, Said]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def say(self, method: str, path: str, *answers: Said) -> None:
        self.said += [(method, path, answer) for answer in answers]

    def status(self) -> dict[str, Any]:
        one: dict[str, Any] = {"topic": TOPIC, "state": self.state, "rows": self.rows}
        if self.reason:
            one["reason"] = self.reason
        return {
            "backtest_id": "spring",
            "state": self.state,
            "accepted_at": self.accepted_at,
            "progress": {"rows": self.rows, "chunks_done": 1, "chunks_total": 1, "eta_seconds": None},
            "series": [one],
            "receipts": [],
        }

    def row(self, number: int) -> dict[str, Any]:
        """Rows lie at offsets with holes between them, as transaction markers make them."""
        stamp = f"2024-01-02T14:{30 + number // 60:02d}:{number % 60:02d}.000000Z"
        return {"symbol": "AAPL", "timestamp": stamp, "close": 100.0 + number, "_offset": number + number // 4}

    def answer(self, asked: Asked) -> Said:
        for index, (method, path, said) in enumerate(self.said):
            if (method, path) == (asked.method, asked.path):
                del self.said[index]
                return said
        if asked.path == "/backtests/spring/data":
            return self._data(asked.query)
        if asked.path in ("/backtests", "/backtests/spring"):
            return Said(body=self.status())
        return Said(404, {"title": "Not Found", "status": 404, "detail": f"there is nothing at {asked.path}"})

    def _data(self, query: dict[str, str]) -> Said:
        after = int(query.get("after_offset", "-1"))
        rows = [row for row in map(self.row, range(self.rows)) if row["_offset"] > after]
        rows = rows[: int(query["limit"])] if "limit" in query else rows
        names = query["columns"].split(",") if "columns" in query else ["symbol", "timestamp", "close"]
        form = query["format"]
        content = _encoded(form, rows, names, self.batch)
        run = self.runs.pop(0) if self.runs else self.run
        cut = self.cuts.pop(0) if self.cuts else None
        headers = {"Content-Type": "application/octet-stream"} | ({"FDP-Run": run} if run is not None else {})
        if self.topic_ids:
            headers["FDP-Topic-Id"] = self.topic_ids.pop(0)
        return Said(headers=headers, pieces=[content if cut is None else content[:cut]], cut=cut is not None)


def _encoded(form: str, rows: list[dict[str, Any]], names: list[str], size: int) -> bytes:
    if form == "ndjson":
        return "".join(json.dumps({name: row[name] for name in names}) + "\n" for row in rows).encode()
    if form == "csv":
        return "\n".join([",".join(names), *(",".join(str(row[n]) for n in names) for row in rows), ""]).encode()
    table = pa.table(
        {
            "symbol": [row["symbol"] for row in rows],
            "timestamp": pa.array([row["timestamp"][:-1] for row in rows])
            .cast(pa.timestamp("us"))
            .cast(_SCHEMA.field(1).type),
            "close": [row["close"] for row in rows],
        },
        schema=_SCHEMA,
    )
    sink = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, sink)
        return sink.getvalue()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        for at in range(0, len(rows), size):
            last = rows[at : at + size][-1]["_offset"]
            batch = table.slice(at, size).combine_chunks().to_batches()[0]
            writer.write_batch(batch, custom_metadata={"last_offset": str(last)})
    return sink.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    speaking: Speaking

    def _all(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(self.command, parts.path, query, {k.lower(): v for k, v in self.headers.items()}, body)
        self.speaking.asked.append(asked)
        said = self.speaking.answer(asked)
        pieces = said.pieces
        if pieces is None:
            pieces = [said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()]
        if said.status == 0:
            self.close_connection = True
            return
        self.send_response(said.status)
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **said.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
        if said.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = _all  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """That a client has gone away is no news."""


@contextmanager
def speaking_server() -> Iterator[Speaking]:
    """The server on a port of its own."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    speaking = Speaking(f"http://127.0.0.1:{server.server_address[1]}")
    handler.speaking = speaking  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield speaking
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
