"""The files of a TLS client are checked at the start, and what is wrong is named."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair

from app.errors import SettingError
from app.security.tls import TlsFiles


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def client(authority: Authority) -> Pair:
    return authority.issue("client", host=None, password="key-word")


@pytest.fixture(scope="module")
def plain(authority: Authority) -> Pair:
    return authority.issue("plain", host=None)


def files(**given: Any) -> TlsFiles:
    return TlsFiles("X_SSL", **given)


def test_an_authority_is_trusted_and_certificates_are_asked_for(authority: Authority) -> None:
    context = files(ca=authority.certificate).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


def test_without_an_authority_those_of_the_system_are_trusted() -> None:
    assert files().context().verify_mode is ssl.CERT_REQUIRED


def test_names_are_not_looked_at_where_that_is_set_but_certificates_are(authority: Authority) -> None:
    context = files(ca=authority.certificate, check_host=False).context()
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_key_opens_with_its_password_or_without(client: Pair, plain: Pair) -> None:
    files(certificate=client.certificate, key=client.key, password="key-word").context()
    files(certificate=plain.certificate, key=plain.key).context()


@pytest.mark.parametrize("password", ["", "wrong-word"])
def test_a_key_that_does_not_open_is_a_wrong_password_and_nobody_is_asked(client: Pair, password: str) -> None:
    with pytest.raises(SettingError, match="X_SSL_KEY_PASSWORD") as caught:
        files(certificate=client.certificate, key=client.key, password=password).context()
    assert "wrong-word" not in str(caught.value)


def test_what_belongs_together_must_be_there_together(client: Pair) -> None:
    with pytest.raises(SettingError, match=r"^X_SSL_KEY_LOCATION: is needed with X_SSL_CERTIFICATE_LOCATION"):
        files(certificate=client.certificate).context()
    with pytest.raises(SettingError, match=r"^X_SSL_CERTIFICATE_LOCATION: is needed with X_SSL_KEY_LOCATION"):
        files(key=client.key).context()
    with pytest.raises(SettingError, match=r"^X_SSL_KEY_LOCATION: is needed with X_SSL_KEY_PASSWORD"):
        files(password="x").context()


def test_another_certificates_key_is_named(client: Pair, plain: Pair) -> None:
    with pytest.raises(SettingError, match=r"^X_SSL_KEY_LOCATION: .* is not the key of"):
        files(certificate=client.certificate, key=plain.key).context()


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
def test_a_file_that_is_not_there_or_no_pem_is_named(plain: Pair, tmp_path: Path, name: str) -> None:
    given: dict[str, Any] = {"certificate": plain.certificate, "key": plain.key}
    with pytest.raises(SettingError, match=f"^X_SSL_{name.upper()}_LOCATION: .*cannot be read") as caught:
        files(**(given | {name: tmp_path / "none"})).context()
    assert "\n" not in str(caught.value)
    (tmp_path / "empty").write_text("nothing")
    with pytest.raises(SettingError, match=r"^X_SSL_(CA|CERTIFICATE)_LOCATION: .*PEM"):
        files(**(given | {name: tmp_path / "empty"})).context()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="X_SSL_CA_LOCATION"):
        files(ca=tmp_path).context()


def test_the_password_is_not_shown(client: Pair) -> None:
    assert "key-word" not in repr(files(key=client.key, password="key-word"))
