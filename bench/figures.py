"""What a measurement says: figures by round, their goals, and how both are told in JSON and in Markdown.

Rates hang on the machine and on what else runs there. So contestants take turns within a round, what is claimed are
ratios within rounds, and each figure is told with its spread.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What a contestant says of one run: ``rows``, ``seconds``, ``cpu`` (seconds of its own processor time) and the like.
Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure's median is held against."""

    value: float
    #: Whether more is better.
    least: bool = True

    def met(self, value: float) -> bool:
        return value >= self.value if self.least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {_short(self.value)}"


def at_least(value: float) -> Goal:
    return Goal(value)


def at_most(value: float) -> Goal:
    return Goal(value, least=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that was measured, once a round or once in all. ``unit``: ``×`` for ratios, ``MB`` is 10^6 bytes."""

    name: str
    values: Sequence[float]
    unit: str = "×"
    goal: Goal | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        return None if self.goal is None else self.goal.met(self.median)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "unit": self.unit, **spread(self.values)}
        if self.goal is not None:
            found |= {"goal": str(self.goal), "met": self.met}
        return found

    def __str__(self) -> str:
        told = f"{self.name}: {_told(spread(self.values))} {self.unit}"
        return told if self.goal is None else f"{told}; goal {self.goal}, {'met' if self.met else 'NOT met'}"


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who took part in all rounds, and how each of its runs went."""

    name: str
    label: str
    runs: Sequence[Result]

    @property
    def rates(self) -> list[float]:
        """Rows a second, by round."""
        return [one["rows"] / one["seconds"] for one in self.runs]

    @property
    def cpu(self) -> list[float]:
        """Nanoseconds of its own processor time a row, by round; empty when it did not say."""
        return [one["cpu"] / one["rows"] * 1e9 for one in self.runs if "cpu" in one]

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "rows": self.runs[0]["rows"],
            "rows_per_second": spread(self.rates),
        }
        return found | ({"cpu_ns_per_row": spread(self.cpu)} if self.cpu else {})


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the whole. ``text``: what is measured, and from when to when the clock runs."""

    key: str
    title: str
    text: str
    contestants: Sequence[Contestant] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "text": self.text,
            "contestants": [one.as_json() for one in self.contestants],
            "figures": [one.as_json() for one in self.figures],
            "notes": list(self.notes),
        }


def take_turns(
    contestants: Mapping[str, Callable[[int], Result]], rounds: int, say: Callable[[str], None]
) -> dict[str, list[Result]]:
    """Run each contestant once a round, every other round in the opposite order; their results, by round."""
    found: dict[str, list[Result]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            one = contestants[name](number)
            found[name].append(one)
            say(f"  round {number + 1}: {name:16} {one['rows'] / one['seconds']:12,.0f} rows/s")
    return found


def ratio(name: str, of: Contestant, over: Contestant, goal: Goal | None = None) -> Figure:
    """How many times as fast one is as another, round by round."""
    return Figure(name, [a / b for a, b in zip(of.rates, over.rates, strict=True)], "×", goal)


def spread(values: Iterable[float]) -> dict[str, float | int]:
    """Median, least and most, and of how many."""
    found = sorted(values)
    return {
        "median": _rounded(statistics.median(found)),
        "least": _rounded(found[0]),
        "most": _rounded(found[-1]),
        "rounds": len(found),
    }


def markdown(section: Mapping[str, Any]) -> str:
    """A section as it is in the docs, from its JSON."""
    lines = [f"## {section['title']}", "", section["text"], ""]
    if section["contestants"]:
        lines += ["| | rows/s | ns of its own processor time a row | rows a round |", "|---|---|---|---|"]
        for one in section["contestants"]:
            cpu = _told(one["cpu_ns_per_row"]) if "cpu_ns_per_row" in one else ""
            lines.append(f"| {one['label']} | {_told(one['rows_per_second'])} | {cpu} | {one['rows']:,} |")
        lines.append("")
    if section["figures"]:
        lines += ["| | median (least to most) | goal | |", "|---|---|---|---|"]
        for one in section["figures"]:
            unit = f" {one['unit']}" if one["unit"] else ""
            met = {None: "", True: "met", False: "**not met**"}[one.get("met")]
            lines.append(f"| {one['name']} | {_told(one)}{unit} | {one.get('goal', '')} | {met} |")
        lines.append("")
    lines += [f"- {note}" for note in section["notes"]]
    return "\n".join(lines).rstrip() + "\n"


def _told(one: Mapping[str, Any]) -> str:
    if one["rounds"] == 1:
        return _short(one["median"])
    return f"{_short(one['median'])} ({_short(one['least'])} to {_short(one['most'])})"


def _short(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _rounded(value: float) -> float:
    """Four digits that count; more are noise."""
    return float(f"{value:.4g}")
