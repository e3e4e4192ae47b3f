"""Which provider the settings name, and what is said when its folder is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import SettingError
from app.files.client import FilesProvider
from app.providers import provider_of
from app.settings import load
from app.theta.client import ThetaClient


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_PROVIDER", "FILES_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_terminal_is_the_default() -> None:
    provider = provider_of(load(files_dir="/nowhere"), 1)

    assert isinstance(provider, ThetaClient)
    provider.close()


def test_files_are_read_from_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PROVIDER", "FILES")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    provider = provider_of(load(files_dir="data"), 1)

    assert isinstance(provider, FilesProvider)
    assert provider.root == tmp_path / "data"


@pytest.mark.parametrize("folder", [None, "{}/nowhere", "{}/file"])
def test_a_folder_that_is_none_is_a_wrong_setting(tmp_path: Path, folder: str | None) -> None:
    (tmp_path / "file").touch()
    given = {} if folder is None else {"files_dir": folder.format(tmp_path)}

    with pytest.raises(SettingError) as caught:
        load(data_provider="files", **given)

    assert caught.value.setting == "FILES_DIR"
    assert str(caught.value).startswith("FILES_DIR: ")
    assert given.get("files_dir", "set it to the folder of the data") in str(caught.value)
    assert "None" not in str(caught.value)


def test_settings_changed_in_code_are_checked_too(tmp_path: Path) -> None:
    settings = load(data_provider="files", files_dir=tmp_path).model_copy(update={"files_dir": None})

    with pytest.raises(SettingError, match="FILES_DIR"):
        provider_of(settings, 1)


def test_an_unknown_provider_is_a_wrong_setting() -> None:
    with pytest.raises(SettingError, match="DATA_PROVIDER"):
        load(data_provider="yahoo")
