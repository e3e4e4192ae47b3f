"""A folder of files and the provider on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.files.made import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
