"""The manifests in ``kubernetes/`` are valid, agree with the settings and the roles, and hold no secret."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import promql_parser
import pytest
import yaml
from pydantic import SecretStr

from app.avro.files import ROOT
from app.history.runner import MAX_RUNNING
from app.security.addresses import taken_apart
from app.settings import CONCURRENCY, ROLES, Role, Settings
from app.web.metric_table import exported

BASE = ROOT / "kubernetes" / "base"
EXAMPLES = ROOT / "kubernetes" / "examples"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
#: The oldest version that the page promises, and the newest that is known.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
TERMINAL = "theta-terminal"
COMPONENT = "app.kubernetes.io/component"

Object = dict[str, Any]


def _all(path: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


KUSTOMIZATION: Object = _all(BASE / "kustomization.yaml")[0]
OBJECTS = [one for path in sorted(BASE.glob("*.yaml")) if path.name != "kustomization.yaml" for one in _all(path)]


def _of(kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] == kind}


DEPLOYMENTS = _of("Deployment")
PODS = {name: one["spec"]["template"] for name, one in DEPLOYMENTS.items()}


def _container(name: str) -> Object:
    (only,) = PODS[name]["spec"]["containers"]
    found: Object = only
    return found


def _settings(kustomization: Object = KUSTOMIZATION) -> dict[str, str]:
    (settings,) = kustomization["configMapGenerator"]
    assert settings["name"] == "fdp-settings"
    pairs = [literal.split("=", 1) for literal in settings["literals"]]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _checked(values: Mapping[str, str]) -> Settings:
    """The settings that these variables give; all of them must be settings, and none a secret."""
    for name, value in values.items():
        assert name.lower() in Settings.model_fields, f"there is no setting {name}"
        assert name == name.upper()
        assert not _secret(name), f"{name} belongs into a Secret"
        assert taken_apart(value)[1] is None, f"{name} holds a password"
    return Settings(**{name.lower(): value for name, value in values.items()})  # type: ignore[arg-type]


def _secret(name: str) -> bool:
    return Settings.model_fields[name.lower()].annotation is SecretStr


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches, as the API does it; only the operator that is used here."""
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def _selected(selector: Object) -> set[str]:
    assert selector.get("matchLabels") or selector.get("matchExpressions")
    return {name for name, pod in PODS.items() if _selects(selector, pod["metadata"]["labels"])}


def _bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) << {"Mi": 20, "Gi": 30}[unit]


def _port(name: str, port: str) -> int:
    found = {one["name"]: one["containerPort"] for one in _container(name)["ports"]}
    return int(found[port])


