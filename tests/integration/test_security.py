"""Brokers behind SASL_SSL and access lists, a registry behind TLS and a password, tokens, limits; and what is secret is
shown nowhere.

A platform of its own on a broker of its own, which takes log-ins on a second listener and allows its user just what
docs/brokers.md says.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from certificates import Authority, Pair
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from harness import Platform, until, web_ports
from tls_front import behind_tls

from app.avro.files import ROOT
from app.avro.registry import registry_login
from app.errors import SettingError
from app.kafka.config import check_brokers, reader_login
from app.kafka.faust_credentials import faust_credentials
from app.local.embedded import embedded_services
from app.local.kafka import SecuredListener
from app.local.platform import LocalPlatform
from app.settings import ROLES, Settings, load
from simulator.server import Simulator

pytestmark = pytest.mark.integration

PASSWORD, SCRAM_PASSWORD, REGISTRY_PASSWORD = "sasl-Pa5s'wörd\\1", "scram-pa55word-2", "registry-pa55word-3"
KEY_PASSWORD, TERMINAL_PASSWORD, STREAM_PASSWORD = "key-pa55word-4", "terminal-pa55word-5", "stream-pa55word-6"
TOKEN, FILE_TOKEN, LATER_TOKEN, WRONG_TOKEN = "token-plain-7", "token-file-8", "token-later-9", "token-wrong-10"
WRONG_PASSWORD = "wrong-pa55word-11"
SECRETS = (
    *(PASSWORD, SCRAM_PASSWORD, REGISTRY_PASSWORD, KEY_PASSWORD, TERMINAL_PASSWORD, STREAM_PASSWORD),
    *(TOKEN, FILE_TOKEN, LATER_TOKEN, WRONG_TOKEN, WRONG_PASSWORD),
)
MOST = 2
DAY: dict[str, Any] = {"tickers": ["KO"], "start": "2024-07-02", "end": "2024-07-02", "interval": "1h"}


@dataclass
class Secured:
    """What a client needs to know of the secured services."""

    folder: Path
    authority: Authority
    settings: dict[str, Any]
    plain: str
    registry: str

    def environment(self, **changed: str) -> dict[str, str]:
        """The settings as variables, in an environment without others."""
        given = {name.upper(): str(value) for name, value in self.settings.items()}
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("KAFKA_", "SCHEMA_", "THETA_", "API_"))}
        return {**clean, **given, "STATE_DIR": str(self.folder / "unused"), **changed}


def listener(authority: Authority, pair: Pair) -> SecuredListener:
    quoted = PASSWORD.replace("\\", "\\\\")
    # The file of properties takes a backslash, and so does the text in quotes within it.
    escaped = quoted.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode().replace("\\xf6", "\\u00f6")
    login = "org.apache.kafka.common.security"
    return SecuredListener(
        "SASL_SSL",
        {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(pair.together()),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(authority.certificate),
            "ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "plain.sasl.jaas.config": f'{login}.plain.PlainLoginModule required user_alice="{escaped}";',
            "scram-sha-256.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
        },
        # Whoever comes by the plain listener, the broker itself included, is nobody in particular.
        {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        },
    )


def documented_rights() -> list[AclBinding]:
    """The access list of docs/brokers.md, and what it says a consumer needs of its group."""
    page = (ROOT / "docs/brokers.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\w+) \| `([\w.-]+)` \| (literal|prefixed) \| ([\w, ]+) \|$", page, re.M)
    assert len(lines) == 14
    lines.append(("group", "group-", "prefixed", "read"))
    return [
        AclBinding(
            ResourceType[kind.upper()],
            name,
            ResourcePatternType[pattern.upper()],
            "User:alice",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for kind, name, pattern, operations in lines
        for operation in operations.split(", ")
    ]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    server, client = authority.issue("server"), authority.issue("client", host=None, password=KEY_PASSWORD)
    (folder / "tokens").write_text(f"# ours\n\n{FILE_TOKEN}\n")
    with (
        embedded_services(folder / "services", secured=listener(authority, server)) as services,
        behind_tls(services.registry_url, server, f"carol:{REGISTRY_PASSWORD}") as registry,
    ):
        admin = AdminClient({"bootstrap.servers": services.bootstrap})
        for made in admin.create_acls(documented_rights()).values():
            made.result(30)
        settings: dict[str, Any] = {
            "kafka_bootstrap_servers": services.secured,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": "alice",
            "kafka_sasl_password": PASSWORD,
            "kafka_ssl_ca_location": authority.certificate,
            "kafka_ssl_certificate_location": client.certificate,
            "kafka_ssl_key_location": client.key,
            "kafka_ssl_key_password": KEY_PASSWORD,
            "schema_registry_url": registry,
            "schema_registry_basic_auth": f"carol:{REGISTRY_PASSWORD}",
            "schema_registry_ssl_ca_location": authority.certificate,
            "api_tokens": TOKEN,
            "api_tokens_file": folder / "tokens",
            "max_backtests": MOST,
            "rate_limit": 20,
            "log_level": "DEBUG",
        }
        yield Secured(folder, authority, settings, services.bootstrap, registry)


@pytest.fixture(scope="module")
def platform(secured: Secured, simulator: Simulator) -> Iterator[Platform]:
    """All roles, by nothing but the secured listener."""
    rest = simulator.url.replace("http://", f"http://dave:{TERMINAL_PASSWORD}@")
    stream = simulator.ws_url.replace("ws://", f"ws://erin:{STREAM_PASSWORD}@")
    settings = Settings(
        theta_url=rest,
        theta_ws_url=stream,
        theta_tier="pro",
        # The other roles log in by librdkafka.
        history_writer="batches",
        state_dir=secured.folder / "platform",
        **secured.settings,
        **web_ports(),
    )
    with (
        LocalPlatform(settings) as local,
        httpx.Client(
            base_url=local.endpoints.web, timeout=30, trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}
        ) as http,
    ):
        kafka = settings.kafka_bootstrap_servers
        logins = (reader_login(settings), registry_login(settings))
        yield Platform(local, simulator, http, kafka, secured.registry, *logins)


def test_a_backtest_runs_and_is_read_back_by_the_secured_listener(platform: Platform) -> None:
    done = platform.run(**DAY)
    (series,) = done["series"]
    rows = platform.rows(series["topic"])
    assert len(rows) == series["rows"] > 0
    assert rows[0]["symbol"] == "KO"
    deleted = platform.http.delete(f"/backtests/{done['backtest_id']}?topics=true")
    assert deleted.status_code == 202
    until("its topic to be gone", lambda: platform.http.get(f"/backtests/{done['backtest_id']}").status_code == 404)


def test_a_live_subscription_is_fed_by_the_secured_listener(platform: Platform) -> None:
    response = platform.http.post("/live/stock", json={"tickers": ["KO"], "schema": "trade"})
    assert response.status_code == 202, response.text
    topic = response.json()["series"][0]["topic"]
    until("the feed to take it", lambda: platform.http.get(f"/live/{topic}").json()["state"] == "live")
    assert platform.http.delete(f"/live/{topic}").status_code == 202


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_both_kafka_clients_log_in_by_scram(secured: Secured, mechanism: str) -> None:
    kind = ScramCredentialInfo(getattr(ScramMechanism, mechanism.replace("-", "_")), 4096)
    change = UserScramCredentialUpsertion("bob", kind, SCRAM_PASSWORD.encode())
    admin = AdminClient({"bootstrap.servers": secured.plain})
    for future in admin.alter_user_scram_credentials([change]).values():
        future.result(30)
    login = {"kafka_sasl_username": "bob", "kafka_sasl_password": SCRAM_PASSWORD, "kafka_sasl_mechanism": mechanism}
    settings = load(**(secured.settings | login))

    check_brokers(settings)
    asyncio.run(_by_aiokafka(settings))


async def _by_aiokafka(settings: Settings) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, **credentials_to_aiokafka_auth(faust_credentials(settings))
    )
    await producer.start()
    await producer.stop()


def test_a_certificate_for_another_name_is_taken_only_where_names_are_not_looked_at(secured: Secured) -> None:
    renamed = secured.settings["kafka_bootstrap_servers"].replace("127.0.0.1", "localhost")
    settings = secured.settings | {"kafka_bootstrap_servers": renamed}

    check_brokers(load(**settings, kafka_ssl_endpoint_identification_algorithm="none"))
    with pytest.raises(SettingError, match=r"KAFKA_SSL_CA_LOCATION.*another name"):
        check_brokers(load(**settings), 2)


#: What is set wrong, and the setting that has to be named.
WRONG = {
    "password": ({"KAFKA_SASL_PASSWORD": WRONG_PASSWORD}, "KAFKA_SASL_PASSWORD"),
    "user": ({"KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME"),
    "authority": ({"KAFKA_SSL_CA_LOCATION": "other.pem"}, "KAFKA_SSL_CA_LOCATION"),
    "no authority": ({"KAFKA_SSL_CA_LOCATION": "none.pem"}, "KAFKA_SSL_CA_LOCATION"),
    "key's password": ({"KAFKA_SSL_KEY_PASSWORD": WRONG_PASSWORD}, "KAFKA_SSL_KEY_PASSWORD"),
    "registry's password": ({"SCHEMA_REGISTRY_BASIC_AUTH": f"carol:{WRONG_PASSWORD}"}, "SCHEMA_REGISTRY_BASIC_AUTH"),
    "registry's authority": ({"SCHEMA_REGISTRY_SSL_CA_LOCATION": "other.pem"}, "SCHEMA_REGISTRY_SSL_CA_LOCATION"),
    "protocol": ({"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_BOOTSTRAP_SERVERS"),
}


@pytest.fixture(scope="module")
def wrong_starts(secured: Secured) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """A role started with each of them, all at once: some wait ten seconds for the broker before they give up."""
    Authority(secured.folder, "other")
    started = {
        name: subprocess.Popen(
            [sys.executable, "-m", "app", "worker", "--role", "history"],
            env=secured.environment(
                **{n: str(secured.folder / v) if v.endswith(".pem") else v for n, v in changed.items()}
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, (changed, _) in WRONG.items()
    }
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", WRONG)
def test_a_start_with_a_wrong_secret_or_authority_ends_with_one_line(
    wrong_starts: dict[str, subprocess.Popen[str]], name: str
) -> None:
    out, err = wrong_starts[name].communicate(timeout=120)
    assert wrong_starts[name].returncode == 2, err
    # Before it stand only the lines that were asked for by LOG_LEVEL.
    lines = [line for line in err.strip().splitlines() if " DEBUG " not in line]
    assert [line for line in lines if " INFO " not in line] == lines[-1:]
    assert lines[-1].startswith(f"error: {WRONG[name][1]}: ")
    assert_tells_nothing(out + err)


def test_the_registry_is_asked_by_tls_with_user_and_password(platform: Platform, secured: Secured) -> None:
    # The roles are ready, so they have registered the schemas there, where nobody else gets in.
    context = Settings(**secured.settings).registry_tls.context()
    stranger = httpx.get(f"{secured.registry}/subjects", verify=context, trust_env=False)
    assert stranger.status_code == 401
    known = httpx.get(f"{secured.registry}/subjects", verify=context, auth=("carol", REGISTRY_PASSWORD))
    assert "StockOhlcv" in known.json()


def test_tokens_of_a_file_count_and_change_while_all_roles_run(platform: Platform, secured: Secured) -> None:
    chosen = platform.local.settings
    urls = [f"http://127.0.0.1:{chosen.web_port_of(role)}/metrics" for role in ROLES]
    file = secured.folder / "tokens"

    def answers(token: str) -> set[int]:
        headers = {"Authorization": f"Bearer {token}"}
        return {platform.http.get(url, headers=headers).status_code for url in urls}

    assert answers(FILE_TOKEN) == {200}
    assert answers(WRONG_TOKEN) == {401}
    file.write_text(f"{LATER_TOKEN}\n")
    until("the new token to count", lambda: answers(LATER_TOKEN) == {200})
    assert answers(FILE_TOKEN) == {401}
    file.write_text("")

    def looked_at() -> bool:
        # It is looked at when somebody asks, and not more than once a second.
        assert answers(LATER_TOKEN) == {200}
        return all("the tokens it had before still count" in _log(secured, role) for role in ROLES)

    until("the empty file to be looked at", looked_at)
    assert answers("nothing") == {401}


def test_a_new_backtest_is_refused_while_there_are_too_many(platform: Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "KO"}, "fault": {"status": 571}}])
    ids = [platform.ask(**DAY) for _ in range(MOST)]
    refused = platform.http.post("/historical/stock", json={"backtest_id": "one-more", **DAY})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert f"{MOST} backtests" in refused.json()["detail"]
    assert "MAX_BACKTESTS" in refused.json()["detail"]
    # Who asks again for what there is makes nothing new.
    again = platform.http.post("/historical/stock", json={"backtest_id": ids[0], **DAY})
    assert again.status_code == 202
    platform.simulator.set_faults([])
    for one in ids:
        platform.finished(one)
    platform.run(**DAY)


def test_who_calls_too_often_is_told_to_wait_and_others_are_not(platform: Platform, secured: Secured) -> None:
    (secured.folder / "tokens").write_text(f"{LATER_TOKEN}\n")
    other = {"Authorization": f"Bearer {LATER_TOKEN}"}
    until("the token to count", lambda: platform.http.get("/backtests", headers=other).status_code == 200)

    def call(_: int) -> httpx.Response:
        return platform.http.post("/plan", content=b"no json", headers=other)

    def too_many() -> httpx.Response | None:
        # Several at once: on a busy machine one after another would not be too often.
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(call, range(100)))
        return next((one for one in responses if one.status_code == 429), None)

    refused = until("the limit", too_many)
    assert int(refused.headers["retry-after"]) > 0
    assert "RATE_LIMIT" in refused.json()["detail"]
    assert platform.http.get("/backtests", headers=other).status_code == 200
    assert platform.http.post("/plan", content=b"no json").status_code == 400


def test_answers_carry_what_browsers_are_to_be_told(platform: Platform) -> None:
    for response in (
        platform.http.get("/backtests"),
        platform.http.get("/nothing"),
        platform.http.get("/metrics"),
        platform.http.get("/backtests", headers={"Authorization": "Bearer no"}),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert response.headers["server"] == "fdp"
    assert platform.http.get("/backtests").headers["cache-control"] == "no-store"
    foreign = platform.http.post("/historical/stock", json=DAY, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403


def test_nothing_secret_is_in_a_log_an_answer_or_a_file_for_others(platform: Platform, secured: Secured) -> None:
    platform.run(**DAY)
    command = [sys.executable, "-m", "app", "plan", "--url", platform.local.endpoints.web, "--ticker", "KO"]
    days = ["--start", "2024-07-02", "--end", "2024-07-02"]
    told = []
    for token in (TOKEN, WRONG_TOKEN):
        done = subprocess.run(
            [*command, *days, "--token", token], env=secured.environment(), capture_output=True, text=True, check=False
        )
        told.append(done.stdout + done.stderr)
    for path in ("/backtests", "/metrics", "/health/ready", "/nothing", "/live"):
        for headers in ({}, {"Authorization": f"Bearer {WRONG_TOKEN}"}):
            response = platform.http.get(path, headers=headers)
            told.append(f"{response.headers} {response.text}".replace(f"{response.request.headers}", ""))
    told.append(platform.http.post("/historical/stock", json={**DAY, "interval": "2m"}).text)
    told += [path.read_text("utf-8") for path in (secured.folder / "platform").glob("*.json")]
    logs = {role: _log(secured, role) for role in ROLES}
    for text in (*told, *logs.values()):
        assert_tells_nothing(text)
    # They did tell all that libraries have to tell, and something was taken out.
    assert all(" DEBUG " in log for log in logs.values())
    assert re.search(r"SaslAuthenticateRequest.*alice\\x00\*\*\*", logs["coordinator"])


def _log(secured: Secured, role: str) -> str:
    return (secured.folder / "platform" / "logs" / f"{role}.log").read_text("utf-8")


def assert_tells_nothing(text: str) -> None:
    for secret in SECRETS:
        for form in (secret, repr(secret)[1:-1], repr(secret.encode())[2:-1]):
            at = text.find(form)
            assert at < 0, f"{secret} is told: …{text[max(0, at - 200) : at + 60]}…"
