"""The coordinator as commands reach it: what goes wrong is told on stderr, with the exit code for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console

from app.client import ApiError, BadUse, ClientError, Platform, Unauthorized, Unreachable
from app.settings import load

#: Exit codes: it failed, or no coordinator answers; what was given is wrong.
FAILED, WRONG = 1, 2
#: Statuses that say that what was given is wrong.
_WRONG = (400, 401, 404, 409, 413, 422)

Url = Annotated[
    str | None,
    typer.Option(
        envvar="FDP_URL", help="The coordinator's address; default: by WEB_HOST and WEB_PORT, port 6066.", metavar="URL"
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="FDP_TOKEN", help="API token; default: the first of API_TOKENS or API_TOKENS_FILE.", metavar="TOKEN"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the coordinator's answer as it came.")]

_errors = Console(stderr=True, highlight=False)


def address(url: str | None) -> str:
    """The coordinator's base URL: the one given, else that of ``WEB_HOST`` and ``WEB_PORT``."""
    if url is not None:
        return url
    settings = load()
    # Who listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web_host, settings.web_host)
    return f"http://[{host}]:{settings.web_port}" if ":" in host else f"http://{host}:{settings.web_port}"


@contextlib.contextmanager
def coordinator(url: str | None, token: str | None, retries: int = 2, timeout: float = 60.0) -> Iterator[Platform]:
    """The coordinator for one command; ends the command when something goes wrong with it.

    ``token`` None: the first of ``API_TOKENS`` or ``API_TOKENS_FILE``, if there is one.
    """
    try:
        with Platform(
            address(url), token if token is not None else load().first_token(), retries=retries, timeout=timeout
        ) as platform:
            yield platform
    except ClientError as error:
        _told(error)


def _told(error: ClientError) -> NoReturn:
    """End the command with what the client says of an error."""
    match error:
        case Unauthorized():
            fail(
                WRONG,
                "the coordinator asks for an API token, and was given none that it knows: give one with --token, in "
                "FDP_TOKEN, API_TOKENS or API_TOKENS_FILE",
            )
        case ApiError(status=400 | 409 | 413 | 422, errors=(_, *_) as problems):
            lines = [f"{one['field']}: {one['message']}" if one.get("field") else one["message"] for one in problems]
            fail(WRONG, "the coordinator does not take the request", *lines)
        case ApiError() if error.status in _WRONG:
            fail(WRONG, error.detail)
        case ApiError():
            fail(FAILED, f"the coordinator answered {error.status}: {error.detail}")
        case BadUse():
            fail(WRONG, str(error))
        case Unreachable():
            fail(FAILED, f"{error}, as --url or in FDP_URL")
        case _:
            fail(FAILED, str(error))


def fail(code: int, message: str, *more: str) -> NoReturn:
    """End the command with a sentence on stderr and more lines under it."""
    _errors.print(f"error: {message}", *(f"  {line}" for line in more), sep="\n", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def note(message: str) -> None:
    """A sentence on stderr, beside what is written to stdout."""
    _errors.print(message, markup=False, soft_wrap=True)


def write_json(answer: Mapping[str, Any] | list[Any]) -> None:
    """An answer as it came, for programs."""
    sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")
