"""The account the terminal logs in with, from a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from terminal.errors import CannotStart

_WANTED = "it must have two lines, e-mail and password, or one line with an API key that begins with td1_"


@dataclass(frozen=True)
class Login:
    """An e-mail and a password: the terminal reads the file itself."""

    file: Path


@dataclass(frozen=True)
class ApiKey:
    """An API key, which builds of 15 June 2026 and later take (vendor, "Getting Started")."""

    key: str = field(repr=False)


def read(file: Path) -> Login | ApiKey:
    """What a file holds; raises :class:`CannotStart`, which never quotes the file."""
    try:
        lines = file.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except FileNotFoundError:
        raise _wrong(file, "there is no such file; mount it (a secret) or name it by THETA_CREDENTIALS_FILE") from None
    except IsADirectoryError:
        # Docker makes one where the file that was to be mounted does not exist.
        raise _wrong(file, "it is a folder; put a file there and make the container anew") from None
    except OSError as problem:
        raise _wrong(file, f"it cannot be read: {problem.strerror}; let the container's user read it") from None
    except UnicodeDecodeError:
        raise _wrong(file, f"it is no text; {_WANTED}") from None
    match [line.strip() for line in lines]:
        case []:
            raise _wrong(file, f"it is empty; {_WANTED}")
        case [key] if re.fullmatch(r"td1_[!-~]+", key):
            return ApiKey(key)
        case [email, password] if "@" in email and password:
            return Login(file)
        case found:
            raise _wrong(file, f"its {len(found)} line(s) are not an account; {_WANTED}")


def _wrong(file: Path, why: str) -> CannotStart:
    return CannotStart(f"the credentials file {file}: {why}")
