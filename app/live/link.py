"""The link to the provider's stream: one connection at a time, and on it every subscription that is wanted.

Subscriptions are asked for anew on each connection, with ids that only grow. The provider's refusals are kept in its
own words and asked for again now and then; an error while it logs in again is answered with a new id after a pause
(THETA API 5.6).
"""

from __future__ import annotations

import itertools
import logging
import random
from collections import Counter
from collections.abc import Iterable
from enum import IntEnum

from app.domain.stream import Response, StreamKey
from app.provider import Stream, StreamSocket

logger = logging.getLogger(__name__)

SUBSCRIBED, ERROR = "SUBSCRIBED", "ERROR"
#: Seconds until a request without an answer, one that failed, and one that was refused are made again.
_ANSWER, _PAUSE, _REFUSED = 10.0, 1.0, 60.0
#: Seconds more for a request while others are answered.
_QUEUED = 50.0
#: Seconds after which a connection counts as one that holds.
_HOLDS = 10.0
#: Requests sent at once; the rest follow with the next turn.
_BURST = 500
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 10.0


class KeyState(IntEnum):
    """Where a subscription stands on the present connection."""

    NEW = 0
    SENT = 1
    ON = 2
    REFUSED = 3
    AGAIN = 4


class Link:
    """Belongs to one thread. ``now`` is a monotonic clock's seconds throughout."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._socket: StreamSocket | None = None
        self._numbers = itertools.count()
        self._wanted: Counter[StreamKey] = Counter()
        self._state: dict[StreamKey, KeyState] = {}
        self._words: dict[StreamKey, str] = {}
        self._sent: dict[int, tuple[StreamKey, float]] = {}
        #: The latest request for each key: only its answer counts.
        self._number: dict[StreamKey, int] = {}
        self._again: dict[StreamKey, float] = {}
        #: Keys without a final answer on this connection.
        self._unsettled: dict[StreamKey, None] = {}
        self._ended: list[StreamKey] = []
        #: Keys that were refused and are served since this was last looked at.
        self.late: set[StreamKey] = set()
        self._answered = float("-inf")
        self._begun: float | None = None
        self._not_before = 0.0
        self._delay = _FIRST_DELAY
        self.connects = 0

    # --- the connection -----------------------------------------------------------------------------------

    @property
    def socket(self) -> StreamSocket | None:
        """The present connection, made or being made."""
        return self._socket

    def wants_connection(self, now: float) -> bool:
        """Whether a connection should be made now."""
        return self._socket is None and bool(self._wanted) and now >= self._not_before

    def connect(self) -> None:
        """Begin to connect. To be called only straight after a commit of the owner's."""
        assert self._socket is None
        self.connects += 1
        self._reset()
        self._socket = self._stream.connect()
        self._socket.start()

    def disconnect(self, now: float) -> None:
        """Let the connection go; the next one is made after a pause."""
        if self._socket is None:
            return
        if self._begun is not None and now - self._begun > _HOLDS:
            # One that is taken away at once, by another client perhaps, is not asked for five times a second.
            self._delay = _FIRST_DELAY
        self._socket.close()
        self._socket = None
        self._not_before = now + self._delay * random.uniform(0.5, 1.5)
        self._delay = min(_LONGEST_DELAY, 2 * self._delay)
        self._reset()

    def close(self) -> None:
        """Let the connection go for good."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- subscriptions ------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether anything is wanted of the stream."""
        return bool(self._wanted)

    def want(self, keys: Iterable[StreamKey]) -> None:
        """These are wanted once more; several may want the same one."""
        for key in keys:
            self._wanted[key] += 1
            if self._wanted[key] == 1:
                self._state[key] = KeyState.NEW
                self._unsettled[key] = None

    def unwant(self, keys: Iterable[StreamKey]) -> None:
        """These are wanted once less."""
        for key in keys:
            self._wanted[key] -= 1
            if self._wanted[key] <= 0:
                del self._wanted[key]
                if self._state.pop(key) in (KeyState.ON, KeyState.SENT, KeyState.AGAIN):
                    self._ended.append(key)
                for kept in (self._unsettled, self._again, self._words, self._number):
                    kept.pop(key, None)

    def renew(self, keys: Iterable[StreamKey]) -> None:
        """Begin these anew: the provider may have forgotten them."""
        for key in keys:
            if self._state.get(key) is KeyState.ON:
                self._ended.append(key)
                self._state[key] = KeyState.NEW
                self._unsettled[key] = None

    def settled(self, keys: Iterable[StreamKey]) -> bool:
        """Whether every one of these has had a final answer on this connection."""
        return self._unsettled.keys().isdisjoint(keys)

    def on(self, keys: Iterable[StreamKey]) -> int:
        """How many of these are subscribed."""
        return sum(self._state.get(key) is KeyState.ON for key in keys)

    def states(self) -> dict[str, int]:
        """How many subscriptions are in each state."""
        counted = Counter(self._state.values())
        return {state.name.lower(): counted[state] for state in KeyState}

    def word(self, keys: Iterable[StreamKey]) -> str | None:
        """What the provider said of the first of these that is not subscribed."""
        return next((self._words[key] for key in keys if key in self._words), None)

    def pump(self, now: float) -> None:
        """Ask for what is to be asked for."""
        socket = self._socket
        if socket is None or not socket.opened:
            return
        for key in [key for key, due in self._again.items() if due <= now]:
            del self._again[key]
            self._state[key] = KeyState.NEW
            self._unsettled.setdefault(key)
        # As long as answers come, those that are still to come are only queued; but not for ever.
        patience = 0.0 if now - self._answered > _ANSWER else _QUEUED
        late = [number for number, (_, due) in itertools.islice(self._sent.items(), _BURST) if due + patience <= now]
        for number in late:
            key, _ = self._sent.pop(number)
            if self._state.get(key) is KeyState.SENT and self._number.get(key) == number:
                self._state[key] = KeyState.NEW
        frames = []
        for key in self._ended[:_BURST]:
            # What is wanted again meanwhile is asked for below, and the provider goes by the order.
            frames.append(self._stream.request(key, next(self._numbers), add=False))
        del self._ended[:_BURST]
        # What is begun before its former self has ended would be ended by it.
        for key in itertools.islice(self._new(), 0 if self._ended else _BURST):
            number = next(self._numbers)
            self._sent[number] = (key, now + _ANSWER)
            self._number[key] = number
            self._state[key] = KeyState.SENT
            frames.append(self._stream.request(key, number, add=True))
        if frames:
            self._begun = now if self._begun is None else self._begun
            socket.send(frames)

    def answered(self, response: Response, now: float) -> StreamKey | None:
        """Take an answer; the key that it settles."""
        self._answered = now
        key, _ = self._sent.pop(response.id, (None, 0.0))
        if key is None or self._state.get(key) is not KeyState.SENT or self._number.get(key) != response.id:
            return None
        if response.word == SUBSCRIBED:
            self._state[key] = KeyState.ON
            if self._words.pop(key, ERROR) != ERROR:
                self.late.add(key)
        elif response.word == ERROR:
            self._state[key] = KeyState.AGAIN
            self._words[key] = response.word
            self._again[key] = now + _PAUSE * random.uniform(0.5, 1.5)
            return None
        else:
            if self._words.get(key) != response.word:
                logger.warning("%s %s of %s: %s", key.asset, key.what, key.symbol, response.word)
            self._state[key] = KeyState.REFUSED
            self._words[key] = response.word
            self._again[key] = now + _REFUSED
        self._unsettled.pop(key, None)
        return key

    def _new(self) -> Iterable[StreamKey]:
        return [key for key in self._unsettled if self._state.get(key) is KeyState.NEW]

    def _reset(self) -> None:
        """Nothing is subscribed on a new connection."""
        self._begun = None
        self._sent.clear()
        self._number.clear()
        self._again.clear()
        self._ended.clear()
        self._state = dict.fromkeys(self._wanted, KeyState.NEW)
        self._unsettled = dict.fromkeys(self._wanted)
