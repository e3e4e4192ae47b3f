"""The audit fails for a vulnerability, and says loudly when it could not look."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.avro.files import ROOT

FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0", "1.9"], "aliases": [], "description": ""}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["audit"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages), "fixes": []}


FINE = {"name": "fine", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "1.0", "vulns": [FLAW]}
UNKNOWN = {"name": "mine", "skip_reason": "Dependency not found"}


def test_a_vulnerability_fails_and_is_named(audit: ModuleType) -> None:
    code, lines = audit.verdict({"pypi": audit.read(report(FINE, BAD))})
    assert code == 1
    assert lines[0] == "VULNERABLE: bad 1.0: PYSEC-1, mended in 2.0, 1.9 (pypi)"


def test_without_one_it_passes_and_tells_how_many_were_looked_up(audit: ModuleType) -> None:
    assert audit.verdict({"pypi": audit.read(report(FINE))}) == (0, ["audit: pypi knows 1 packages, 0 vulnerabilities"])


def test_what_was_not_looked_up_is_named(audit: ModuleType) -> None:
    code, lines = audit.verdict({"pypi": audit.read(report(FINE, UNKNOWN)), "osv": "osv could not be asked: x"})
    assert code == 0
    assert "NOT LOOKED UP by pypi: mine" in lines[-1]


def test_the_second_service_may_know_what_the_first_does_not(audit: ModuleType) -> None:
    code, lines = audit.verdict({"pypi": audit.read(report(UNKNOWN)), "osv": audit.read(report(BAD))})
    assert code == 1
    assert "(osv)" in lines[0]


def test_where_nobody_could_be_asked_it_passes_in_one_loud_line(audit: ModuleType) -> None:
    code, lines = audit.verdict({"pypi": audit.read(report(UNKNOWN)), "osv": "osv could not be asked: no route"})
    assert code == 0
    assert lines == [
        "AUDIT SKIPPED, no dependency was looked up: pypi knows none of them; osv could not be asked: no route"
    ]


def test_an_audit_that_cannot_be_run_is_a_reason(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit.sys, "executable", shutil.which("false"))
    assert audit.ask("pypi", tmp_path / "none") == "pypi could not be asked: no report"
