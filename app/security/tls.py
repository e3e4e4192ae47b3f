"""The files of a TLS client, checked at the start: whoever names one that is no use is told which and why."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import SettingError


@dataclass(frozen=True)
class TlsFiles:
    """What the settings that begin with ``prefix`` say: whom to trust, and who we are. All files are PEM.

    ``check_host``: whether the server's certificate has to be for the name it is reached by.
    """

    prefix: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str = field(default="", repr=False)
    check_host: bool = True

    @property
    def given(self) -> bool:
        """Whether any of it was set."""
        return bool(self.ca or self.certificate or self.key or self.password)

    def context(self) -> ssl.SSLContext:
        """What makes connections of this. Without ``ca`` the system's authorities are trusted.

        Raises ``SettingError`` naming the setting at fault.
        """
        self._check_together()
        for name, path in (("CA", self.ca), ("CERTIFICATE", self.certificate), ("KEY", self.key)):
            if path is not None:
                self._check_readable(f"{name}_LOCATION", path)
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise self._wrong("CA_LOCATION", f"{self.ca} holds no certificate in PEM form") from None
        context.check_hostname = self.check_host
        if self.certificate is not None:
            self._load_own(context)
        return context

    def _check_together(self) -> None:
        if self.certificate is None and self.key is not None:
            raise self._wrong("CERTIFICATE_LOCATION", f"is needed with {self.prefix}_KEY_LOCATION; name its file")
        if self.key is None and self.certificate is not None:
            raise self._wrong("KEY_LOCATION", f"is needed with {self.prefix}_CERTIFICATE_LOCATION; name its file")
        if self.password and self.key is None:
            raise self._wrong("KEY_LOCATION", f"is needed with {self.prefix}_KEY_PASSWORD; name its file")

    def _check_readable(self, name: str, path: Path) -> None:
        try:
            path.open("rb").close()
        except OSError as error:
            raise self._wrong(name, f"{path} cannot be read ({error.strerror}); name a PEM file") from None

    def _load_own(self, context: ssl.SSLContext) -> None:
        asked = False

        def password() -> str:
            # Without this OpenSSL would ask at the terminal, and a service would stand still.
            nonlocal asked
            asked = True
            return self.password

        assert self.certificate is not None
        try:
            context.load_cert_chain(self.certificate, self.key, password)
        except ssl.SSLError as error:
            if asked:
                raise self._wrong("KEY_PASSWORD", f"is not the one of {self.key}; correct it") from None
            if error.reason == "KEY_VALUES_MISMATCH":
                raise self._wrong("KEY_LOCATION", f"{self.key} is not the key of {self.certificate}") from None
            why = f"{self.certificate} and {self.key} are no certificate and key in PEM form"
            raise self._wrong("CERTIFICATE_LOCATION", why) from None

    def _wrong(self, name: str, why: str) -> SettingError:
        return SettingError(f"{self.prefix}_{name}", why)
