"""What the terminal says: the text of its frames, and how a text goes into a WebSocket's stream of bytes.

Fields as in the vendor's documentation and in a test literal of QuantConnect's client; ``STATE`` as ThetaDataDx reports
it. JSON is compact, prices are numbers with as many decimals as they have, so that they equal those of REST.

Thousands of frames a second go out, so they are put together as text, field by field, and written to the transport
many at once; a WebSocket library's own way of one call a frame costs ten times as much.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Literal

from simulator.stream.messages import Subscription, contract

Word = Literal["CONNECTED", "DISCONNECTED"]
Answer = Literal["SUBSCRIBED", "ERROR", "MAX_STREAMS_REACHED", "INVALID_PERMS"]

_SHORT, _MEDIUM = 126, 65_536


def status(word: Word) -> bytes:
    """The keep-alive of every second."""
    return b'{"header":{"type":"STATUS","status":"%b"}}' % word.encode()


def response(word: Word, answer: Answer, number: int) -> bytes:
    """What became of a request."""
    header = f'{{"type":"REQ_RESPONSE","status":"{word}","response":"{answer}","req_id":{number}}}'
    return f'{{"header":{header}}}'.encode()


def state(word: Literal["START", "STOP"]) -> bytes:
    """The market's open and close."""
    return b'{"header":{"type":"STATE","status":"CONNECTED","state":"%b"}}' % word.encode()


class Body:
    """The frames of one contract and one type on one day: everything in them but the event."""

    def __init__(self, kind: Literal["TRADE", "QUOTE", "OHLC"], subscription: Subscription, date: dt.date) -> None:
        about = json.dumps(contract(subscription), separators=(",", ":"))
        header = f'{{"header":{{"type":"{kind}","status":"CONNECTED"}}'
        self._head = f'{header},"contract":{about},"{kind.lower()}":{{"ms_of_day":'
        self._tail = f',"date":{date:%Y%m%d}}}}}'

    def trade(self, ms: int, sequence: int, size: int, condition: int, price: float, exchange: int) -> bytes:
        """A trade; ``price`` in dollars."""
        return (
            f'{self._head}{ms},"sequence":{sequence},"size":{size},"condition":{condition},"price":{price},'
            f'"exchange":{exchange}{self._tail}'
        ).encode()

    def quote(
        self,
        ms: int,
        bid_size: int,
        bid_exchange: int,
        bid: float,
        ask_size: int,
        ask_exchange: int,
        ask: float,
        condition: int,
    ) -> bytes:
        """A best bid and offer; prices in dollars, ``condition`` that of both sides."""
        return (
            f'{self._head}{ms},"bid_size":{bid_size},"bid_exchange":{bid_exchange},"bid":{bid},'
            f'"bid_condition":{condition},"ask_size":{ask_size},"ask_exchange":{ask_exchange},"ask":{ask},'
            f'"ask_condition":{condition}{self._tail}'
        ).encode()

    def ohlc(self, ms: int, open_: float, high: float, low: float, close: float, volume: int, count: int) -> bytes:
        """A contract's session so far; prices in dollars."""
        return (
            f'{self._head}{ms},"open":{open_},"high":{high},"low":{low},"close":{close},"volume":{volume},'
            f'"count":{count}{self._tail}'
        ).encode()


def wire(payload: bytes) -> bytes:
    """A text frame, unmasked and in one piece, as a server sends it (RFC 6455, 5.2)."""
    length = len(payload)
    if length < _SHORT:
        return bytes((0x81, length)) + payload
    if length < _MEDIUM:
        return b"\x81\x7e" + length.to_bytes(2) + payload
    return b"\x81\x7f" + length.to_bytes(8) + payload
