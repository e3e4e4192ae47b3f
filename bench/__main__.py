"""Everything that is measured, in one run: ``python -m bench`` (``make bench``), or some of it by ``--only``.

Each section brings up its own broker, registry and simulator (those of ``--quick`` share them), has its contestants
take turns, and says its figures. They are written to ``bench/results/latest.json``; a section that was not run now
stays there as it was, with the machine and the commit that it was measured on. What a reader has to know of this very
run is given by ``--note`` and stays with the figures of the sections that are run. ``docs/performance.md`` is made from
that file.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import subprocess
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import orjson

from bench.figures import Section, markdown
from bench.machine import described, machine
from bench.services import exit_on_signals, shared_services

ROOT = Path(__file__).resolve().parent.parent
LATEST = Path(__file__).parent / "results" / "latest.json"
PAGE = ROOT / "docs" / "performance.md"
#: In the order in which they are run and told.
SECTIONS = ("history", "read", "series", "options", "live", "idle", "scaling", "memory")
#: Those of ``--quick``: about two minutes in all.
QUICK = ("history", "read")
HEAD = """# Performance

How fast the platform is beside what a user would take instead, and how near the limit. This page is made by
`python -m bench.page` from `bench/results/latest.json`, which `make bench` writes; no figure was typed. Rates hang on
the machine, and on what else ran there: of rates, what is claimed are the ratios, each within a round in which all take
turns on the same broker. A figure with a range is the median of its rounds, with the least and the most of them; one
without was taken once. The broker is Kafka as `local` embeds it, but with the optimising compiler and more threads.
A `+` behind a commit: files had changed since, among them the figures of the sections before.
"""


def run(name: str, *, quick: bool, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Measure one section; what of it is kept. ``notes`` are told after its own."""
    print(f"\n=== {name}", flush=True)
    begun, where = time.monotonic(), described()
    section: Section = importlib.import_module(f"bench.sections.{name}").measure(quick, _say)
    print(f"\n{section.title}")
    for one in section.contestants:
        print(f"  {one.label}: {sorted(one.rates)[len(one.rates) // 2]:,.0f} rows/s")
    for figure in section.figures:
        print(f"  {figure}")
    found = section.as_json()
    found["notes"] += notes
    for note in found["notes"]:
        print(f"  {note}")
    taken = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return found | {
        "taken": taken,
        "seconds": round(time.monotonic() - begun),
        "quick": quick,
        "commit": _commit(),
        "machine": where,
    }


def kept(file: Path = LATEST) -> dict[str, Any]:
    """The sections that were measured before, by key."""
    return orjson.loads(file.read_bytes())["sections"] if file.exists() else {}


def page(sections: dict[str, Any]) -> str:
    """``docs/performance.md``, from the sections that there are."""
    goals = [figure["met"] for one in sections.values() for figure in one["figures"] if figure.get("met") is not None]
    parts = [HEAD, f"{sum(goals)} of {len(goals)} goals are met; those that are not are marked.\n"]
    for key in SECTIONS:
        if key not in sections:
            continue
        one = sections[key]
        where = one["machine"]
        parts.append(markdown(one))
        quick = ", `--quick`" if one["quick"] else ""
        parts.append(
            f"*{one['taken'][:10]}, commit `{one['commit']}`, {one['seconds']} s{quick}: {where['cores']} cores "
            f"({where['processor']}), {where['memory_gb']} GB, {where['python']}, librdkafka {where['librdkafka']}.*\n"
        )
    return "\n".join(parts)


def write(file: Path, sections: dict[str, Any]) -> None:
    ordered = {key: sections[key] for key in SECTIONS if key in sections}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps({"sections": ordered}, option=orjson.OPT_INDENT_2) + b"\n")


def _commit() -> str:
    """What is measured; ``+`` when it is not quite what was committed, figures apart: each section writes its own."""
    try:
        commit = _git("describe", "--always", "--exclude=*")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"about two minutes: {' and '.join(QUICK)}, one round")
    parser.add_argument("--only", metavar="SECTIONS", help=f"some of {', '.join(SECTIONS)}, separated by commas")
    parser.add_argument("--note", metavar="TEXT", help="kept and told with the figures of the sections that are run")
    parser.add_argument("--results", type=Path, help=f"the file (default: {LATEST.relative_to(ROOT)}; quick.json)")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else QUICK if options.quick else SECTIONS
    if unknown := set(names) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; choose from {', '.join(SECTIONS)}")
    file = options.results or (LATEST.with_name("quick.json") if options.quick else LATEST)
    exit_on_signals()
    print(machine())
    sections = kept(file)
    # The quick ones leave nothing behind that the next would stumble over.
    shared = shared_services(_say) if tuple(names) == QUICK and options.quick else nullcontext()
    with shared:
        for name in names:
            sections[name] = run(name, quick=options.quick, notes=[options.note] if options.note else [])
            write(file, sections)
    missed = [f"{key}: {one['name']}" for key in names for one in sections[key]["figures"] if one.get("met") is False]
    print(f"\nwritten to {file}; " + (f"goals not met: {'; '.join(missed)}" if missed else "all goals met"))


if __name__ == "__main__":
    main()
