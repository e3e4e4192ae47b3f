"""librdkafka's view of the settings, and the one place that asks whether the brokers answer."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from app.errors import SettingError
from app.kafka.counts import client_error
from app.settings import Settings

#: The largest message on ``requests``; control records hold a whole request and what is said about it.
MAX_REQUEST_BYTES = 2_000_000
MAX_MESSAGE_BYTES = 4_000_000


def client_config(settings: Settings) -> dict[str, Any]:
    """What every librdkafka client of the platform is given."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "client.id": settings.app_id,
        # One line from us when the brokers are away is enough; librdkafka would write one a second, past our log.
        "log_level": 2,
        "error_cb": client_error,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2000,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        if not settings.kafka_sasl_username:
            raise SettingError("KAFKA_SASL_USERNAME", f"is needed with {settings.kafka_security_protocol}")
        config |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password.get_secret_value(),
        }
    for option, path in (
        ("ssl.ca.location", settings.kafka_ssl_ca_location),
        ("ssl.certificate.location", settings.kafka_ssl_certificate_location),
        ("ssl.key.location", settings.kafka_ssl_key_location),
    ):
        if path is not None:
            config[option] = str(path)
    return config


def check_brokers(settings: Settings, timeout: float = 10.0) -> None:
    """Raise ``SettingError`` naming the setting when no broker answers within ``timeout`` seconds."""
    try:
        admin = AdminClient(client_config(settings) | {"logger": _silent()})
    except (KafkaException, ValueError) as error:
        raise SettingError("KAFKA_BOOTSTRAP_SERVERS", f"librdkafka does not take the settings: {error}") from None
    try:
        if admin.list_topics(timeout=timeout).brokers:
            return
    except KafkaException:
        pass
    raise SettingError(
        "KAFKA_BOOTSTRAP_SERVERS",
        f"no broker answers at {settings.kafka_bootstrap_servers} (host:port); start one there or correct the setting",
    )


def _silent() -> Any:
    import logging

    logger = logging.getLogger("fdp.librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
