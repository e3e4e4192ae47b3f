"""A simulator of Theta Terminal: the vendor's REST API v3 over a deterministic market with the real calendar.

The market is a pure function of a seed, a symbol and a date; everything around it (formats, limits, tiers, queue,
errors) follows the vendor's documentation and recorded responses. Run it by ``python -m simulator``, or inside a test
by :meth:`simulator.server.Simulator.in_thread`.

Not here yet: snapshots, the endpoints at a time of day, the Greeks of trades, indices, flat files and the WebSocket.
"""
