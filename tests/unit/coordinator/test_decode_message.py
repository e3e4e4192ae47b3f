"""From the bytes of a message on ``requests`` to a body: JSON, or Avro in Confluent's framing."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro.encode import frame
from app.avro.request import BACKTEST_REQUEST, read_request
from app.coordinator.decode import decode_message
from app.domain.checking import parse_request
from app.errors import InvalidRequest, RegistryError

BODY = {
    "backtest_id": "spring",
    "start": "2024-01-02",
    "end": "2024-01-31",
    "series": [{"asset": "stock", "tickers": ["AAPL"]}],
}


class FakeRegistry:
    """Knows the request's schema as number 7; 8 is a record of another kind."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []

    def schema(self, schema_id: int, timeout: float) -> dict[str, Any]:
        self.asked.append((schema_id, timeout))
        if schema_id == 7:
            return BACKTEST_REQUEST
        if schema_id == 8:
            return {"type": "record", "name": "Other", "fields": [{"name": "a", "type": "string"}]}
        raise RegistryError(f"the schema registry answered 404 to /schemas/ids/{schema_id}: Schema not found")


def decoded(value: bytes | None) -> Any:
    return decode_message(value, FakeRegistry())  # type: ignore[arg-type]


def refusal(value: bytes | None) -> str:
    with pytest.raises(InvalidRequest) as caught:
        decoded(value)
    assert [problem.field for problem in caught.value.problems] == [""]
    return str(caught.value)


def in_avro() -> bytes:
    out = io.BytesIO()
    dates = {name: dt.date.fromisoformat(str(BODY[name])) for name in ("start", "end")}
    fastavro.schemaless_writer(out, fastavro.parse_schema(BACKTEST_REQUEST), {**BODY, **dates})
    return out.getvalue()


def test_json_is_read() -> None:
    assert decoded(orjson.dumps(BODY)) == BODY
    assert decoded(b' \n{"cancel": "spring"}') == {"cancel": "spring"}


def test_framed_avro_is_read_by_the_schema_it_names() -> None:
    registry = FakeRegistry()

    assert decode_message(frame(7) + in_avro(), registry) == BODY  # type: ignore[arg-type]
    assert [schema_id for schema_id, _ in registry.asked] == [7]


def test_the_registry_is_not_waited_for_long() -> None:
    registry = FakeRegistry()
    decode_message(frame(7) + in_avro(), registry)  # type: ignore[arg-type]

    assert registry.asked[0][1] <= 2.0


def test_json_needs_no_registry() -> None:
    registry = FakeRegistry()
    decode_message(orjson.dumps(BODY), registry)  # type: ignore[arg-type]

    assert registry.asked == []


@pytest.mark.parametrize("value", [None, b""])
def test_a_message_without_a_value_is_refused(value: bytes | None) -> None:
    assert "empty" in refusal(value)


@pytest.mark.parametrize(
    "value",
    [
        b"spring",
        b"{",
        b'{"a": }',
        b"{}{}",
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"{'a': 1}",
        b"\x01\x02",
        b"NaN",
        b"[" * 100000,
        b'{"a":' * 100000,
        in_avro(),
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_neither_json_nor_avro_is_refused(value: bytes) -> None:
    assert "neither JSON nor Avro" in refusal(value)


@pytest.mark.parametrize("value", [b"null", b"7", b'"spring"', b"[]", b"true", b"[{}]"])
def test_json_that_is_no_object_is_refused(value: bytes) -> None:
    assert "object" in refusal(value)


@pytest.mark.parametrize("value", [b"\x00", b"\x00\x00", b"\x00\x00\x00\x00"])
def test_a_frame_that_ends_early_is_refused(value: bytes) -> None:
    assert "5-byte frame" in refusal(value)


def test_a_schema_that_is_unknown_is_named() -> None:
    assert "schema 99 " in refusal(frame(99) + in_avro())
    assert f"schema {2**32 - 1} " in refusal(b"\x00\xff\xff\xff\xff")


def test_a_record_of_another_kind_is_refused() -> None:
    assert "not Avro of its schema" in refusal(frame(8) + b"\x02a")


@pytest.mark.parametrize("body", [b"", in_avro()[:-1], in_avro() + b"\x00", b"\xff" * 50])
def test_avro_that_is_spoiled_is_refused(body: bytes) -> None:
    refusal(frame(7) + body)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda noise: frame(7) + noise)))
def test_whatever_bytes_come_nothing_but_a_refusal_is_raised(value: bytes) -> None:
    try:
        body = decoded(value)
        parse_request(body, dt.datetime(2025, 6, 3, tzinfo=dt.UTC))
    except InvalidRequest as error:
        assert error.problems  # noqa: PT017


def written_with(**extra: Any) -> dict[str, Any]:
    """The request's schema as another producer might have it: with one more field, which nobody reads."""
    return {**BACKTEST_REQUEST, "fields": [{"name": "extra", "type": extra}, *BACKTEST_REQUEST["fields"]]}


NODE = {"type": "record", "name": "a.Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}


@pytest.mark.parametrize("depth", [1, 500, 500_000])
def test_a_type_that_contains_itself_is_not_followed_however_deep_the_bytes_go(depth: int) -> None:
    with pytest.raises(ValueError, match="more than 1000 parts"):
        read_request(b"\x02" * depth + b"\x00", written_with(**NODE))


def test_a_schema_that_grows_with_each_of_its_names_is_not_followed() -> None:
    kind: Any = {"type": "record", "name": "R0", "fields": [{"name": "a", "type": "null"}]}
    for i in range(1, 60):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"R{i - 1}"}]
        kind = {"type": "record", "name": f"R{i}", "fields": fields}
    with pytest.raises(ValueError, match="more than 1000 parts"):
        read_request(b"", written_with(**kind))


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    kind: Any = "long"
    for _ in range(3_000):
        kind = {"type": "array", "items": kind}
    with pytest.raises(ValueError, match="nested too deeply"):
        read_request(b"", written_with(**kind))


@pytest.mark.parametrize("field", [b'{"contracts": %s}', b'{"series": [{"contracts": %s}]}', b'{"subscribe": %s}'])
def test_json_that_is_nested_deeper_than_any_request_is_refused(field: bytes) -> None:
    for begin, end in ((b'{"a":', b"}"), (b"[", b"]")):
        with pytest.raises(InvalidRequest, match="nested deeper"):
            decode_message(field % (begin * 900 + b"1" + end * 900), FakeRegistry())  # type: ignore[arg-type]
