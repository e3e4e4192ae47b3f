"""Doing at once what several threads ask for one by one.

Brokers take nearly as long for a request that makes one topic as for one that makes fifty: each is a change of the
cluster's metadata of its own. Who asks while a call is under way waits for the next one, which is made for all who have
come by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.errors import LogError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Call(Generic[Asked, Answer]):
    """One call: what is asked by all who have come so far, and how it went once it is ``over``."""

    asked: dict[str, Asked] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    failure: str | None = None
    over: bool = False


class Together(Generic[Asked, Answer]):
    """Calls ``do`` for all who ask, one call at a time. Threads may share it."""

    def __init__(self, do: Callable[[Mapping[str, Asked]], Mapping[str, Answer]]) -> None:
        self._do = do
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        #: The call that has not begun yet.
        self._next: _Call[Asked, Answer] | None = None

    def __call__(self, asked: Mapping[str, Asked]) -> dict[str, Answer]:
        """The answers about what is asked here. Raises ``LogError`` when the call failed, for all who asked alike."""
        with self._lock:
            call = self._next = self._next or _Call()
            call.asked |= asked
        with self._turn:
            if not call.over:
                self._carry_out(call)
        if call.failure is not None:
            raise LogError(call.failure)
        return {name: call.answers[name] for name in asked if name in call.answers}

    def _carry_out(self, call: _Call[Asked, Answer]) -> None:
        with self._lock:
            self._next = None
        try:
            call.answers = self._do(call.asked)
        except LogError as error:
            call.failure = str(error)
        except BaseException as error:
            # A fault: it is raised where it happened, and the others are not left without an answer.
            call.failure = f"what others asked for at the same time failed: {error!r}"
            raise
        finally:
            call.over = True
