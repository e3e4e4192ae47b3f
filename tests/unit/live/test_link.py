"""The link on a stream that answers as it is told: what is wanted is asked for, until it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.stream import Response, StreamKey
from app.live import link as link_module
from app.live.link import Link

A, B, C = (StreamKey("stock", "trade", symbol) for symbol in "ABC")
MANY = [StreamKey("option", "quote", "SPXW", contract) for contract in range(8)]
Sent = tuple[StreamKey, int, bool]


class Socket:
    def __init__(self) -> None:
        self.started = self.opened = self.ended = False
        self.closed: str | None = None
        self.waiting = 0
        self.sent: list[Sent] = []

    def start(self) -> None:
        self.started = True

    def wait(self, timeout: float) -> None: ...

    def take(self) -> list[str]:
        return []

    def send(self, texts: Iterable[Any]) -> None:
        assert self.opened
        assert not self.ended
        self.sent += texts

    def close(self) -> None:
        self.ended = True


@dataclass
class Stream:
    """Its requests are not texts but what they mean."""

    connected: str = "CONNECTED"
    sockets: list[Socket] = field(default_factory=list)

    def connect(self) -> Socket:
        self.sockets.append(Socket())
        return self.sockets[-1]

    def reader(self) -> Any: ...

    def request(self, key: StreamKey, number: int, *, add: bool) -> Any:
        return (key, number, add)

    @property
    def sent(self) -> list[Sent]:
        """Everything that was ever sent, in its order."""
        return [one for socket in self.sockets for one in socket.sent]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def link(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Link:
    """Pauses are as long as their middle."""
    monkeypatch.setattr(link_module.random, "uniform", lambda a, b: (a + b) / 2)
    return Link(stream)  # type: ignore[arg-type]


def open_up(link: Link, stream: Stream, now: float = 0.0) -> Socket:
    link.connect()
    stream.sockets[-1].opened = True
    link.pump(now)
    return stream.sockets[-1]


def number_of(socket: Socket, key: StreamKey) -> int:
    """The id of the latest request to begin with a key."""
    return [number for asked, number, add in socket.sent if asked == key and add][-1]


def answer(link: Link, socket: Socket, key: StreamKey, word: str = "SUBSCRIBED", now: float = 0.0) -> None:
    link.answered(Response(number_of(socket, key), word), now)


# --- what is asked for ---------------------------------------------------------------------------------------


def test_nothing_is_connected_to_before_something_is_wanted(link: Link) -> None:
    assert not link.wants_connection(0.0)
    link.want([A])
    assert link.wants_connection(0.0)


def test_what_is_wanted_is_asked_for_once_the_connection_is_made(link: Link, stream: Stream) -> None:
    link.want([A, B])
    link.connect()
    (socket,) = stream.sockets
    assert socket.started
    link.pump(0.0)
    assert socket.sent == []
    socket.opened = True
    link.pump(0.0)
    assert [(key, add) for key, _, add in socket.sent] == [(A, True), (B, True)]
    link.pump(1.0)
    assert len(socket.sent) == 2


def test_it_is_settled_when_all_answers_are_there(link: Link, stream: Stream) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    assert not link.settled([A, B])
    answer(link, socket, A)
    assert link.settled([A])
    assert not link.settled([A, B])
    answer(link, socket, B)
    assert link.settled([A, B])
    assert link.on([A, B, C]) == 2
    assert link.word([A, B]) is None


def test_an_answer_to_nothing_that_was_asked_is_not_taken(link: Link, stream: Stream) -> None:
    link.want([A])
    socket = open_up(link, stream)
    assert link.answered(Response(99, "SUBSCRIBED"), 0.0) is None
    assert not link.settled([A])
    assert link.answered(Response(number_of(socket, A), "SUBSCRIBED"), 0.0) == A
    assert link.answered(Response(number_of(socket, A), "INVALID_PERMS"), 0.0) is None
    assert link.on([A]) == 1


def test_ids_grow_over_connections_and_unsubscribes(link: Link, stream: Stream) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    for key in (A, B):
        answer(link, socket, key)
    link.unwant([A])
    link.pump(0.0)
    link.disconnect(0.0)
    socket = open_up(link, stream)
    answer(link, socket, B)
    link.want([C])
    link.pump(0.0)
    numbers = [number for _, number, _ in stream.sent]
    assert numbers == sorted(set(numbers))
    assert [(key, add) for key, _, add in stream.sent] == [(A, True), (B, True), (A, False), (B, True), (C, True)]


def test_no_more_than_a_burst_is_sent_at_once(link: Link, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_BURST", 3)
    link.want(MANY)
    socket = open_up(link, stream)
    assert len(socket.sent) == 3
    link.pump(0.0)
    assert len(socket.sent) == 6
    link.pump(0.0)
    link.pump(0.0)
    assert [key for key, _, _ in socket.sent] == MANY


# --- answers -------------------------------------------------------------------------------------------------


def test_an_error_is_asked_again_with_a_new_id_after_a_pause(link: Link, stream: Stream) -> None:
    link.want([A])
    socket = open_up(link, stream)
    answer(link, socket, A, "ERROR", 5.0)
    assert not link.settled([A])
    assert link.word([A]) == "ERROR"
    link.pump(5.9)
    assert len(socket.sent) == 1
    link.pump(6.0)
    (_, first, _), (_, second, add) = socket.sent
    assert second > first
    assert add
    answer(link, socket, A, now=6.0)
    assert link.settled([A])
    assert link.word([A]) is None


@pytest.mark.parametrize("word", ["MAX_STREAMS_REACHED", "INVALID_PERMS", "SOMETHING_NEW"])
def test_a_refusal_settles_and_is_kept_in_the_vendors_word(link: Link, stream: Stream, word: str) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    answer(link, socket, A, word)
    answer(link, socket, B)
    assert link.settled([A, B])
    assert link.on([A, B]) == 1
    assert link.word([B]) is None
    assert link.word([B, A]) == word


def test_what_was_refused_is_asked_for_again_later(link: Link, stream: Stream) -> None:
    link.want([A])
    socket = open_up(link, stream)
    answer(link, socket, A, "MAX_STREAMS_REACHED", 0.0)
    link.pump(59.9)
    assert len(socket.sent) == 1
    link.pump(60.0)
    assert len(socket.sent) == 2
    # Until it is answered the former word stands.
    assert link.word([A]) == "MAX_STREAMS_REACHED"
    answer(link, socket, A, now=60.1)
    assert (link.on([A]), link.word([A])) == (1, None)


def test_a_request_without_an_answer_is_made_again_and_the_late_answer_does_not_count(
    link: Link, stream: Stream
) -> None:
    link.want([A])
    socket = open_up(link, stream, 100.0)
    first = number_of(socket, A)
    link.pump(109.9)
    assert len(socket.sent) == 1
    link.pump(110.0)
    assert len(socket.sent) == 2
    assert link.answered(Response(first, "SUBSCRIBED"), 110.1) is None
    assert not link.settled([A])
    answer(link, socket, A, now=110.2)
    assert link.settled([A])
    link.pump(200.0)
    assert len(socket.sent) == 2


def test_as_long_as_answers_come_the_others_are_waited_for(link: Link, stream: Stream) -> None:
    link.want([A, B, C])
    socket = open_up(link, stream, 100.0)
    answer(link, socket, A, now=109.0)
    link.pump(115.0)
    answer(link, socket, B, now=118.0)
    link.pump(128.0)
    assert len(socket.sent) == 3
    link.pump(128.1)
    assert [one[0] for one in socket.sent[3:]] == [C]


# --- who wants what --------------------------------------------------------------------------------------------


def test_a_key_that_two_want_is_asked_for_once_and_ended_with_the_second(link: Link, stream: Stream) -> None:
    link.want([A])
    link.want([A])
    socket = open_up(link, stream)
    assert len(socket.sent) == 1
    answer(link, socket, A)
    link.unwant([A])
    link.pump(0.0)
    assert link.wanted
    assert link.on([A]) == 1
    assert len(socket.sent) == 1
    link.unwant([A])
    link.pump(0.0)
    assert not link.wanted
    assert socket.sent[1][0::2] == (A, False)
    assert link.on([A]) == 0


def test_a_second_one_who_wants_what_stands_need_not_wait(link: Link, stream: Stream) -> None:
    link.want([A])
    socket = open_up(link, stream)
    answer(link, socket, A)
    link.want([A])
    assert link.settled([A])
    link.pump(0.0)
    assert len(socket.sent) == 1


def test_what_was_refused_need_not_be_ended_and_its_word_is_forgotten(link: Link, stream: Stream) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    answer(link, socket, A, "INVALID_PERMS")
    link.unwant([A])
    link.pump(100.0)
    assert [add for key, _, add in socket.sent if key == A] == [True]
    assert link.word([A]) is None


def test_what_is_wanted_again_at_once_is_ended_and_begun_in_this_order(link: Link, stream: Stream) -> None:
    link.want([A])
    socket = open_up(link, stream)
    answer(link, socket, A)
    link.unwant([A])
    link.want([A])
    assert not link.settled([A])
    link.pump(0.0)
    assert [add for _, _, add in socket.sent] == [True, False, True]


def test_nothing_that_is_not_wanted_any_more_is_asked_for_on_a_new_connection(link: Link, stream: Stream) -> None:
    link.want([A, B])
    open_up(link, stream)
    link.disconnect(0.0)
    link.unwant([A])
    socket = open_up(link, stream)
    assert [(key, add) for key, _, add in socket.sent] == [(B, True)]


def test_renewing_ends_and_begins_what_stands_and_nothing_else(link: Link, stream: Stream) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    answer(link, socket, A)
    answer(link, socket, B, "INVALID_PERMS")
    link.renew([A, B, C])
    assert not link.settled([A])
    assert link.settled([B])
    link.pump(1.0)
    assert [one[0::2] for one in socket.sent[2:]] == [(A, False), (A, True)]
    answer(link, socket, A)
    assert link.on([A]) == 1


def test_what_is_renewed_and_then_unwanted_is_ended_once(link: Link, stream: Stream) -> None:
    link.want([A, B])
    socket = open_up(link, stream)
    for key in (A, B):
        answer(link, socket, key)
    link.renew([A])
    link.unwant([A])
    link.pump(0.0)
    assert [one[0::2] for one in socket.sent[2:]] == [(A, False)]


def test_an_answer_to_a_request_before_an_unsubscribe_does_not_stand_for_the_one_after_it(
    link: Link, stream: Stream
) -> None:
    link.want([A])
    socket = open_up(link, stream)
    former = number_of(socket, A)
    link.unwant([A])
    link.want([A])
    link.pump(0.0)
    link.answered(Response(former, "SUBSCRIBED"), 0.0)
    assert not link.settled([A])
    answer(link, socket, A, "MAX_STREAMS_REACHED")
    assert (link.on([A]), link.word([A])) == (0, "MAX_STREAMS_REACHED")


# --- the connection --------------------------------------------------------------------------------------------


def test_everything_is_asked_for_anew_on_a_new_connection(link: Link, stream: Stream) -> None:
    link.want([A, B, C])
    former = open_up(link, stream)
    answer(link, former, A)
    answer(link, former, B, "MAX_STREAMS_REACHED")
    link.disconnect(0.0)
    assert former.ended
    assert link.socket is None
    assert not link.settled([A])
    assert link.on([A]) == 0
    socket = open_up(link, stream)
    assert {key for key, _, _ in socket.sent} == {A, B, C}
    # An answer that was still on its way from the former one is none.
    link.answered(Response(number_of(former, C), "SUBSCRIBED"), 0.0)
    assert not link.settled([C])


def test_a_connection_that_fails_is_tried_again_after_ever_longer_pauses(link: Link) -> None:
    link.want([A])
    now, pauses = 0.0, []
    for _ in range(9):
        link.connect()
        link.disconnect(now)
        pause = 0.0
        while not link.wants_connection(now + pause):
            pause = round(pause + 0.1, 1)
        pauses.append(pause)
        now += pause
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
    assert link.connects == 9


def test_after_a_connection_that_worked_the_pause_is_short_again(link: Link, stream: Stream) -> None:
    link.want([A])
    for _ in range(6):
        link.connect()
        link.disconnect(0.0)
    open_up(link, stream)
    link.disconnect(100.0)
    assert not link.wants_connection(100.1)
    assert link.wants_connection(100.2)


def test_a_connection_that_was_made_and_never_used_does_not_shorten_the_pause(link: Link, stream: Stream) -> None:
    link.want([A])
    for _ in range(6):
        link.connect()
        stream.sockets[-1].opened = True
        link.disconnect(0.0)
    assert not link.wants_connection(6.3)


def test_letting_go_of_no_connection_does_not_count_as_a_failure(link: Link, stream: Stream) -> None:
    link.want([A])
    for _ in range(5):
        link.disconnect(0.0)
    assert link.wants_connection(0.0)
    socket = open_up(link, stream)
    link.close()
    link.close()
    assert socket.ended
    assert link.socket is None


def test_while_it_is_connected_no_other_connection_is_wanted(link: Link, stream: Stream) -> None:
    link.want([A])
    open_up(link, stream)
    assert not link.wants_connection(1e9)


# --- all together ------------------------------------------------------------------------------------------------


class Terminal:
    """Takes requests in their order; what it refuses and what it does not answer, and when, is drawn."""

    def __init__(self, link: Link, stream: Stream, refused: set[StreamKey]) -> None:
        self.link, self.stream, self.refused = link, stream, refused
        self.streaming: set[StreamKey] = set()
        self._read = 0
        self._answers: list[Response] = []
        self._socket: Socket | None = None

    def take(self) -> None:
        socket = self.link.socket
        if socket is not self._socket:
            self._socket = socket  # type: ignore[assignment]
            self._read, self._answers = 0, []
            self.streaming = set()
        if self._socket is None:
            return
        for key, number, add in self._socket.sent[self._read :]:
            if not add:
                self.streaming.discard(key)
            elif key in self.refused:
                self._answers.append(Response(number, "INVALID_PERMS"))
            else:
                self.streaming.add(key)
                self._answers.append(Response(number, "SUBSCRIBED"))
        self._read = len(self._socket.sent)

    def answer(self, count: int, now: float, *, lost: bool = False, failed: bool = False) -> None:
        for response in self._answers[:count]:
            if not lost:
                self.link.answered(Response(response.id, "ERROR") if failed else response, now)
        del self._answers[:count]


some = st.lists(st.sampled_from(MANY), unique=True, max_size=len(MANY))
steps = st.one_of(
    st.tuples(st.just("want"), some),
    st.tuples(st.just("unwant"), some),
    st.tuples(st.just("renew"), some),
    st.tuples(st.just("pump"), st.sampled_from([0.0, 0.0, 1.5, 11.0])),
    st.tuples(st.sampled_from(["answer", "lose", "fail"]), st.integers(1, 4)),
    st.tuples(st.just("reconnect"), st.none()),
)


def run(script: list[tuple[str, Any]], refused: set[StreamKey]) -> tuple[Link, Terminal, dict[StreamKey, int]]:
    """What stands when a script has been gone through, and then everything is answered."""
    stream = Stream()
    link = Link(stream)  # type: ignore[arg-type]
    terminal = Terminal(link, stream, refused)
    wanted: dict[StreamKey, int] = {}
    now = 0.0
    acts: dict[str, Callable[[Any], None]] = {
        "answer": lambda count: terminal.answer(count, now),
        "lose": lambda count: terminal.answer(count, now, lost=True),
        "fail": lambda count: terminal.answer(count, now, failed=True),
        "renew": link.renew,
    }
    link.want([A])
    for act, what in script:
        if act == "want":
            link.want(what)
            wanted |= {key: wanted.get(key, 0) + 1 for key in what}
        elif act == "unwant":
            what = [key for key in what if wanted.get(key)]  # noqa: PLW2901
            link.unwant(what)
            wanted |= {key: wanted[key] - 1 for key in what}
        elif act == "pump":
            now += what
            link.pump(now)
        elif act == "reconnect":
            link.disconnect(now)
            link.connect()
            stream.sockets[-1].opened = True
        else:
            acts[act](what)
        terminal.take()
    if link.socket is None:
        link.connect()
        stream.sockets[-1].opened = True
    for _ in range(20):
        now += 2.0
        link.pump(now)
        terminal.take()
        terminal.answer(10**6, now)
    numbers = [number for _, number, _ in stream.sent]
    assert numbers == sorted(set(numbers))
    return link, terminal, wanted


@settings(max_examples=100)
@given(script=st.lists(steps, max_size=25), refused=st.sets(st.sampled_from(MANY), max_size=2))
def test_in_the_end_what_is_wanted_streams_and_the_link_knows_it(
    script: list[tuple[str, Any]], refused: set[StreamKey]
) -> None:
    link, terminal, wanted = run(script, refused)
    want = {A} | {key for key, count in wanted.items() if count}
    assert link.settled(want)
    assert terminal.streaming >= want - refused
    assert link.on(want) == len(want - refused)
    for key in want & refused:
        assert link.word([key]) == "INVALID_PERMS"
    assert terminal.streaming <= want


def test_what_is_wanted_again_streams_however_many_others_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_BURST", 3)
    script: list[tuple[str, Any]] = [
        ("want", MANY),
        ("reconnect", None),
        *[("pump", 0.0), ("answer", 10)] * 4,
        ("unwant", MANY),
        ("want", [MANY[-1]]),
    ]
    link, terminal, _ = run(script, set())
    assert link.on([MANY[-1]]) == 1
    assert MANY[-1] in terminal.streaming
