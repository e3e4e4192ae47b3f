"""Settings: from the environment, checked, and named when they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import SettingError
from app.settings import CONCURRENCY, Settings, child_environment, load

NAMES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return


def test_the_defaults_are_those_of_the_contract() -> None:
    found = load()

    assert found.theta_url == "http://127.0.0.1:25503"
    assert found.theta_ws_url == "ws://127.0.0.1:25520/v1/events"
    assert (found.theta_tier, found.theta_wait) == ("standard", 600)
    assert (found.web_host, found.web_port) == ("127.0.0.1", 6066)
    assert found.tokens == ()


def test_the_environment_is_read_by_the_names_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("THETA_TIER", "PRO")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("WEB_PORT", "8080")
    monkeypatch.setenv("STATE_DIR", "/somewhere")
    found = load()

    assert found.kafka_bootstrap_servers == "a:1,b:2"
    assert (found.theta_tier, found.log_level, found.web_port) == ("pro", "DEBUG", 8080)
    assert found.state_dir == Path("/somewhere")


def test_what_is_told_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", "8080")

    assert load(web_port=9090).web_port == 9090


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THETA_URL", "")
    found = load()

    assert found.theta_url == "http://127.0.0.1:25503"
    assert not found.is_set("theta_url")


def test_it_is_known_which_settings_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THETA_URL", "http://127.0.0.1:25503")
    found = load(web_port=1)

    assert found.is_set("theta_url")
    assert found.is_set("web_port")
    assert not found.is_set("kafka_bootstrap_servers")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "http"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "65536"),
        ("HISTORY_WEB_PORT", "-1"),
        ("THETA_TIER", "gold"),
        ("THETA_WAIT", "-1"),
        ("THETA_WAIT", "nan"),
        ("THETA_WAIT", "soon"),
        ("THETA_URL", "127.0.0.1:25503"),
        ("THETA_URL", "ftp://127.0.0.1"),
        ("THETA_WS_URL", "http://127.0.0.1"),
        ("SCHEMA_REGISTRY_URL", "registry:8081"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SASL_MECHANISM", "OAUTH"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("APP_ID", "My App"),
        ("SERIES_PARTITIONS", "0"),
        ("REPLICATION_FACTOR", "-2"),
        ("MAVEN_URL", "file:///repo"),
        ("MAX_BODY_BYTES", "2000001"),
        ("MAX_BACKTESTS", "0"),
        ("RATE_LIMIT", "-1"),
        ("RATE_LIMIT", "inf"),
        ("KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", "maybe"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingError) as caught:
        load()
    assert caught.value.setting == name
    assert str(caught.value).startswith(f"{name}: ")
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.retriable


@pytest.mark.parametrize("name", ["theta_url", "schema_registry_url"])
@pytest.mark.parametrize("url", ["http://", "http://a:b:c", "http://127.0.0.1:99999", "http://[bad"])
def test_an_address_that_is_none_is_a_wrong_setting(name: str, url: str) -> None:
    with pytest.raises(SettingError, match=name.upper()):
        load(**{name: url})


def test_a_secret_is_shown_nowhere() -> None:
    found = load(api_tokens="uno-uno,due-due", kafka_sasl_password="tre-tre", schema_registry_basic_auth="me:quattro")

    assert all(secret not in f"{found!r} {found}" for secret in ("uno-uno", "due-due", "tre-tre", "quattro"))
    assert found.tokens == ("uno-uno", "due-due")
    for name in ("api_tokens", "kafka_sasl_password", "schema_registry_basic_auth"):
        with pytest.raises(SettingError) as caught:
            load(**{name: ["hidden"]})
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:hidden@", "ftp://me:hidden@host", "http://me:hidden@host:0"])
def test_a_wrong_address_is_shown_without_the_password_in_it(url: str) -> None:
    with pytest.raises(SettingError, match="THETA_URL") as caught:
        load(theta_url=url)
    assert "hidden" not in str(caught.value)


def test_every_secret_is_known_as_one() -> None:
    found = load(
        api_tokens="uno-uno,due-due",
        kafka_sasl_password="tre-tre",
        schema_registry_basic_auth="me:quattro",
        theta_url="http://you:cinque@host",
        theta_ws_url="ws://you:s%C3%A9i@host",
        schema_registry_url="http://you:sette@host",
    ).secrets()

    assert {"uno-uno", "due-due", "tre-tre", "me:quattro", "you:cinque", "you:séi", "you:sette"} <= set(found)


@pytest.mark.parametrize("missing", ["kafka_sasl_username", "kafka_sasl_password"])
def test_a_log_in_needs_a_user_and_a_password(missing: str) -> None:
    given = {"kafka_sasl_username": "a", "kafka_sasl_password": "b", "kafka_security_protocol": "SASL_SSL"}
    load(**given)
    with pytest.raises(SettingError, match=f"{missing.upper()}: is needed with KAFKA_SECURITY_PROTOCOL SASL_SSL"):
        load(**(given | {missing: ""}))


@pytest.mark.parametrize("name", ["kafka_ssl", "schema_registry_ssl"])
def test_tls_files_are_checked_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=f"{name.upper()}_CA_LOCATION: .*none cannot be read"):
        load(**{f"{name}_ca_location": tmp_path / "none"})
    with pytest.raises(SettingError, match=f"{name.upper()}_KEY_LOCATION: is needed"):
        load(**{f"{name}_certificate_location": tmp_path / "none"})


def test_a_file_of_tokens_must_have_one_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    with pytest.raises(SettingError, match=r"API_TOKENS_FILE: .*cannot be read"):
        load(api_tokens_file=file)
    file.write_text("# none\n")
    with pytest.raises(SettingError, match=r"API_TOKENS_FILE: .*no token"):
        load(api_tokens_file=file)
    file.write_text("uno\ndue\n")
    assert load(api_tokens_file=file).first_token() == "uno"
    assert load(api_tokens_file=file, api_tokens="tre").first_token() == "tre"
    assert load().first_token() == ""


def test_tokens_may_have_spaces_around_them_and_none_may_be_empty() -> None:
    assert load(api_tokens=" a ,, b ,").tokens == ("a", "b")
    assert load(api_tokens=" , ").tokens == ()


def test_urls_lose_their_last_slash() -> None:
    assert load(theta_url="http://127.0.0.1:1/").theta_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(("tier", "slots"), [("free", 1), ("value", 2), ("standard", 4), ("pro", 8)])
def test_the_tier_sets_the_slots(tier: str, slots: int) -> None:
    assert load(theta_tier=tier).slots == slots
    assert CONCURRENCY[tier] == slots  # type: ignore[index]


def test_every_role_has_a_port_of_its_own() -> None:
    found = load(web_port=1, history_web_port=2)

    assert (found.web_port_of("coordinator"), found.web_port_of("history")) == (1, 2)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load().web_port = 1


def test_a_child_gets_our_environment_and_the_settings_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.setenv("WEB_PORT", "1")
    found = child_environment(web_port=2, state_dir=Path("/x"))

    assert (found["SOMETHING"], found["WEB_PORT"], found["STATE_DIR"]) == ("else", "2", "/x")


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
