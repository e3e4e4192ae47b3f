"""What is wrong is said in one line that tells what to do, and ends the start with 2 before Java runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from terminal.errors import CannotStart
from terminal.settings import Settings
from tests.unit.terminal.conftest import API_KEY, PASSWORD, Place


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file; mount it"),
        ("", "it is empty; it must have two lines"),
        ("\n\n", "it is empty"),
        (PASSWORD, "its 1 line(s) are not an account"),
        (f"{PASSWORD}\nme@example.com", "its 2 line(s) are not an account"),
        (f"me@example.com\n\n{PASSWORD}", "its 3 line(s) are not an account"),
        (f"{API_KEY} {PASSWORD}", "its 1 line(s) are not an account"),
        (b"\xff\xfe" + PASSWORD.encode(), "it is no text"),
    ],
)
def test_a_credentials_file_that_is_missing_or_no_account(place: Place, content: str | bytes | None, said: str) -> None:
    if content is None:
        place.credentials.unlink()
    else:
        place.credentials.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = place.refused()
    assert line.startswith(f"terminal: the credentials file {place.credentials}: {said}")
    assert PASSWORD not in line
    assert API_KEY not in line


def test_a_credentials_file_or_a_jar_that_docker_made_a_folder(place: Place) -> None:
    place.jar.unlink()
    place.jar.mkdir()
    assert f"the jar {place.jar} is a folder: put the file there" in place.refused()
    place.credentials.unlink()
    place.credentials.mkdir()
    assert "it is a folder; put a file there" in place.refused()


def test_a_key_that_is_set_where_its_file_should_be_named_is_not_shown(place: Place) -> None:
    place.environment["THETA_CREDENTIALS_FILE"] = API_KEY
    line = place.refused()
    assert line == "terminal: THETA_CREDENTIALS_FILE: it must be an absolute path; set it right or leave it out"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("THETA_HEAP", "much", "THETA_HEAP=much: it must be a size such as 2g or 1536m"),
        ("THETA_HEAP", "0g", "it must be a size"),
        ("THETA_HTTP_PORT", "0", "it must be a port from 1 to 65535"),
        ("PROXY_WS_PORT", "65536", "PROXY_WS_PORT=65536: it must be a port"),
        ("THETA_HOME", "theta", "THETA_HOME=theta: it must be an absolute path"),
        ("THETA_JAR_SHA256", "abc", "it must be 64 hexadecimal digits"),
        ("THETA_JAR_URL", "http://example.com/x.jar", "it must be an https URL"),
        ("THETA_JAR_URL", "https://me:secret@example.com/x.jar", "it must be an https URL without a user"),
        ("THETA_JAR_URL", "file:///etc/passwd", "it must be an https URL"),
        ("THETA_JAR_URL", "https://[", "it must be an https URL"),
        ("THETA_STOP_SECONDS", "-1", "it must be seconds"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(name: str, value: str, said: str) -> None:
    with pytest.raises(CannotStart) as refused:
        Settings.from_environment({name: value})
    assert said in str(refused.value)


def test_two_ports_that_are_one(place: Place) -> None:
    place.environment["PROXY_WS_PORT"] = place.environment["THETA_HTTP_PORT"]
    assert f"PROXY_WS_PORT={place.http_port}: THETA_HTTP_PORT is the same port" in place.refused()


@pytest.mark.parametrize("name", ["THETA_HTTP_PORT", "THETA_WS_PORT", "PROXY_HTTP_PORT", "PROXY_WS_PORT"])
def test_a_port_in_use(place: Place, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.environment[name] = str(taken.getsockname()[1])
        running = place.start()
        assert running.ended() == 2
    said = f"terminal: {name}={place.environment[name]} is in use on 127.0.0.1: end what listens there"
    assert running.lines[-1].startswith(said)
    assert not (place.home / "told.json").exists()


def test_an_address_that_is_not_of_this_host(place: Place) -> None:
    place.environment["PROXY_HOST"] = "192.0.2.1"
    assert "cannot be bound on 192.0.2.1: Cannot assign requested address" in place.refused()


def test_no_java(place: Place) -> None:
    place.environment["THETA_JAVA"] = "no-such-java"
    assert "THETA_JAVA=no-such-java: there is no such program; install Java 21" in place.refused()


def test_a_java_that_cannot_be_started(place: Place) -> None:
    (place.folder / "java").write_bytes(b"\x7fELF not really")
    running = place.start()
    assert running.ended() == 2
    assert "cannot be started: Exec format error; name another Java by THETA_JAVA" in running.lines[-1]


def test_a_home_that_is_a_file(place: Place) -> None:
    place.home.write_text("")
    assert f"THETA_HOME={place.home} cannot be made: File exists; mount a volume there" in place.refused()


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read: No such file"), ("port =", "is no TOML")])
def test_a_config_file_that_is_missing_or_broken(place: Place, content: str | None, said: str) -> None:
    config = Path(place.environment["THETA_CONFIG_FILE"])
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    assert f"THETA_CONFIG_FILE={config} {said}" in place.refused()


def test_what_is_set_to_nothing_has_its_default() -> None:
    assert Settings.from_environment({"THETA_HEAP": "", "THETA_JAR": " "}) == Settings.from_environment({})
