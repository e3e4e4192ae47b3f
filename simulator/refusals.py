"""What the terminal answers instead of data: a status, a short plain text, and the vendor's word for the status.

The texts marked *seen* were reported from live terminals or recorded; the others are plausible and must not be
relied upon (the vendor documents the codes, not the texts).
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

# The vendor's names of codes that HTTP does not know (docs.thetadata.us, "Error Codes").
VENDOR_REASONS = {
    470: "GENERAL",
    471: "PERMISSION",
    472: "NO_DATA",
    473: "INVALID_PARAMS",
    474: "DISCONNECTED",
    475: "TERMINAL_PARSE",
    476: "WRONG_IP",
    477: "NO_PAGE_FOUND",
    478: "INVALID_SESSION_ID",
    570: "LARGE_REQUEST",
    571: "SERVER_STARTING",
    572: "UNCAUGHT_ERROR",
}

DEFAULT_TEXTS = {
    429: "Too many requests: the request queue is full",
    470: "General error",
    474: "Connection to the market data server was lost",
    476: "You cannot switch between 127.0.0.1 and localhost",  # seen
    478: "Invalid session ID. This can occur if more than one terminal is running",  # seen
    570: "The request asks for too much data",
    571: "The server is starting",
    572: "Uncaught error",
}


class Refusal(Exception):
    """An answer that is not data: ``status`` and the body ``text``."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


def reason(status: int) -> str:
    """The reason phrase of a status, the vendor's own codes included."""
    if status in VENDOR_REASONS:
        return VENDOR_REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def no_data() -> Refusal:
    """472, the vendor's normal answer for an empty result (text seen)."""
    return Refusal(472, "No data found for your request")


def bad(text: str) -> Refusal:
    """400: live terminals use it where the documentation says 473."""
    return Refusal(400, text)


def upgraded(deprecated: Sequence[tuple[str, str]]) -> Refusal:
    """410 for a v2 path or a v2 parameter name (body recorded, byte for byte, with its space before the newline)."""
    lines = ["We have upgraded to API v3. Please use API v3 query parameters instead. "]
    if deprecated:
        lines.append("Deprecated query parameters:")
        lines += [f"\t{old} -> {new}" for old, new in deprecated]
    lines.append("Consult API v3 documentation for more information: https://docs.thetadata.us/")
    return Refusal(410, "\n".join(lines))
