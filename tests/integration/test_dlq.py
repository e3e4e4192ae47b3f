"""``python -m app dlq``: dead letters are read and submitted again from the command line."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import signal
import socket
from typing import Any

import fastavro
import pytest
from command import run_command
from harness import Platform, until
from requests_topic import dead_letter, publish

from app.avro.request import BACKTEST_REQUEST
from app.domain.dead_letters import _VALUE_ROOM

pytestmark = pytest.mark.integration

DAY = dt.date(2024, 7, 2)


def dead(platform: Platform, value: bytes | None, **how: Any) -> int:
    """Publish what is wrong; the offset of its letter."""
    return int(dead_letter(platform, publish(platform, value, **how)).offset())


def dlq(platform: Platform, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command; what it says on stderr comes last."""
    done = run_command("dlq", *arguments, KAFKA_BOOTSTRAP_SERVERS=platform.kafka)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, (done.stdout + done.stderr).decode()


def listed(platform: Platform, *arguments: str) -> list[dict[str, Any]]:
    code, output = dlq(platform, "list", "--json", *arguments)
    assert code == 0, output
    return [json.loads(line) for line in output.splitlines()]


# -- reading ----------------------------------------------------------------------------------------------------------


def test_letters_are_listed_with_the_newest_last(platform: Platform) -> None:
    offsets = [dead(platform, b"rubbish %d" % i) for i in range(3)]
    found = listed(platform, "--limit", "2")
    assert [one["offset"] for one in found] == offsets[1:]
    assert found[-1]["source_topic"] == "requests"
    assert (found[-1]["bytes"], found[-1]["truncated"], found[-1]["resubmitted"]) == (9, False, False)
    assert "neither JSON nor Avro" in found[-1]["reason"]
    assert [one["offset"] for one in listed(platform, "--limit", "1000")][-3:] == offsets

    code, table = dlq(platform, "list", "--limit", "2")
    assert code == 0
    assert f"requests@{found[-1]['source_offset']}" in table
    assert f" {offsets[0]} " not in table


def test_a_letter_is_shown_with_its_headers_and_its_json(platform: Platform) -> None:
    body = {"backtest_id": "shown", "series": [{"asset": "\x1b[31mred\x9b"}]}
    at = dead(
        platform, json.dumps(body, ensure_ascii=False).encode(), key=b"k\x1b", headers=[("who", b"\xff"), ("x", None)]
    )
    code, output = dlq(platform, "show", str(at))
    assert code == 0
    assert "\x1b" not in output
    assert "\x9b" not in output, "nothing that a terminal would obey"
    assert f"letter     requests.dlq@{at}, 20" in output
    assert "header     who = 0xff" in output
    assert "header     x = null" in output
    assert '  "backtest_id": "shown",' in output
    assert "  start: " in output


def test_a_letter_that_is_no_json_is_shown_as_bytes_and_written_as_it_is(platform: Platform) -> None:
    value = b"\x00\x7f\xff\xff\xff" + bytes(range(256)) * 20
    at = dead(platform, value)
    code, output = dlq(platform, "show", str(at))
    assert code == 0
    assert "00000000  00 7f ff ff ff 00 01" in output
    assert "1,029 bytes more" in output
    raw = run_command("dlq", "show", str(at), "--raw", KAFKA_BOOTSTRAP_SERVERS=platform.kafka)
    assert raw.stdout == value


def test_an_offset_without_a_letter_is_told(platform: Platform) -> None:
    for command in ("show", "resubmit"):
        code, output = dlq(platform, command, "99999999")
        assert (code, output.count("\n")) == (2, 1)
        assert "there is no dead letter at offset 99999999" in output


# -- submitting again -------------------------------------------------------------------------------------------------


def test_a_message_whose_schema_came_late_is_accepted_then_and_repeated_after_that(platform: Platform) -> None:
    def register(word: str) -> int:
        schema = {**BACKTEST_REQUEST, "doc": f"{word} {platform.new_id()}"}
        response = platform.http.post(
            f"{platform.registry}/subjects/late-{word}/versions", json={"schema": json.dumps(schema)}
        )
        return int(response.json()["id"])

    name = platform.new_id("late")
    out = io.BytesIO()
    series = [{"asset": "stock", "tickers": ["GE"], "schema": "eod"}]
    body = {"backtest_id": name, "start": DAY, "end": DAY, "series": series}
    fastavro.schemaless_writer(out, fastavro.parse_schema(BACKTEST_REQUEST), body)
    coming = register("first") + 1
    value = b"\x00" + coming.to_bytes(4, "big") + out.getvalue()
    at = dead(platform, value, key=b"mine", headers=[("trace", b"\x01"), ("trace", None)])
    assert register("second") == coming

    code, output = dlq(platform, "resubmit", str(at))
    assert (code, f"accepted, backtest {name}" in output) == (0, True), output
    assert platform.finished(name)["state"] == "complete"
    sent = platform.messages("requests")[-1]
    assert (sent.key(), sent.value()) == (b"mine", value)
    assert sent.headers() == [("trace", b"\x01"), ("trace", None), ("resubmitted_from", f"requests.dlq@{at}".encode())]
    assert [one["resubmitted"] for one in listed(platform) if one["offset"] == at] == [True]

    code, output = dlq(platform, "resubmit", str(at))
    assert (code, ": repeated" in output) == (0, True), output


