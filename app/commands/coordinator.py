"""The coordinator as commands call it: what goes wrong is told on stderr, with the exit code for it."""

from __future__ import annotations

from typing import Any, NoReturn

import httpx
import typer
from rich.console import Console

from app.settings import load

#: Exit codes: the coordinator does not answer or cannot; what was given is wrong.
FAILED, WRONG = 1, 2
#: Seconds for an answer; a plan may wait ten for listings.
_PATIENCE = 60.0

_errors = Console(stderr=True, highlight=False)


def address(url: str | None) -> str:
    """The coordinator's base URL: the one given, else that of ``WEB_HOST`` and ``WEB_PORT``."""
    if url is not None:
        return url
    settings = load()
    # Who listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web_host, settings.web_host)
    return f"http://[{host}]:{settings.web_port}" if ":" in host else f"http://{host}:{settings.web_port}"


def call(method: str, url: str, path: str, token: str | None, body: object = None) -> Any:
    """The JSON of a coordinator's answer. Ends the command when there is none; ``token`` None: the first of
    ``API_TOKENS`` or ``API_TOKENS_FILE``, if there is one."""
    token = token or load().first_token()
    if not token.isascii():
        fail(WRONG, "the API token has characters that no HTTP header can hold")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(base_url=url, timeout=_PATIENCE, headers=headers, trust_env=False) as client:
            response = client.request(method, path, json=body)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        fail(WRONG, f"--url {url!r} is not the address of a coordinator ({error}); write it as http://127.0.0.1:6066")
    except httpx.HTTPError as error:
        what = str(error) or type(error).__name__
        fail(FAILED, f"no coordinator answers at {url} ({what}); start one, or name its address with --url")
    try:
        answer = response.json()
    except ValueError:
        fail(FAILED, f"{url} answered {response.status_code} and no JSON: it is not a coordinator")
    if not response.is_success:
        _refused(response.status_code, answer if isinstance(answer, dict) else {})
    return answer


def fail(code: int, message: str, *more: str) -> NoReturn:
    """End the command with a sentence on stderr and more lines under it."""
    _errors.print(f"error: {message}", *(f"  {line}" for line in more), sep="\n", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def _refused(status: int, told: dict[str, Any]) -> NoReturn:
    """End the command with what the coordinator says of it (RFC 9457)."""
    detail = str(told.get("detail") or told.get("title") or f"the coordinator answered {status}")
    match status:
        case 401:
            fail(
                WRONG,
                "the coordinator asks for an API token: give one with --token, in API_TOKENS or in API_TOKENS_FILE",
            )
        case 409 | 422 if told.get("errors"):
            lines = [
                f"{problem['field']}: {problem['message']}" if problem.get("field") else problem["message"]
                for problem in told["errors"]
            ]
            fail(WRONG, "the coordinator does not take the request", *lines)
        case 400 | 409 | 413 | 422:
            fail(WRONG, detail)
        case _:
            fail(FAILED, f"the coordinator answered {status}: {detail}")
