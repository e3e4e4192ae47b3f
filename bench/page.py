"""Write ``docs/performance.md`` anew from ``bench/results/latest.json``: ``python -m bench.page``."""

from __future__ import annotations

from bench.__main__ import PAGE, kept, page

if __name__ == "__main__":
    PAGE.write_text(page(kept()))
