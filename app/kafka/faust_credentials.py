"""Faust's view of the brokers' security settings, the same as librdkafka's in config.py."""

from __future__ import annotations

import ssl

import faust
from faust.auth import SSLCredentials
from faust.types.auth import CredentialsT

from app.settings import Settings


def faust_credentials(settings: Settings) -> CredentialsT | None:
    """What Faust's clients log in with; None for plain text. Raises ``SettingError`` for files that are no use."""
    protocol = settings.kafka_security_protocol
    context: ssl.SSLContext | None = settings.kafka_tls.context() if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