def test_the_base_lists_exactly_the_files_that_are_there() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(
        p.name for p in BASE.iterdir() if p.name != "kustomization.yaml"
    )
    assert KUSTOMIZATION["kind"] == "Kustomization"
    assert "namespace" not in KUSTOMIZATION
    assert set(DEPLOYMENTS) == {*ROLES, TERMINAL}
    names = [(one["kind"], one["metadata"]["name"]) for one in OBJECTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_object_is_valid(one: Object, version: str) -> None:
    assert kubernetes_validate.validate(one, version, strict=True) == ".".join(version.split(".")[:2])


def test_the_checker_refuses_what_it_does_not_know() -> None:
    wrong = {**DEPLOYMENTS["live"], "spec": {**DEPLOYMENTS["live"]["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_images_have_the_version_of_the_project_and_no_tag_of_their_own() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert KUSTOMIZATION["images"] == [{"name": name, "newTag": version} for name in ("fdp", "fdp-terminal")]
    assert {name: _container(name)["image"] for name in PODS} == {
        **dict.fromkeys(ROLES, "fdp"),
        TERMINAL: "fdp-terminal",
    }
    assert not any(pod["spec"].get("initContainers") for pod in PODS.values())


def test_what_is_no_secret_is_set_once_and_takes_effect() -> None:
    settings = _checked(_settings())
    assert settings.web_host == "0.0.0.0"
    assert settings.log_format == "json"
    # The probes and Services go by the ports that are the default.
    assert not {"WEB_PORT", "HISTORY_WEB_PORT", "LIVE_WEB_PORT"} & set(_settings())
    defaults = Settings.model_fields
    for url, port, default in (
        (settings.theta_url, "http", defaults["theta_url"].default),
        (settings.theta_ws_url, "ws", defaults["theta_ws_url"].default),
    ):
        parts = urlsplit(url)
        assert (parts.scheme, parts.hostname, parts.port) == (port, TERMINAL, _port(TERMINAL, port))
        assert parts.path == urlsplit(default).path


@pytest.mark.parametrize("name", PODS)
def test_variables_are_settings_and_secrets_come_by_reference(name: str) -> None:
    container = _container(name)
    if name == TERMINAL:
        assert all(one["name"].startswith("THETA_") for one in container.get("env", []))
        assert "envFrom" not in container
        return
    assert container["envFrom"] == [{"configMapRef": {"name": "fdp-settings"}}]
    for one in container["env"]:
        assert set(one) == {"name", "valueFrom"}, f"{one['name']} is written down"
        assert one["name"].lower() in Settings.model_fields
        assert one["valueFrom"] == {"secretKeyRef": {"name": "fdp-secrets", "key": one["name"], "optional": True}}
    # Every secret there is, and the user's name, which is kept beside his password.
    secrets = {field.upper() for field in Settings.model_fields if _secret(field)}
    assert sorted(one["name"] for one in container["env"]) == sorted({*secrets, "KAFKA_SASL_USERNAME"})


def test_nothing_here_makes_a_secret() -> None:
    assert not _of("Secret")
    assert "secretGenerator" not in KUSTOMIZATION
    volumes = [(name, one) for name, pod in PODS.items() for one in pod["spec"]["volumes"] if "secret" in one]
    assert {(name, one["secret"]["secretName"], one["secret"].get("optional", False)) for name, one in volumes} == {
        *((role, "fdp-tls", True) for role in ROLES),
        (TERMINAL, "theta-credentials", False),
    }
    for name, one in volumes:
        # Readable by the group, which the process is of.
        assert one["secret"]["defaultMode"] == 0o440
        assert PODS[name]["spec"]["securityContext"]["fsGroup"] == 10001


@pytest.mark.parametrize("role", ROLES)
def test_a_role_runs_what_its_name_says_on_its_port(role: Role) -> None:
    container = _container(role)
    assert container["name"] == role
    assert "command" not in container
    assert container["args"] == ["worker", "--role", role]
    (port,) = container["ports"]
    field = "web_port" if role == "coordinator" else f"{role}_web_port"
    assert port == {"name": "http", "containerPort": Settings.model_fields[field].default}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_waits_for_its_brokers_is_not_killed(role: Role) -> None:
    container = _container(role)
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["httpGet"] for name, probe in probes.items()} == {
        "startup": {"path": "/health/live", "port": "http"},
        "readiness": {"path": "/health/ready", "port": "http"},
        "liveness": {"path": "/health/live", "port": "http"},
    }
    lasts = {name: probe["periodSeconds"] * probe["failureThreshold"] for name, probe in probes.items()}
    assert lasts["startup"] >= 300
    # A rebalance may take ten seconds and makes all of a role unready at once.
    assert 10 < lasts["readiness"] < lasts["liveness"]
    assert PODS[role]["spec"]["terminationGracePeriodSeconds"] == 30


def test_the_terminal_has_ten_minutes_to_log_in() -> None:
    container = _container(TERMINAL)
    for name in ("startup", "readiness", "liveness"):
        assert container[f"{name}Probe"]["exec"] == {"command": ["python", "-m", "terminal", "health"]}
    for name in ("startup", "liveness"):
        probe = container[f"{name}Probe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 600


def test_the_terminal_is_never_there_twice_and_keeps_its_folder() -> None:
    spec = DEPLOYMENTS[TERMINAL]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert not any(one["spec"]["scaleTargetRef"]["name"] == TERMINAL for one in _of("HorizontalPodAutoscaler").values())
    mounts = {one["mountPath"]: one for one in _container(TERMINAL)["volumeMounts"]}
    volumes = {one["name"]: one for one in PODS[TERMINAL]["spec"]["volumes"]}
    claim = volumes[mounts["/var/lib/theta"]["name"]]["persistentVolumeClaim"]["claimName"]
    assert claim in _of("PersistentVolumeClaim")
    credentials = mounts["/run/secrets/theta_credentials"]
    assert (credentials["subPath"], credentials["readOnly"]) == ("theta_credentials", True)
    assert volumes[credentials["name"]]["secret"]["secretName"] == "theta-credentials"


def test_roles_are_replaced_without_being_away() -> None:
    for role in ROLES:
        spec = DEPLOYMENTS[role]["spec"]
        assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        assert spec["minReadySeconds"] >= 10
    assert {role: DEPLOYMENTS[role]["spec"].get("replicas") for role in ROLES} == {
        "coordinator": 2,
        # The autoscaler's.
        "history": None,
        "live": 2,
    }


@pytest.mark.parametrize("name", PODS)
def test_processes_may_do_no_more_than_they_must(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(pod)
    given = pod["securityContext"]
    assert {key: given[key] for key in ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile")} == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert _container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["mountPath"]: one["name"] for one in _container(name)["volumeMounts"]}
    assert set(mounts.values()) == set(volumes)
    assert volumes[mounts["/tmp"]]["emptyDir"]["sizeLimit"]
    assert not any("hostPath" in one for one in volumes.values())


@pytest.mark.parametrize("name", PODS)
def test_memory_is_limited_with_room_and_processor_time_is_not(name: str) -> None:
    given = _container(name)["resources"]
    assert set(given["requests"]) == {"cpu", "memory"}
    assert set(given["limits"]) == {"memory"}
    requested, limit = _bytes(given["requests"]["memory"]), _bytes(given["limits"]["memory"])
    in_use = 2 << 30 if name == TERMINAL else 300_000_000
    assert in_use < requested < limit


def test_selectors_find_what_they_are_about_and_nothing_else() -> None:
    for name, one in DEPLOYMENTS.items():
        assert _selected(one["spec"]["selector"]) == {name}
        # `kubectl -l` finds the Deployment as it finds its pods.
        assert one["metadata"]["labels"] == PODS[name]["metadata"]["labels"]
    for name, one in _of("PodDisruptionBudget").items():
        assert _selected(one["spec"]["selector"]) == {name}
        assert one["spec"]["maxUnavailable"] < DEPLOYMENTS[name]["spec"]["replicas"]
    assert set(_of("PodDisruptionBudget")) == {"coordinator", "live"}
    for name in ("coordinator", "live"):
        spread = PODS[name]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        for one in spread:
            assert one["whenUnsatisfiable"] == "ScheduleAnyway"
            assert _selected(one["labelSelector"]) == {name}
    for one in OBJECTS:
        assert one["metadata"]["labels"][COMPONENT] in PODS
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "fdp"
    # The label that all get must be in no selector: those of a Deployment can never be changed.
    (common,) = KUSTOMIZATION["labels"]
    assert not common.get("includeSelectors", False)


def test_services_lead_to_ports_that_there_are() -> None:
    services = _of("Service")
    assert set(services) == set(PODS)
    for name, one in services.items():
        assert _selected({"matchLabels": one["spec"]["selector"]}) == {name}
        expected = [
            {"name": port["name"], "port": port["containerPort"], "targetPort": port["name"]}
            for port in _container(name)["ports"]
        ]
        assert one["spec"]["ports"] == expected
    assert {name for name, one in services.items() if one["spec"].get("clusterIP") == "None"} == {"history", "live"}


def test_only_the_roles_reach_the_terminal_and_only_live_its_websocket() -> None:
    (policy,) = _of("NetworkPolicy").values()
    spec = policy["spec"]
    assert _selected(spec["podSelector"]) == {TERMINAL}
    assert spec["policyTypes"] == ["Ingress"]
    let_in: dict[str, set[str]] = {}
    for rule in spec["ingress"]:
        for source in rule["from"]:
            assert set(source) == {"podSelector"}
            for port in rule["ports"]:
                assert _port(TERMINAL, port["port"])
                let_in.setdefault(port["port"], set()).update(_selected(source["podSelector"]))
    assert let_in == {"http": set(ROLES), "ws": {"live"}}


def _autoscaler() -> Object:
    (found,) = _of("HorizontalPodAutoscaler").values()
    assert found["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "history"}
    spec: Object = found["spec"]
    return spec


def test_history_is_scaled_by_a_metric_that_it_serves() -> None:
    spec = _autoscaler()
    (metric,) = (one["pods"] for one in spec["metrics"])
    name = metric["metric"]["name"]
    assert name in re.findall(r"^\| `(\w+)` \| gauge \|", (ROOT / "docs/metrics.md").read_text("utf-8"), flags=re.M)
    (described,) = (one for one in exported("history") if one.name == name)
    (expression,) = metric["metric"]["selector"]["matchExpressions"]
    assert expression["key"] in described.labels
    for state in expression["values"]:
        assert f"`{state}`" in described.meaning or f" {state}" in described.meaning
    assert metric["target"] == {"type": "AverageValue", "averageValue": str(MAX_RUNNING // 2)}
    (rule,) = _all(EXAMPLES / "prometheus-adapter.yaml")[0]["rules"]["custom"]
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.Series>>", name)
    for text in (rule["seriesQuery"], query.replace("<<.LabelMatchers>>", 'state=~"queued|running"')):
        promql_parser.parse(text)
        assert re.findall(r"\bfdp_\w+", text) == [name]
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}


def test_there_are_no_more_history_workers_than_the_account_has_slots() -> None:
    spec = _autoscaler()
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, CONCURRENCY[_checked(_settings()).theta_tier])
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 600
    for direction in ("scaleUp", "scaleDown"):
        assert [one["value"] for one in spec["behavior"][direction]["policies"]] == [1]


def test_prometheus_finds_each_role_by_its_service() -> None:
    (monitor,) = _all(EXAMPLES / "service-monitor.yaml")
    assert monitor["spec"]["jobLabel"] == COMPONENT
    found = {
        name: [port["name"] for port in one["spec"]["ports"]]
        for name, one in _of("Service").items()
        if _selects(monitor["spec"]["selector"], one["metadata"]["labels"])
    }
    assert found == {role: [monitor["spec"]["endpoints"][0]["port"]] for role in ROLES}


def _blocks(language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.M | re.S)


def test_the_overlay_of_the_page_changes_what_there_is() -> None:
    (block,) = _blocks("yaml")
    overlay = yaml.safe_load(block)
    assert {one["name"] for one in overlay["images"]} == {one["name"] for one in KUSTOMIZATION["images"]}
    assert all(set(one) == {"name", "newName"} for one in overlay["images"])
    (settings,) = overlay["configMapGenerator"]
    assert settings["behavior"] == "merge"
    given = _settings(overlay)
    checked = _checked({**_settings(), **given})
    folder = _container("history")["volumeMounts"][1]["mountPath"]
    for name, value in given.items():
        assert not name.endswith("_LOCATION") or value.startswith(f"{folder}/")
    for patch in overlay["patches"]:
        target = patch["target"]
        spec = _of(target["kind"])[target["name"]]["spec"]
        (change,) = yaml.safe_load(patch["patch"])
        assert change["op"] == "replace"
        assert change["path"] == "/spec/maxReplicas"
        assert "maxReplicas" in spec
        assert change["value"] == CONCURRENCY[checked.theta_tier]


def test_the_page_makes_the_secrets_that_the_manifests_want() -> None:
    (shell,) = (block for block in _blocks("sh") if "create secret" in block)
    made: dict[str, set[str]] = {}
    for line in shell.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "secret" in words:
            name = words[words.index("generic") + 1]
            made[name] = {w.split("=")[1] for w in words if w.startswith(("--from-file=", "--from-literal="))}
    assert set(made) == {"fdp-secrets", "fdp-tls", "theta-credentials"}
    assert made["theta-credentials"] == {"theta_credentials"}
    assert made["fdp-secrets"] <= {one["name"] for one in _container("history")["env"]}
    assert {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "SCHEMA_REGISTRY_BASIC_AUTH", "API_TOKENS"} <= made[
        "fdp-secrets"
    ]
    (overlay,) = _blocks("yaml")
    files = {Path(v).name for n, v in _settings(yaml.safe_load(overlay)).items() if n.endswith("_LOCATION")}
    assert files <= made["fdp-tls"]


def test_the_page_names_the_versions_and_the_ports() -> None:
    assert f"Kubernetes {VERSIONS[0]} or newer" in PAGE
    for name in PODS:
        for port in _container(name)["ports"]:
            assert str(port["containerPort"]) in PAGE
