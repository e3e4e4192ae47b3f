"""Asking the provider from a view, which must answer whether or not the provider does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Askers:
    """A few threads that call the provider: one that does not answer may hold them for minutes, and must not hold
    what other views wait for, nor the process when it ends. Calls that were cancelled meanwhile are not made."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._begun = False

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Have a call made as soon as a thread is free."""
        if not self._begun:
            self._begun = True
            for number in range(self._count):
                # Not an executor: the interpreter would wait at its end for a terminal that does not answer.
                threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()
        future: Future[T] = Future()
        self._jobs.put((future, call))
        return future

    def _run(self) -> None:
        while True:
            future, call = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except Exception as error:  # noqa: BLE001 - told and logged by who waits for it
                future.set_exception(error)
