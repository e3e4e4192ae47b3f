"""The platform's own processes, one a role, as the supervisor sees them."""

from __future__ import annotations

import uuid

from pydantic import SecretStr

from app.local import kafka, registry
from app.local.ports import KeptPorts
from app.local.probe import role_started
from app.local.service import PROGRAM, Service
from app.local.state import StateDir
from app.settings import Role, Settings, child_environment

#: Addresses that mean "all of this machine's": one listens on them, but does not connect to them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def role_service(role: Role, settings: Settings, state: StateDir) -> Service:
    """The process of a role; ``settings`` are the role's, with every address filled in."""
    url = web_url(settings.web_host, settings.web_port_of(role))
    instance = uuid.uuid4().hex
    return Service(
        name=role,
        command=lambda: (*PROGRAM, "worker", "--role", role),
        log=state.log(role),
        ready=lambda: role_started(url, instance),
        environment={**environment_of(settings), "FDP_INSTANCE": instance},
        after=(kafka.NAME, registry.NAME),
        ready_within=120,
        grace=10,
        exit_2_is_final=True,
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which a child has these settings: everything that was given, by variable or in code."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in values.items() if v is not None}
    # Unbuffered: the last line of a process that is killed is in its log.
    return {**child_environment(**plain), "PYTHONUNBUFFERED": "1"}


def web_port(role: Role, settings: Settings, ports: KeptPorts) -> tuple[str, int]:
    """The setting's name and the port of a role's web server: the one that is set, else a free one."""
    name = "web_port" if role == "coordinator" else f"{role}_web_port"
    default = settings.web_port_of(role)
    if settings.is_set(name):
        return name, ports.reserve(name, default, settings.web_host)
    return name, ports.port(name, host=settings.web_host, preferred=default)


def web_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a web server that listens on ``host``."""
    reached = _EVERYWHERE.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
