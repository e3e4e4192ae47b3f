"""Rendered days kept for the next request, the least recently used dropped when they take too many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from simulator.formats import Leaf

_OVERHEAD = 300  # bytes of key and bookkeeping: many empty leaves must not be free


class LeafCache:
    """Leaves by key, at most ``capacity`` bytes of them; safe to use from several threads."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self.hits = 0
        self.misses = 0
        self._leaves: OrderedDict[Hashable, Leaf] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Leaf | None:
        """A leaf that is there, now the most recently used."""
        with self._lock:
            leaf = self._leaves.get(key)
            if leaf is None:
                self.misses += 1
                return None
            self.hits += 1
            self._leaves.move_to_end(key)
            return leaf

    def put(self, key: Hashable, leaf: Leaf) -> None:
        """Keep a leaf, unless it is by itself too large."""
        if _bytes(leaf) > self.capacity:
            return
        with self._lock:
            if key in self._leaves:
                return
            self._leaves[key] = leaf
            self.size += _bytes(leaf)
            while self.size > self.capacity:
                self.size -= _bytes(self._leaves.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._leaves)


def _bytes(leaf: Leaf) -> int:
    return _OVERHEAD + sum(map(len, leaf))
