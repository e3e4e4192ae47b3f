"""What ends a start."""

from __future__ import annotations


class CannotStart(Exception):
    """The terminal cannot be started as things are. The message is one sentence and says what to do next; it never has
    a credential in it."""
