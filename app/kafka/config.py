"""librdkafka's view of the settings, and the one place that asks whether the brokers answer."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException
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
        config |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password.get_secret_value(),
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        config |= _tls(settings)
    return config


def reader_login(settings: Settings) -> dict[str, Any]:
    """What anybody's librdkafka client needs to reach the brokers."""
    names = ("bootstrap.servers", "security.protocol")
    return {n: v for n, v in client_config(settings).items() if n in names or n.startswith(("sasl.", "ssl."))}


def _tls(settings: Settings) -> dict[str, str]:
    files = settings.kafka_tls
    config = {"ssl.endpoint.identification.algorithm": "https" if files.check_host else "none"}
    for option, value in (
        ("ssl.ca.location", files.ca),
        ("ssl.certificate.location", files.certificate),
        ("ssl.key.location", files.key),
        ("ssl.key.password", files.password),
    ):
        if value:
            config[option] = str(value)
    return config


def check_brokers(settings: Settings, timeout: float = 10.0) -> None:
    """Raise ``SettingError`` naming the setting when no broker answers, or lets us in, within ``timeout`` seconds."""
    heard: list[KafkaError] = []
    try:
        admin = AdminClient(client_config(settings) | {"logger": _silent(), "error_cb": heard.append})
    except (KafkaException, ValueError) as error:
        raise SettingError("KAFKA_BOOTSTRAP_SERVERS", f"librdkafka does not take the settings: {error}") from None
    try:
        if admin.list_topics(timeout=timeout).brokers:
            return
    except KafkaException as error:
        heard.append(error.args[0])
    # What the connections ended with waits to be told.
    while admin.poll(0):
        pass
    raise _unreached(settings, {error.code(): error.str() for error in heard})


def _unreached(settings: Settings, heard: dict[int, str]) -> SettingError:
    """Why no broker was reached, by what librdkafka said of its connections."""
    servers = settings.kafka_bootstrap_servers
    if KafkaError._AUTHENTICATION in heard:
        who = f"{settings.kafka_sasl_username!r} by {settings.kafka_sasl_mechanism}"
        return SettingError(
            "KAFKA_SASL_PASSWORD",
            f"the brokers at {servers} do not let {who} in; correct the user, the password or the mechanism",
        )
    if KafkaError._SSL in heard:
        why = " ".join(heard[KafkaError._SSL].split())
        if "certificate verify failed" in why:
            return SettingError(
                "KAFKA_SSL_CA_LOCATION",
                f"does not vouch for the brokers at {servers}, or their certificate is for another name; name the "
                "authority that signed it, and the brokers as it does",
            )
        told = f"no TLS connection to the brokers at {servers} can be made ({why}); correct this or KAFKA_SSL_…"
        return SettingError("KAFKA_SECURITY_PROTOCOL", told)
    return SettingError(
        "KAFKA_BOOTSTRAP_SERVERS",
        f"no broker answers at {servers} (host:port) by {settings.kafka_security_protocol}; start one there or correct "
        "the setting",
    )


def _silent() -> Any:
    import logging

    logger = logging.getLogger("fdp.librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
