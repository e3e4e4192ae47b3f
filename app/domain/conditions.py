"""What a trade counts for, by its condition code: the vendor's table of trade conditions (THETA API 3.3, 3.4).

The table says of each code whether such a trade counts for volume (and count), and whether it may make the high, the
low and the last price; the bars of history go by it. Where it says ``*`` for the last price, the trade makes it only
if no other one has yet.

A cancel (codes 40 to 44) has no flag at all: it does not count, and the trade it takes back stays counted, because
neither the stream nor history says which one that is.

The arrays are looked up by ``rows_of(codes)``. A code that the table does not have counts for the volume only. That is
a guess: the table's newer codes without prices do the same, and a wrong price does more harm than a missing one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

#: Codes by what they count for: V volume, H high, L low, C last (the close), ``*`` last only if it is the first.
_TABLE = {
    "VHLC": "0 7 10 14 18 21-22 25 29-32 34-39 45-47 52-55 58 63 67 71 75-76 78-83 86-88 95 97 100 125-146",
    "VHL*": "2 5 8 13 15 96 98",
    "VHL": "6 17 62 99 101-102 106",
    "V": "1 4 9 11-12 16 20 28 33 59-60 65 77 89 105 109 115 124 147-148",
    "HLC": "56 117",
    "HL": "68-69",
    "H": "84",
    "L": "85",
    "C": "107",
    "": "19 26-27 40-44 48-51 61 64 66 70 72-74 90-94 103-104 108 110-114 116 118-123",
}
#: The row of every code that is not in the table; the vendor's own mark of a code that is not there.
_UNKNOWN = 255


def _letters() -> list[str]:
    letters = ["V"] * (_UNKNOWN + 1)
    for flags, codes in _TABLE.items():
        for span in codes.split():
            first, _, last = span.partition("-")
            for code in range(int(first), int(last or first) + 1):
                letters[code] = flags
    return letters


def _flags(letter: str) -> Flags:
    flags = np.array([letter in letters for letters in _letters()])
    flags.setflags(write=False)
    return flags


volume_counts = _flags("V")
makes_high = _flags("H")
makes_low = _flags("L")
makes_last = _flags("C")
last_if_first = _flags("*")
#: Whether it counts for anything.
matters = volume_counts | makes_high | makes_low | makes_last | last_if_first


def rows_of(codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint64]:
    """Where the flags of these codes stand in the arrays; shape ``(n,)``, any code."""
    # Negative ones become huge.
    return np.minimum(codes.astype(np.int64, copy=False).view(np.uint64), np.uint64(_UNKNOWN))
