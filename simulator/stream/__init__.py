"""The terminal's stream: the same market as REST, event by event, over the WebSocket ``/v1/events``.

The way of an event: ``series`` makes a subscription's events of a session from the market (on a thread, ahead of
time), ``feed`` merges all subscriptions' in the order of time as the clock goes on, ``server`` sends them to the one
``client``, unless the ``link`` to the vendor is down.
"""

from simulator.stream.server import Stream

__all__ = ["Stream"]
