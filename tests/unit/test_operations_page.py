"""What docs/operations.md names is there: settings, metrics, alerts, commands, services, paths, sections."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml

from app.avro.files import ROOT
from app.cli import cli
from app.domain.receipt import BLOCK, BodyDigest
from app.kafka.topics import control_topics
from app.settings import ROLES, Settings
from app.web.metric_table import exported

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: Blocks of code by language, and what stands in backticks elsewhere.
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```", PAGE, flags=re.M | re.S)
SHELL = "\n".join(body for language, body in BLOCKS if language == "sh")
QUOTED = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", PAGE, flags=re.M | re.S))
COMPOSE_FILES = sorted(ROOT.glob("docker-compose*.yml"))
#: Words that are no variables of ours: Docker's, the registry's, the terminal's, HTTP's.
ELSEWHERE = {"COMPOSE_FILE", "BACKWARD", "NONE", "IMPORT", "DISCONNECTED", "UNVERIFIED", "POST"}


def _compose(path: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


COMPOSE = [_compose(path) for path in COMPOSE_FILES]
SERVICES = {name for one in COMPOSE for name in one["services"]}
PROFILES = {
    profile for one in COMPOSE for service in one["services"].values() for profile in service.get("profiles", ())
}


def _headings(name: str) -> set[str]:
    """The anchors of a page's sections, as GitHub makes them."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_to_sections_that_there_are() -> None:
    pages = ["operations.md", "operations-alerts.md", "kubernetes.md", "topics.md", "metrics.md"]
    for page in ("operations.md", "operations-alerts.md"):
        for target, anchor in re.findall(
            r"\]\(([\w.-]*)#([\w-]+)\)", (ROOT / "docs" / page).read_text(encoding="utf-8")
        ):
            assert (target or page) in pages
            assert anchor in _headings(target or page), f"{page} links to {target}#{anchor}"


def test_variables_are_settings_or_compose_has_them() -> None:
    known = {name.upper() for name in Settings.model_fields} | ELSEWHERE
    for path in (*COMPOSE_FILES, ROOT / ".env.example"):
        text = path.read_text(encoding="utf-8")
        known |= set(re.findall(r"\$\{([A-Z0-9_]+)", text))
        known |= set(re.findall(r"^\s*([A-Z0-9_]+)[:=]", text, flags=re.M))
    named = {match[1] for quoted in QUOTED if (match := re.match(r"([A-Z][A-Z0-9_]{3,})(?:=|$)", quoted))}
    assert len(named) > 30
    assert named <= known


def test_memory_and_images_are_those_of_compose() -> None:
    services = _compose(ROOT / "docker-compose.yml")["services"]
    limits = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["mem_limit"]) for name, service in services.items()}
    rows = {
        "coordinator": "768 MB",
        "history": "1 GB",
        "live": "768 MB",
        "theta-terminal": "3 GB",
        "redpanda": "2.5 GB",
        "redpanda-console": "256 MB",
        "prometheus": "512 MB",
        "grafana": "512 MB",
    }
    size = {"m": 1, "g": 1024}
    in_mb = {name: int(text[:-1]) * size[text[-1]] for name, text in limits.items()}
    for name, told in rows.items():
        number, unit = told.split()
        assert in_mb[name] == float(number) * (1024 if unit == "GB" else 1)
        assert re.search(rf"^\| .*`{name}`.* \| .*{re.escape(told)}", PAGE, flags=re.M), name
    assert sum(in_mb[name] for name in rows if name not in ("prometheus", "grafana")) == 8.25 * 1024
    assert "All limits together are 8.25 GiB" in PAGE


