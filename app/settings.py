"""The settings of every process, from the environment; see the table in the README.

Names in the environment are those of the fields in capitals. A wrong value raises ``SettingError`` that
names the setting; nothing else of the platform reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingError
from app.security.addresses import shown, taken_apart
from app.security.redaction import hide
from app.security.tls import TlsFiles
from app.security.tokens import read_tokens

Tier = Literal["free", "value", "standard", "pro"]
Role = Literal["coordinator", "history", "live"]
ROLES: tuple[Role, ...] = ("coordinator", "history", "live")

#: Requests that the provider's account may have running at once, by tier (vendor page "Concurrent Requests").
CONCURRENCY: Mapping[Tier, int] = {"free": 1, "value": 2, "standard": 4, "pro": 8}


class Settings(BaseSettings):
    """All settings. Frozen: what a process started with is what it runs with."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, `host:port,host:port`.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, with a SASL protocol."
    )
    kafka_sasl_username: str = Field("", description="SASL user name.")
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="SASL password.")
    kafka_ssl_ca_location: Path | None = Field(None, description="PEM file of the authority that signed the brokers.")
    kafka_ssl_certificate_location: Path | None = Field(None, description="PEM file of the client's certificate.")
    kafka_ssl_key_location: Path | None = Field(None, description="PEM file of the client's key.")
    kafka_ssl_key_password: SecretStr = Field(SecretStr(""), description="Password of that key, if it has one.")
    kafka_ssl_endpoint_identification_algorithm: Literal["https", "none"] = Field(
        "https", description="`https`: a broker's certificate must be for the name it is reached by; `none`: any name."
    )
    schema_registry_url: str = Field("http://127.0.0.1:8081", description="Confluent-compatible schema registry.")
    schema_registry_basic_auth: SecretStr = Field(SecretStr(""), description="`user:password` for the registry.")
    schema_registry_ssl_ca_location: Path | None = Field(
        None, description="PEM file of the authority that signed the registry; default: the system's authorities."
    )
    schema_registry_ssl_certificate_location: Path | None = Field(
        None, description="PEM file of the client's certificate for the registry."
    )
    schema_registry_ssl_key_location: Path | None = Field(None, description="PEM file of that certificate's key.")
    schema_registry_ssl_key_password: SecretStr = Field(
        SecretStr(""), description="Password of that key, if it has one."
    )
    theta_url: str = Field("http://127.0.0.1:25503", description="Theta Terminal's REST API.")
    theta_ws_url: str = Field("ws://127.0.0.1:25520/v1/events", description="Theta Terminal's WebSocket.")
    theta_tier: Tier = Field(
        "standard",
        description="The account's highest tier: `free`, `value`, `standard` or `pro`; sets the request slots.",
    )
    theta_wait: float = Field(600, ge=0, description="Seconds a series waits for a terminal that does not answer.")
    data_provider: Literal["thetadata", "files"] = Field(
        "thetadata", description="Where historical data comes from: Theta Terminal, or the files in `FILES_DIR`."
    )
    files_dir: Path | None = Field(
        None, validate_default=True, description="Folder of the user's own data, with `DATA_PROVIDER` `files`."
    )
    web_host: str = Field("127.0.0.1", description="Address the web servers listen on.")
    web_names: str = Field(
        "",
        description="Names, comma-separated, by which a server that listens on this machine alone and asks for no "
        "token may be called beside `localhost`.",
    )
    web_port: int = Field(6066, ge=1, le=65535, description="Port of the coordinator's web server.")
    history_writer: Literal["messages", "batches"] = Field(
        "messages",
        description="How history is produced: as `messages`, one by one, by confluent-kafka; or as record `batches` "
        "made of whole columns, by aiokafka: more rows a second for less processor time.",
    )
    history_web_port: int = Field(6067, ge=1, le=65535, description="Port of the history role's probes and metrics.")
    live_web_port: int = Field(6068, ge=1, le=65535, description="Port of the live role's probes and metrics.")
    live_retain_days: int = Field(
        30, ge=1, le=36_500, description="Days after which live topics are trimmed, by the platform's own clock."
    )
    state_dir: Path = Field(Path(".fdp"), description="Folder of local mode: logs, topics, endpoints.json.")
    jars_dir: Path | None = Field(
        None, description="Cache of local mode's Kafka and registry; default: `fdp/jars` in the user's cache folder."
    )
    maven_url: str | None = Field(
        None, pattern=r"^https?://", description="Maven repository to fetch those from; default: Maven Central."
    )
    api_tokens: SecretStr = Field(SecretStr(""), description="Bearer tokens, comma-separated; empty: no token asked.")
    api_tokens_file: Path | None = Field(
        None, description="File of more bearer tokens, one a line; read again when it changes."
    )
    max_body_bytes: int = Field(
        1_048_576, ge=1024, le=2_000_000, description="Bytes that the body of a request over HTTP may have."
    )
    max_backtests: int = Field(
        10_000, ge=1, description="Backtests that may be accepted or running before a POST of a new one is refused."
    )
    data_streams: int = Field(
        16,
        ge=1,
        le=1000,
        description="Answers with rows that may be read from the brokers at once; others wait or get a 503.",
    )
    rate_limit: float = Field(
        500,
        ge=0,
        allow_inf_nan=False,
        description="Calls a second that make work (POST, PUT, DELETE) for each client, ten times as many at once; "
        "0: no limit.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text or as JSON objects.")
    app_id: str = Field("fdp", pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="Prefix of group and transaction ids.")
    series_partitions: int = Field(
        128, ge=1, le=1000, description="Partitions of `series` and `progress`, when they are first made."
    )
    replication_factor: int = Field(
        -1, ge=-1, le=9, description="Replicas of every topic the platform makes; -1: the broker's default."
    )

    fdp_instance: str = Field(
        "", description="Set by local mode, which knows its own processes by it; told by the probes."
    )

    @field_validator("theta_url", "schema_registry_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return _checked(url).rstrip("/")

    @field_validator("theta_ws_url")
    @classmethod
    def _ws(cls, url: str) -> str:
        if not url.startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return _checked(url)

    @field_validator("kafka_security_protocol", "log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator(
        "theta_tier", "log_format", "data_provider", "kafka_ssl_endpoint_identification_algorithm", mode="before"
    )
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("files_dir")
    @classmethod
    def _folder(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("data_provider") != "files":
            return folder
        if folder is None:
            raise ValueError("DATA_PROVIDER is files and no folder is named; set it to the folder of the data")
        folder = folder.expanduser().absolute()
        if not folder.is_dir():
            raise ValueError("is no folder; name the one with the data")
        return folder

    @property
    def slots(self) -> int:
        """Requests that the account may have running at once."""
        return CONCURRENCY[self.theta_tier]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The bearer tokens of ``API_TOKENS``; those of ``API_TOKENS_FILE`` may change while a process runs."""
        return tuple(t for t in (part.strip() for part in self.api_tokens.get_secret_value().split(",")) if t)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of ``WEB_NAMES``."""
        return tuple(name for name in (part.strip().lower() for part in self.web_names.split(",")) if name)

    def first_token(self) -> str:
        """The token that a client of ours sends; empty when none is set. Raises ``SettingError``."""
        return next(iter((*self.tokens, *(_tokens_in(self.api_tokens_file) if self.api_tokens_file else ()))), "")

    @property
    def kafka_tls(self) -> TlsFiles:
        """The TLS client of the brokers."""
        return TlsFiles(
            "KAFKA_SSL",
            self.kafka_ssl_ca_location,
            self.kafka_ssl_certificate_location,
            self.kafka_ssl_key_location,
            self.kafka_ssl_key_password.get_secret_value(),
            self.kafka_ssl_endpoint_identification_algorithm == "https",
        )

    @property
    def registry_tls(self) -> TlsFiles:
        """The TLS client of the schema registry."""
        return TlsFiles(
            "SCHEMA_REGISTRY_SSL",
            self.schema_registry_ssl_ca_location,
            self.schema_registry_ssl_certificate_location,
            self.schema_registry_ssl_key_location,
            self.schema_registry_ssl_key_password.get_secret_value(),
        )

    def secrets(self) -> list[str]:
        """Everything in the settings that nobody may be shown; tokens one by one."""
        values = [getattr(self, name) for name in type(self).model_fields]
        hidden = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        urls = (self.theta_url, self.theta_ws_url, self.schema_registry_url, self.maven_url or "")
        inside = [":".join(found) for url in urls if (found := taken_apart(url)[1]) is not None]
        return [secret for secret in (*hidden, *inside, *self.tokens) if secret]

    def web_port_of(self, role: Role) -> int:
        match role:
            case "coordinator":
                return self.web_port
            case "history":
                return self.history_web_port
            case "live":
                return self.live_web_port

    def is_set(self, name: str) -> bool:
        """Whether a setting was given, rather than left at its default."""
        return name in self.model_fields_set


def _checked(url: str) -> str:
    parts = urlsplit(url)
    # Looking at the port checks it.
    if not parts.hostname or parts.port == 0:
        raise ValueError("names no host")
    return url


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; ``overrides`` (by field name) win over it. What is secret in them no log
    of this process shows from then on.

    Raises ``SettingError`` naming the first setting that is wrong.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        secret = name.endswith(("PASSWORD", "TOKENS", "AUTH"))
        given = first.get("input")
        given = shown(given) if isinstance(given, str) else given
        told = "" if secret or given is None else f", got {given!r}"
        raise SettingError(name, f"{first['msg'].removeprefix('Value error, ')}{told}") from None
    hide(settings.secrets())
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    """Raise ``SettingError`` for what is wrong only beside another setting, or in a file."""
    protocol = settings.kafka_security_protocol
    if protocol.startswith("SASL"):
        for name in ("kafka_sasl_username", "kafka_sasl_password"):
            value = getattr(settings, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                raise SettingError(name.upper(), f"is needed with KAFKA_SECURITY_PROTOCOL {protocol}")
    for files in (settings.kafka_tls, settings.registry_tls):
        if files.given:
            files.context()
    if settings.api_tokens_file is not None:
        hide(_tokens_in(settings.api_tokens_file))


def _tokens_in(file: Path) -> tuple[str, ...]:
    try:
        return read_tokens(file)
    except OSError as error:
        raise SettingError("API_TOKENS_FILE", f"{file} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingError("API_TOKENS_FILE", f"{file} {error}; write one a line") from None


def child_environment(**values: object) -> dict[str, str]:
    """The environment for a child process: ours, with the given settings (by field name) put over it."""
    return {**os.environ, **{name.upper(): str(value) for name, value in values.items()}}
