"""An installation without the embedded services, as the container image is."""

from __future__ import annotations

import pytest

from app.errors import LocalServiceError
from app.local import installed


def test_what_is_installed_here_is_enough() -> None:
    installed.check_installed()


def test_what_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PACKAGES", ("numpy", "no_such_package"))
    with pytest.raises(LocalServiceError, match=r"need no_such_package, .* KAFKA_BOOTSTRAP_SERVERS"):
        installed.check_installed()
