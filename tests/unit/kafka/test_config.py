"""Both Kafka clients are given the same security settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair
from confluent_kafka import Producer
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from app.kafka.config import client_config
from app.kafka.faust_credentials import faust_credentials
from app.settings import load

USER = {"kafka_sasl_username": "alice", "kafka_sasl_password": "the-word"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def client(authority: Authority) -> Pair:
    return authority.issue("client", host=None, password="key-word")


@pytest.fixture
def files(authority: Authority, client: Pair) -> dict[str, Any]:
    return {
        "kafka_ssl_ca_location": authority.certificate,
        "kafka_ssl_certificate_location": client.certificate,
        "kafka_ssl_key_location": client.key,
        "kafka_ssl_key_password": "key-word",
    }


def test_plain_text_has_none() -> None:
    config = client_config(load())
    assert config["security.protocol"] == "PLAINTEXT"
    assert not [name for name in config if name.startswith(("sasl.", "ssl."))]
    assert faust_credentials(load()) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_user_logs_in_by_every_mechanism(files: dict[str, Any], protocol: str, mechanism: str) -> None:
    tls = files if protocol == "SASL_SSL" else {}
    settings = load(kafka_security_protocol=protocol, kafka_sasl_mechanism=mechanism, **USER, **tls)
    config = client_config(settings)
    assert (config["sasl.mechanism"], config["sasl.username"], config["sasl.password"]) == (
        mechanism,
        "alice",
        "the-word",
    )
    # librdkafka itself takes it.
    Producer(config)
    credentials = faust_credentials(settings)
    assert isinstance(credentials, SASLCredentials)
    told = credentials_to_aiokafka_auth(credentials)
    assert told["security_protocol"] == protocol
    assert told["sasl_mechanism"] == mechanism
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("alice", "the-word")
    assert (told["ssl_context"] is not None) is (protocol == "SASL_SSL")


def test_a_client_shows_its_certificate(files: dict[str, Any], authority: Authority, client: Pair) -> None:
    settings = load(kafka_security_protocol="SSL", **files)
    config = client_config(settings)
    assert config["ssl.ca.location"] == str(authority.certificate)
    assert config["ssl.certificate.location"] == str(client.certificate)
    assert config["ssl.key.location"] == str(client.key)
    assert config["ssl.key.password"] == "key-word"
    assert config["ssl.endpoint.identification.algorithm"] == "https"
    Producer(config)
    credentials = faust_credentials(settings)
    assert isinstance(credentials, SSLCredentials)
    assert credentials.context.check_hostname
    assert credentials_to_aiokafka_auth(credentials)["security_protocol"] == "SSL"


def test_names_are_looked_at_by_both_or_by_none(files: dict[str, Any]) -> None:
    settings = load(kafka_security_protocol="SSL", kafka_ssl_endpoint_identification_algorithm="NONE", **files)
    assert client_config(settings)["ssl.endpoint.identification.algorithm"] == "none"
    credentials = faust_credentials(settings)
    assert isinstance(credentials, SSLCredentials)
    assert not credentials.context.check_hostname


def test_files_are_left_out_of_a_protocol_without_tls(files: dict[str, Any]) -> None:
    assert "ssl.ca.location" not in client_config(load(**files))


def test_a_file_may_be_named_from_here(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(authority.certificate.parent)
    settings = load(kafka_security_protocol="SSL", kafka_ssl_ca_location=Path(authority.certificate.name))
    assert Path(client_config(settings)["ssl.ca.location"]).exists()
