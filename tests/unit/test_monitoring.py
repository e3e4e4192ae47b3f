"""The dashboard, the alerts and the page of metrics speak of metrics that there are, and of nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import pytest
import yaml

from app.avro.files import ROOT
from app.settings import ROLES, Settings
from app.web.metric_table import COORDINATOR, EVERY, HISTORY, LIBRARY, LIVE, Described, exported

MONITORING = ROOT / "monitoring"
EVERYTHING = {one.name: one for role in ROLES for one in exported(role)}
#: What Prometheus itself adds to what it scrapes.
OF_PROMETHEUS = {"up": ("job", "instance")}
SECTIONS = {
    "Every role": EVERY,
    "Coordinator": COORDINATOR,
    "History": HISTORY,
    "Live": LIVE,
    "Of the process, in every role": LIBRARY,
}


def _dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MONITORING / "grafana/dashboards/platform.json").read_text(encoding="utf-8"))
    return found


def _yaml(path: str) -> Any:
    return yaml.safe_load((MONITORING / path).read_text(encoding="utf-8"))


def _rules() -> list[dict[str, Any]]:
    return [rule for group in _yaml("prometheus/alerts.yml")["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _dashboard()["panels"] if panel["type"] != "row"]


def _expressions() -> Iterator[tuple[str, str]]:
    for panel in _panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")
    for rule in _rules():
        yield rule["alert"], rule["expr"]


def _series(name: str) -> tuple[Described | None, set[str]]:
    """The metric that a series' name belongs to, and the labels that it has."""
    target = {"job", "instance"}
    if name in EVERYTHING:
        assert EVERYTHING[name].kind != "histogram", f"{name} has no series of that name"
        return EVERYTHING[name], target | set(EVERYTHING[name].labels)
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    if base != name and base in EVERYTHING and EVERYTHING[base].kind == "histogram":
        return EVERYTHING[base], target | set(EVERYTHING[base].labels) | ({"le"} if name.endswith("_bucket") else set())
    return None, set(OF_PROMETHEUS.get(name, ()))


