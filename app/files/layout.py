"""Which files hold a series.

``FILES_DIR/<asset>/<schema><interval>/<symbol>.parquet`` or ``.csv``, or a folder of that name with any number of such
files. The symbol is spelled as in topics (``app.domain.series.symbol_to_part``): lower case, ``brk..2fb`` for
``BRK/B``; so no symbol leads out of the folder.
"""

from __future__ import annotations

from pathlib import Path

from app.domain.series import SeriesName, symbol_to_part
from app.errors import ProviderRefused

SUFFIXES = (".parquet", ".csv")


def place_of(root: Path, series: SeriesName) -> Path:
    """The series' folder, and with a suffix its file."""
    return root / series.asset / f"{series.schema}{series.interval or ''}" / symbol_to_part(series.symbol)


def files_of(root: Path, series: SeriesName) -> tuple[Path, ...]:
    """The series' files by name, at least one. Raises ``ProviderRefused`` saying where it looked, and ``OSError``."""
    place = place_of(root, series)
    # Not with_suffix: a symbol has dots of its own.
    found = [file for suffix in SUFFIXES if (file := place.with_name(place.name + suffix)).is_file()]
    folder = place.is_dir()
    if len(found) + folder > 1:
        names = " and ".join([file.name for file in found] + [f"{place.name}/"] * folder)
        raise ProviderRefused(f"{names} are both in {place.parent}: leave one of them, or put all files in {place}")
    if found:
        return tuple(found)
    if not folder:
        raise ProviderRefused(
            f"there is no {place}.parquet, no {place}.csv and no folder {place}: put the series there (the symbol in "
            "lower case), or ask for one that is there"
        )
    inside = [file for file in place.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    if not inside:
        raise ProviderRefused(f"the folder {place} has no .parquet or .csv file: put the series' files there")
    return tuple(sorted(inside))
