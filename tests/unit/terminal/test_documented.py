"""The page and the help text say what the settings say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from terminal.cli import usage
from terminal.settings import settings
from tests.unit.terminal.conftest import ROOT


def test_every_setting_is_on_the_page_with_its_default_and_no_other_is() -> None:
    page = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_0-9]+)` \| (.*?) \| (.*) \|$", page, flags=re.M)
    expected = [(each.name, f"`{each.default}`" if each.default else "", each.meaning) for each in settings()]
    assert rows == expected


def test_every_setting_is_in_the_help_text() -> None:
    told = " ".join(usage().split())
    for setting in settings():
        assert f"{setting.name} {setting.meaning.replace('`', '')}" in told
        assert not setting.default or f"Default: {setting.default}." in told


def test_only_the_standard_library_is_imported() -> None:
    # What the image has; a start without site packages would fail too, but only where the import stands.
    names = set()
    for module in Path(ROOT / "terminal").glob("*.py"):
        names |= set(re.findall(r"^\s*(?:from|import) (\w+)", module.read_text(encoding="utf-8"), flags=re.M))
    assert names - {"terminal"} <= sys.stdlib_module_names