def _selectors(node: Any) -> Iterator[Any]:
    """Every vector selector of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs", "param"):
        if (inner := getattr(node, name, None)) is not None:
            yield from _selectors(inner)
    for inner in getattr(node, "args", None) or ():
        yield from _selectors(inner)


@pytest.mark.parametrize(("title", "text"), list(_expressions()))
def test_every_expression_asks_for_metrics_and_labels_that_there_are(title: str, text: str) -> None:
    found = list(_selectors(promql_parser.parse(text)))
    # What the walk above does not see would not be checked.
    assert {one.name for one in found} == set(re.findall(r"\b(?:fdp_\w+|process_\w+|up(?=\{))", text))
    for one in found:
        described, labels = _series(one.name)
        assert described is not None or one.name in OF_PROMETHEUS, f"there is no {one.name}"
        assert {matcher.name for matcher in one.matchers.matchers} <= labels
        # What is only ever counted up says nothing by its height.
        if described is not None and (described.kind == "counter" or "le" in labels):
            assert re.search(rf"(rate|increase)\({one.name}", text)


@pytest.mark.parametrize(("title", "text"), list(_expressions()))
def test_what_is_summed_by_is_a_label(title: str, text: str) -> None:
    for labels, rest in re.findall(r"by \(([^)]*)\)\s*(\(.*)", text):
        name = re.findall(r"fdp_\w+|process_\w+", rest)[0]
        assert set(re.split(r",\s*", labels)) <= _series(name)[1]


def test_every_metric_of_the_platform_is_on_the_dashboard_or_in_an_alert() -> None:
    seen = {name for _, text in _expressions() for name in re.findall(r"fdp_\w+", text)}
    shown = {described.name for name in seen if (described := _series(name)[0]) is not None}
    left = {name for name in EVERYTHING if name.startswith("fdp_")} - shown
    assert left == {
        "fdp_build_info",
        "fdp_check_ok",
        "fdp_coordinator_index_entries",
        "fdp_coordinator_live_gaps_open",
        "fdp_coordinator_live_topics",
        "fdp_coordinator_orphaned_topics",
        "fdp_history_index_entries",
        "fdp_live_clock_seconds",
        "fdp_python_blocks",
    }


def test_names_and_kinds_follow_the_conventions() -> None:
    for one in EVERYTHING.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", one.name)
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert not {"id", "backtest", "backtest_id", "symbol", "topic", "series", "le"} & set(one.labels)
        assert one.meaning.endswith(".")


def test_every_metric_is_on_its_page_and_no_other_is() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S))
    for title, table in SECTIONS.items():
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$", found[title], flags=re.M)
        expected = [(m.name, m.kind, ", ".join(f"`{label}`" for label in m.labels), m.meaning) for m in table]
        assert rows == expected
    # Every label is explained.
    explained = " ".join(re.findall(r"^\| (`.*?) \|", found["Labels"], flags=re.M))
    for label in {label for one in EVERYTHING.values() if one not in LIBRARY for label in one.labels}:
        assert f"`{label}`" in explained or label in ("version", "python"), f"the label {label} is not explained"


def test_each_alert_says_what_to_do_and_has_a_section() -> None:
    page = (ROOT / "docs/operations-alerts.md").read_text(encoding="utf-8")
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    assert sorted(re.findall(r"^### (\w+)$", page, flags=re.M)) == sorted(names)
    for rule in _rules():
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook"}
        assert notes["runbook"] == f"docs/operations-alerts.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("warning", "critical")
        for label in re.findall(r"\$labels\.(\w+)", notes["summary"]):
            # A label that the expression drops would be an empty word.
            dropped = "by (" in rule["expr"] and label not in re.findall(r"by \(([^)]*)\)", rule["expr"])[0]
            assert not dropped


def test_panels_stand_beside_each_other_and_explain_themselves() -> None:
    dashboard = _dashboard()
    assert dashboard["schemaVersion"] >= 39
    (variable,) = dashboard["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in _panels():
        assert panel["type"] in ("timeseries", "stat", "heatmap")
        assert panel["title"]
        assert panel["description"].endswith(".")
        unit = panel["fieldConfig"]["defaults"].get("unit") or panel["options"]["yAxis"]["unit"]
        assert unit
        assert all(one["datasource"]["uid"] == "${DS_PROMETHEUS}" for one in (panel, *panel["targets"]))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells
        taken |= cells


def test_prometheus_scrapes_each_process_of_a_role_and_knows_the_rules() -> None:
    body = _yaml("prometheus/prometheus.yml")
    assert body["rule_files"] == ["alerts.yml"]
    ports = {name: Settings.model_fields[name].default for name in ("web_port", "history_web_port", "live_web_port")}
    assert list(ports.values()) == [6066, 6067, 6068]
    # By the addresses of a name, of which there is one for each container.
    found = {one["job_name"]: one["dns_sd_configs"] for one in body["scrape_configs"]}
    assert found == {
        role: [{"names": [role], "type": "A", "port": port, "refresh_interval": "15s"}]
        for role, port in zip(ROLES, ports.values(), strict=True)
    }
    services = _compose()["services"]
    for role in ROLES:
        assert services[role]["command"] == ["worker", "--role", role]
        assert set(services[role]["networks"]) & set(services["prometheus"]["networks"])


def test_prometheus_is_given_a_token_as_the_page_says() -> None:
    text = (MONITORING / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (pattern, wanted) = re.findall(r"^sed -i 's/(.*)/(.*)/' monitoring/prometheus/prometheus.yml$", page, flags=re.M)[0]
    # The same in Python's words: a basic regular expression has its groups in escaped parentheses.
    pattern = pattern.replace(r"\(", "(").replace(r"\)", ")")
    with_token = yaml.safe_load(re.sub(pattern, wanted, text, flags=re.M))
    (file,) = {one.pop("authorization")["credentials_file"] for one in with_token["scrape_configs"]}
    assert with_token == yaml.safe_load(text)
    folder, _, secret = file.rpartition("/")
    assert folder == "/run/secrets"
    overrides = [yaml.safe_load(body) for body in re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S)]
    (override,) = [one for one in overrides if "prometheus" in one["services"]]
    assert override["services"]["prometheus"]["secrets"] == [secret]
    assert override["secrets"] == {secret: {"file": f"./secrets/{secret}"}}


def test_grafana_is_told_of_prometheus_and_of_the_folder_of_dashboards() -> None:
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    (variable,) = _dashboard()["templating"]["list"]
    # What it shows when it is opened, before anybody has chosen.
    assert variable["current"] == {"text": source["name"], "value": source["uid"]}
    assert source["jsonData"]["timeInterval"] == _yaml("prometheus/prometheus.yml")["global"]["scrape_interval"]


def test_compose_mounts_what_prometheus_and_grafana_are_told_to_read() -> None:
    services = _compose()["services"]
    (config,) = [one for one in services["prometheus"]["command"] if one.startswith("--config.file=")]
    here = _mounted("prometheus", config.partition("=")[2])
    assert here == MONITORING / "prometheus/prometheus.yml"
    for name in _yaml("prometheus/prometheus.yml")["rule_files"]:
        assert (here.parent / name).exists()
    # Where Grafana looks unless it is told otherwise.
    provisioning = _mounted("grafana", "/etc/grafana/provisioning")
    assert {path.name for path in provisioning.iterdir()} == {"dashboards", "datasources"}
    (provider,) = _yaml("grafana/provisioning/dashboards/platform.yml")["providers"]
    folder = _mounted("grafana", provider["options"]["path"])
    assert [path.name for path in folder.glob("*.json")] == ["platform.json"]
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    address = urlsplit(source["url"])
    assert address.hostname in services
    assert any(port.endswith(f":{address.port}") for port in services[address.hostname]["ports"])


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def _mounted(service: str, path: str) -> Path:
    """What lies at a path of a container, by the longest mount that holds it."""
    mounts = [volume.split(":")[:2] for volume in _compose()["services"][service]["volumes"]]
    held = [(target, source) for source, target in mounts if path == target or path.startswith(f"{target}/")]
    target, source = max(held, key=lambda one: len(one[0]))
    assert source.startswith("./"), f"{source} is no folder of the repository"
    found = ROOT / source / path.removeprefix(target).lstrip("/")
    assert found.exists(), f"{path} of {service} would be {found}"
    return found
