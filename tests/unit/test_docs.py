"""The docs are held against the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from app.avro.files import ROOT
from app.avro.files import files as schema_files
from app.cli import cli
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
        "app/client",
        "app/commands",
        "app/domain",
        "app/theta",
        "app/files",
        "app/avro",
        "app/kafka",
        "app/coordinator",
        "app/security",
        "app/web",
        "terminal",
    ):
        for module in sorted((ROOT / folder).glob("*.py")):
            if not module.name.startswith("__"):
                assert re.search(rf"\b{re.escape(module.name)}", tree), f"{folder}/{module.name} is not on the map"


def _commands(found: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, found
    for name, below in getattr(found, "commands", {}).items():
        yield from _commands(below, (*words, name))


def test_every_command_and_every_option_is_on_their_page_and_no_other_is() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    # What is said of all that ask a coordinator stands before them.
    sections = re.split(r"^###? ", page, flags=re.M)
    told = {"--help", "--url", "--token", "--json"}
    every = {"--help", "--install-completion", "--show-completion", "--version"}
    for words, command in _commands(typer.main.get_command(cli)):
        if not words:
            continue
        options = {option for one in command.params for option in one.opts if option.startswith("-")}
        every |= options
        if words[0] == "simulator":
            continue
        about = [part for part in sections if re.search(rf"`{words[0]}\b", part)]
        assert about, f"{words[0]} is not on the page"
        for word in words[1:]:
            assert any(re.search(rf"\b{word}\b", part) for part in about), f"{' '.join(words)} is not on the page"
        for option in options - told:
            assert any(f"`{option}" in part or f" {option}" in part for part in about), f"{' '.join(words)} {option}"
    assert set(re.findall(r"(?<=[` (])--[a-z-]+", page)) <= every
