"""What must not be shown is taken out of log lines, whoever wrote them.

The platform's own code puts no secret into a message. Libraries do at their most talkative: aiokafka logs the SASL
exchange, password and all, byte for byte.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "***"
#: Anything shorter occurs in words that are no secret.
SHORTEST = 4

_forms: set[str] = set()
_pattern: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """From now on none of these is shown by this process. A secret of ``user:password`` is two and their pair."""
    global _pattern  # noqa: PLW0603  logging is the process's, and so is this
    found = {form for secret in secrets for form in _forms_of(secret) if len(form) >= SHORTEST}
    if found - _forms:
        _forms.update(found)
        # The longest first, so that none of it is left over.
        _pattern = re.compile("|".join(map(re.escape, sorted(_forms, key=len, reverse=True))))


def redacted(text: str) -> str:
    """The text without what is hidden."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def _forms_of(secret: str) -> set[str]:
    """How a secret is written in messages: as it is, as Python shows text and bytes (where a quote has a backslash or
    none, by what stands around it), in URLs, in an HTTP header."""
    plain = {secret, secret.partition(":")[2]} if ":" in secret else {secret}
    forms = {b64encode(secret.encode()).decode()}
    for one in plain:
        forms |= {one, repr(one)[1:-1], repr(one.encode())[2:-1], quote(one, safe="")}
    return forms | {form.replace("\\'", "'") for form in forms} | {re.sub(r"(?<!\\)'", r"\\'", form) for form in forms}