def test_metrics_alerts_topics_and_files_are_there() -> None:
    metrics = {one.name for role in ROLES for one in exported(role)}
    rules = yaml.safe_load((ROOT / "monitoring/prometheus/alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    for quoted in QUOTED:
        if re.fullmatch(r"fdp_\w+", quoted):
            assert quoted in metrics
        if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", quoted):
            assert quoted in alerts
        if re.fullmatch(r"(?:app|docs|schemas|monitoring|tests|bench)/[\w./*-]+", quoted):
            assert list(ROOT.glob(quoted)), f"{quoted} is not there"
        if re.fullmatch(r"docker-compose[\w.]*\.yml", quoted) and quoted != "docker-compose.override.yml":
            assert (ROOT / quoted).exists()
    index = re.findall(r"^\| \[(\w+)\]\(operations-alerts\.md#(\w+)\) \|", PAGE, flags=re.M)
    assert index == [(alert, alert.lower()) for alert in alerts]
    topics = {spec.name for spec in control_topics(Settings())}
    named = {quoted for quoted in QUOTED if quoted in topics}
    assert {
        "requests",
        "requests.dlq",
        "backtests",
        "series",
        "progress",
        "live",
        "coverage",
        "gaps",
        "workers",
    } == named


def test_sizes_of_topics_are_those_of_the_code() -> None:
    single = [spec for spec in control_topics(Settings()) if spec.partitions == 1]
    assert len(single) == 7
    assert "twice `SERIES_PARTITIONS` and seven more" in PAGE
    assert f"{2 * 16 + len(single)} with compose's 16" in PAGE
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "SERIES_PARTITIONS: ${SERIES_PARTITIONS:-16}" in text
    assert 2 * 1024**3 // 10 // (200 * 1024) == 1048
    large = {
        int(spec.config["max.message.bytes"])
        for spec in control_topics(Settings())
        if "max.message.bytes" in spec.config
    }
    assert large == {4_000_000, 2_000_000}
    assert 252 * 391 * 500 == 49_266_000


def test_http_paths_are_declared() -> None:
    paths = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["paths"]
    declared = {(method.upper(), re.sub(r"{\w+}", "{id}", path)) for path, one in paths.items() for method in one}
    found = [re.match(r"(GET|POST|PUT|DELETE) (/\S*)", quoted) for quoted in QUOTED]
    asked = [(one[1], one[2].partition("?")[0]) for one in found if one]
    assert len(asked) > 8
    assert set(asked) <= declared


def _commands(shell: str) -> Iterator[list[str]]:
    for line in shell.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if words:
            yield words


def test_commands_of_ours_are_there() -> None:
    ours = set(getattr(typer.main.get_command(cli), "commands", {}))
    lines = [*_commands(SHELL), *(quoted.split() for quoted in QUOTED)]
    asked = {words[at + 1] for words in lines for at, word in enumerate(words[:-1]) if word == "fdp"}
    assert {"status", "retry", "submit", "plan", "orphans"} <= asked <= ours
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert {words[1] for words in lines if words[0] == "make"} <= targets
    for words in lines:
        if words[:2] == ["python", "-m"]:
            assert (ROOT / (words[2].replace(".", "/") + ".py")).exists() or words[2] == "app"


@pytest.mark.parametrize(
    "words", [words for words in _commands(SHELL) if words[:2] == ["docker", "compose"]], ids=" ".join
)
def test_compose_is_asked_for_what_it_has(words: list[str]) -> None:
    verbs = {"up", "ps", "exec", "logs", "stop", "down", "build", "restart"}
    takes = {"--profile", "-f", "--scale", "--since"}
    rest, after = iter(words[2:]), None
    for word in rest:
        if word in takes:
            value = next(rest).strip("'")
            if word == "--profile":
                assert value in PROFILES or value == "*"
            elif word == "-f":
                assert (ROOT / value).exists()
            elif word == "--scale":
                assert value.partition("=")[0] in SERVICES
        elif word.startswith("-"):
            continue
        elif after is None:
            assert word in verbs
            after = word
        elif word in ("|", ">"):
            break
        else:
            assert word in SERVICES
            if after == "exec":
                break
    assert after is not None


@pytest.mark.parametrize("body", [body for language, body in BLOCKS if language == "yaml"])
def test_overrides_are_yaml_of_services_that_there_are(body: str) -> None:
    assert set(yaml.safe_load(body)["services"]) <= SERVICES


@pytest.mark.parametrize("rows", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_the_digest_on_the_page_is_that_of_receipts(rows: int) -> None:
    (code,) = [body for language, body in BLOCKS if language == "python"]
    here: dict[str, Any] = {}
    exec(code, here)
    bodies = [hashlib.md5(number.to_bytes(4, "big"), usedforsecurity=False).digest() for number in range(rows)]
    ours = BodyDigest()
    ours.update(bodies)
    assert here["digest"](b"\0\0\0\0\7" + body for body in bodies) == ours.hex()


def test_volumes_that_are_copied_are_those_of_compose() -> None:
    volumes = {
        f"{_compose(ROOT / 'docker-compose.yml')['name']}_{name}" for one in COMPOSE for name in one.get("volumes", ())
    }
    assert set(re.findall(r"\bfdp_\w+-data\b", PAGE)) == {"fdp_redpanda-data", "fdp_kafka-data"} <= volumes
    (version,) = set(
        re.findall(r"\$\{FDP_VERSION:-([\d.]+)\}", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    )
    assert set(re.findall(r"\bfdp:([\d.]+)", PAGE)) == {version}
