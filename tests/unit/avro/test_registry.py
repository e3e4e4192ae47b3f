"""The registry's client, against a server that speaks its API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.avro.registry import SchemaRegistry, register_all
from app.avro.request import BACKTEST_REQUEST
from app.domain.schema import RECORDS, STOCK_EOD
from app.errors import RegistryError, SettingError
from app.settings import load


class FakeRegistry:
    """Registers what it is sent; ``answers`` by path take precedence."""

    def __init__(self) -> None:
        self.subjects: dict[str, int] = {}
        self.schemas: dict[int, str] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                self.reply("POST", json.loads(content)["schema"])

            def do_GET(self) -> None:
                self.reply("GET", None)

            def reply(self, method: str, schema: str | None) -> None:
                outer.requests.append((method, self.path, {k.lower(): v for k, v in self.headers.items()}))
                status, body = outer.answers.get(self.path) or outer.answer(self.path, schema)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, schema: str | None) -> tuple[int, bytes]:
        parts = path.strip("/").split("/")
        if schema is not None:
            schema_id = self.subjects.setdefault(parts[1], len(self.subjects) + 1)
            self.schemas[schema_id] = schema
            return 200, json.dumps({"id": schema_id}).encode()
        found = self.schemas.get(int(parts[2]))
        return (404, b'{"error_code":40403}') if found is None else (200, json.dumps({"schema": found}).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    running = FakeRegistry()
    yield running
    running.close()


@pytest.fixture
def registry(server: FakeRegistry) -> Iterator[SchemaRegistry]:
    found = SchemaRegistry(load(schema_registry_url=server.url))
    yield found
    found.close()


def test_every_record_type_has_one_subject_of_its_own_name(server: FakeRegistry) -> None:
    ids = register_all(load(schema_registry_url=server.url + "/"))

    assert ids == server.subjects
    assert set(ids) == {record.name for record in RECORDS.values()} | {"BacktestRequest"}
    for record in RECORDS.values():
        assert json.loads(server.schemas[ids[record.name]]) == record.avro()
    assert json.loads(server.schemas[ids["BacktestRequest"]]) == BACKTEST_REQUEST


def test_registering_again_gives_the_same_ids(server: FakeRegistry) -> None:
    settings = load(schema_registry_url=server.url)

    assert register_all(settings) == register_all(settings)


def test_a_schema_is_fetched_once(server: FakeRegistry, registry: SchemaRegistry) -> None:
    schema_id = registry.register("StockEod", STOCK_EOD.avro())
    server.requests.clear()

    assert registry.schema(schema_id, 1.0) == registry.schema(schema_id, 1.0) == STOCK_EOD.avro()
    assert [(method, path) for method, path, _ in server.requests] == [("GET", f"/schemas/ids/{schema_id}")]


def test_a_schema_that_could_not_be_had_is_asked_for_again(server: FakeRegistry, registry: SchemaRegistry) -> None:
    with pytest.raises(RegistryError, match=r"404.*/schemas/ids/1.*40403"):
        registry.schema(1, 1.0)
    registry.register("StockEod", STOCK_EOD.avro())

    assert registry.schema(1, 1.0) == STOCK_EOD.avro()


@pytest.mark.parametrize(("auth", "header"), [("me:se:cret", "Basic bWU6c2U6Y3JldA=="), ("", None)])
def test_credentials_are_sent_where_there_are_any(server: FakeRegistry, auth: str, header: str | None) -> None:
    registry = SchemaRegistry(load(schema_registry_url=server.url, schema_registry_basic_auth=auth))
    registry.register("StockEod", STOCK_EOD.avro())
    registry.close()

    assert server.requests[0][2].get("authorization") == header


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"Internal\r\nServer Error"),
        (404, b"{}"),
        (200, b"<html>"),
        (302, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"schemaType":"PROTOBUF","schema":"syntax = 3;"}'),
        (200, b'{"schema":"\\"string\\""}'),
        (200, b'{"schema":"[]"}'),
    ],
)
def test_whatever_the_registry_answers_instead_of_a_schema_is_its_error(
    server: FakeRegistry, registry: SchemaRegistry, answer: tuple[int, bytes]
) -> None:
    server.answers["/schemas/ids/1"] = answer

    with pytest.raises(RegistryError):
        registry.schema(1, 1.0)


@pytest.mark.parametrize(
    "answer", [(409, b'{"message":"incompatible"}'), (401, b""), (200, b"{}"), (200, b"[]"), (200, b"hello")]
)
def test_a_registry_that_refuses_ends_the_start_with_its_setting(
    server: FakeRegistry, answer: tuple[int, bytes]
) -> None:
    server.answers["/subjects/StockOhlcv/versions"] = answer

    with pytest.raises(SettingError, match="SCHEMA_REGISTRY_URL") as caught:
        register_all(load(schema_registry_url=server.url))
    assert "\n" not in str(caught.value)


def test_a_registry_that_does_not_answer_ends_the_start_with_its_setting(server: FakeRegistry) -> None:
    server.close()

    with pytest.raises(SettingError, match=f"SCHEMA_REGISTRY_URL.*{server.url} does not answer"):
        register_all(load(schema_registry_url=server.url))