def test_what_has_come_true_meanwhile_is_accepted_and_what_is_wrong_is_a_dead_letter_again(platform: Platform) -> None:
    topic = "stock-ko-quote-live"
    early = dead(platform, json.dumps({"unsubscribe": topic}).encode())
    wrong = dead(platform, b"[1]")
    response = platform.http.post("/live/stock", json={"tickers": ["KO"], "schema": "quote"})
    assert response.status_code == 202, response.text

    code, output = dlq(platform, "resubmit", str(early), str(wrong))
    first, second = output.splitlines()
    assert first.startswith(f"requests.dlq@{early} is requests@")
    assert first.endswith(": accepted")
    assert platform.http.get(f"/live/{topic}").status_code == 404
    assert code == 1
    new = listed(platform, "--limit", "1")[0]
    assert f": dead letter, requests.dlq@{new['offset']}: a request is a JSON object" in second
    assert (new["offset"] > wrong, new["resubmitted"]) == (True, False)


def test_all_leaves_out_what_was_submitted_already(platform: Platform) -> None:
    first, second = dead(platform, b"[1]"), dead(platform, b"[2]")
    assert dlq(platform, "resubmit", str(first))[0] == 1
    code, output = dlq(platform, "resubmit", "--all", "--since", str(first))
    places = [line.split(" ")[0] for line in output.splitlines()]
    assert code == 1
    assert places[0] == f"requests.dlq@{second}"
    assert len(places) == 2, "the second letter, and the one that the first became"
    end = listed(platform, "--limit", "1")[0]["offset"]
    assert dlq(platform, "resubmit", "--all", "--since", str(end + 1)) == (0, "there is nothing to submit again\n")


def test_a_truncated_letter_is_taken_from_its_source(platform: Platform) -> None:
    value = b"y" * 6_000_000
    at = dead(platform, value, **{"compression.type": "zstd", "message.max.bytes": 10_000_000})
    assert "truncated  value, which has 6,000,000 bytes" in dlq(platform, "show", str(at))[1]
    code, output = dlq(platform, "resubmit", str(at))
    assert (code, ": dead letter" in output) == (1, True), output
    assert platform.messages("requests")[-1].value() == value


def test_a_truncated_letter_whose_source_has_gone_is_refused(platform: Platform) -> None:
    headers: list[tuple[str, bytes | None]] = [("truncated_from", b"3000000"), ("reason", b"r"), ("errors", b"[]")]
    headers += [("source_topic", b"requests"), ("source_partition", b"0"), ("source_offset", b"88888888")]
    headers += [("source_timestamp", b"1700000000000")]
    # An end that is gone and one that never was are read alike.
    value = b"z" * _VALUE_ROOM
    at = publish(platform, value, topic="requests.dlq", headers=headers, **{"message.max.bytes": 4_000_000})
    code, output = dlq(platform, "resubmit", str(at))
    assert code == 1
    assert "it is truncated and requests@88888888 does not lie there any more" in output


def test_while_no_coordinator_decides_the_command_says_so(platform: Platform) -> None:
    at = dead(platform, b"[3]")
    before = len(platform.messages("requests.dlq"))
    coordinator = platform.pids()["coordinator"]
    assert coordinator is not None
    os.kill(coordinator, signal.SIGSTOP)
    try:
        code, output = dlq(platform, "resubmit", str(at), "--wait", "0.5")
    finally:
        os.kill(coordinator, signal.SIGCONT)
    assert (code, "not decided yet; it is on the topic" in output) == (0, True), output
    until("its decision", lambda: len(platform.messages("requests.dlq")) == before + 1)


def test_brokers_that_are_away_are_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"127.0.0.1:{taken.getsockname()[1]}"
    done = run_command("dlq", "list", KAFKA_BOOTSTRAP_SERVERS=away)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: KAFKA_BOOTSTRAP_SERVERS: no broker answers")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [[], ["3", "--all"], ["3", "--since", "2"]])
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    done = run_command("dlq", "resubmit", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: ")
