"""Look the locked dependencies up among the known vulnerabilities, where that can be done.

    python .ci/audit.py [LOCK]

Exit code 1 for a vulnerability; 0 when there is none, and when nobody could be asked, which is said loudly: a machine
that reaches only a package index must still be able to build. pip-audit says "no known vulnerabilities" also of
packages that it could not look up, so its report is read here, not its last line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Where vulnerabilities are known, in the order in which they are asked, and seconds for each.
SERVICES = ("pypi", "osv")
PATIENCE = 25.0
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Found:
    """What one service said: packages that it knows, those it does not, and a line for each vulnerability."""

    known: int
    unknown: tuple[str, ...]
    vulnerable: tuple[str, ...]


def read(report: Mapping[str, Any]) -> Found:
    """pip-audit's report in JSON."""
    packages = report["dependencies"]
    unknown = tuple(one["name"] for one in packages if "skip_reason" in one)
    vulnerable = tuple(
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in packages
        for flaw in one.get("vulns", ())
    )
    return Found(len(packages) - len(unknown), unknown, vulnerable)


def ask(service: str, lock: Path) -> Found | str:
    """What a service says, or why it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
        command += ["--vulnerability-service", service, "--timeout", "5", "--progress-spinner", "off"]
        command += ["--format", "json", "--output", str(report)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"{service} did not answer within {PATIENCE:.0f} s"
        try:
            return read(json.loads(report.read_text("utf-8")))
        except (OSError, ValueError, KeyError):
            last = (done.stderr.strip().splitlines() or ["no report"])[-1]
            return f"{service} could not be asked: {last.partition('(')[0][:160]}"


def verdict(asked: Mapping[str, Found | str]) -> tuple[int, list[str]]:
    """Exit code and lines."""
    answers = [(service, found) for service, found in asked.items() if isinstance(found, Found) and found.known]
    lines = []
    for service, found in answers:
        lines += [f"VULNERABLE: {line} ({service})" for line in found.vulnerable]
        lines.append(f"audit: {service} knows {found.known} packages, {len(found.vulnerable)} vulnerabilities")
        if found.unknown:
            lines.append(f"audit: NOT LOOKED UP by {service}: {', '.join(found.unknown)}")
    if not answers:
        why = [found if isinstance(found, str) else f"{service} knows none of them" for service, found in asked.items()]
        lines.append(f"AUDIT SKIPPED, no dependency was looked up: {'; '.join(why)}")
    return int(any(found.vulnerable for _, found in answers)), lines


def main() -> int:
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "requirements.lock"
    asked: dict[str, Found | str] = {}
    for service in SERVICES:
        asked[service] = found = ask(service, lock)
        # The second is for what the first could not tell.
        if isinstance(found, Found) and not found.unknown:
            break
    code, lines = verdict(asked)
    print("\n".join(lines), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
