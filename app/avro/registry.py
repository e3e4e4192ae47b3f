"""The schema registry, by its Confluent-compatible REST API (Confluent, Redpanda, Apicurio alike).

One subject per record type, named like it (RecordNameStrategy). Registering what is already there gives its id.
"""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from app.avro.request import BACKTEST_REQUEST
from app.domain.schema import RECORDS
from app.errors import RegistryError, SettingError
from app.security.addresses import taken_apart
from app.settings import Settings

_CONTENT = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class SchemaRegistry:
    """A client of the registry. Threads may share it."""

    def __init__(self, settings: Settings, timeout: float = 10.0) -> None:
        self.url, inside = taken_apart(settings.schema_registry_url)
        user, _, password = settings.schema_registry_basic_auth.get_secret_value().partition(":")
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            auth=(user, password) if user else inside,
            verify=settings.registry_tls.context() if self.url.startswith("https:") else True,
            trust_env=False,
        )
        self._schemas: dict[int, dict[str, Any]] = {}

    def close(self) -> None:
        self._http.close()

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        """The id of a schema under a subject, registering it if it is new. Raises ``RegistryError``."""
        body = self._call("POST", f"/subjects/{subject}/versions", {"schema": orjson.dumps(schema).decode()})
        return int(body["id"])

    def schema(self, schema_id: int, timeout: float) -> dict[str, Any]:
        """The schema under an id, from memory after the first time. Raises ``RegistryError``."""
        if schema_id not in self._schemas:
            body = self._call("GET", f"/schemas/ids/{schema_id}", None, timeout)
            try:
                found = orjson.loads(body["schema"])
            except (KeyError, TypeError, orjson.JSONDecodeError):
                raise RegistryError(f"schema {schema_id} is no Avro schema") from None
            if not isinstance(found, dict):
                raise RegistryError(f"schema {schema_id} is not a record")
            self._schemas[schema_id] = found
        return self._schemas[schema_id]

    def _call(self, method: str, path: str, body: object, timeout: float | None = None) -> dict[str, Any]:
        content = None if body is None else orjson.dumps(body)
        try:
            response = self._http.request(
                method,
                path,
                content=content,
                headers=_CONTENT if content else None,
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            )
        except httpx.TransportError as error:
            what = " ".join(str(error).split()) or type(error).__name__
            setting = "SCHEMA_REGISTRY_SSL_CA_LOCATION" if "CERTIFICATE_VERIFY" in what else "SCHEMA_REGISTRY_URL"
            raise RegistryError(f"the schema registry at {self.url} does not answer ({what})", setting) from None
        if response.status_code in (401, 403):
            raise RegistryError(
                f"the registry at SCHEMA_REGISTRY_URL, {self.url}, does not let us in ({response.status_code})",
                "SCHEMA_REGISTRY_BASIC_AUTH",
            )
        if response.status_code != 200:
            words = " ".join(response.text.split())[:300] or response.reason_phrase or "without a word"
            raise RegistryError(f"the schema registry answered {response.status_code} to {path}: {words}")
        try:
            found = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise RegistryError(f"what answers at {self.url} is not a schema registry")
        return found


def registry_login(settings: Settings) -> dict[str, str]:
    """What confluent-kafka's registry client needs to reach the registry."""
    url, inside = taken_apart(settings.schema_registry_url)
    files = settings.registry_tls
    given = {
        "basic.auth.user.info": settings.schema_registry_basic_auth.get_secret_value() or ":".join(inside or ()),
        "ssl.ca.location": str(files.ca or ""),
        "ssl.certificate.location": str(files.certificate or ""),
        "ssl.key.location": str(files.key or ""),
        "ssl.key.password": files.password,
    }
    return {"url": url, **{name: value for name, value in given.items() if value}}


def register_all(settings: Settings) -> dict[str, int]:
    """Register every record type and ``BacktestRequest``; the id of each, by name.

    Raises ``SettingError`` naming the setting when the registry does not answer or refuses a schema.
    """
    registry = SchemaRegistry(settings)
    try:
        ids = {record.name: registry.register(record.name, record.avro()) for record in RECORDS.values()}
        ids[BACKTEST_REQUEST["name"]] = registry.register(BACKTEST_REQUEST["name"], BACKTEST_REQUEST)
    except RegistryError as error:
        raise SettingError(error.setting, f"{error}; start it or correct the setting") from None
    except (KeyError, TypeError) as error:
        raise SettingError("SCHEMA_REGISTRY_URL", f"{error}; start it or correct the setting") from None
    finally:
        registry.close()
    return ids
