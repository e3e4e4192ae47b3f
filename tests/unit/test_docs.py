"""The docs are held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.avro.files import ROOT
from app.avro.files import files as schema_files
from app.settings import Settings
from app.web.files import files as description_files

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


GENERATED = {**schema_files(), **description_files()}


@pytest.mark.parametrize("path", sorted(GENERATED), ids=str)
def test_generated_files_are_what_the_tables_and_declarations_say(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path], "run `make schemas`"


def test_every_setting_is_on_its_page_with_its_default_and_no_other_is() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", page, flags=re.M)
    expected = []
    for name, info in Settings.model_fields.items():
        default = info.default
        default = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        shown = "" if default in (None, "") else f"`{default}`"
        expected.append((name.upper(), shown, info.description))
    assert rows == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_module_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page.split("## Where things are")[1].split("```")[1]
    for folder in (
        "agents",
        "app",
        "app/domain",
        "app/theta",
        "app/files",
        "app/avro",
        "app/kafka",
        "app/coordinator",
        "app/security",
        "app/web",
    ):
        for module in sorted((ROOT / folder).glob("*.py")):
            if not module.name.startswith("__"):
                assert re.search(rf"\b{re.escape(module.name)}", tree), f"{folder}/{module.name} is not on the map"
