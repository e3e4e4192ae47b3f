"""Write ``docs/performance.md`` and ``docs/scale.md`` anew from the kept results: ``python -m bench.page``."""

from __future__ import annotations

from bench import scale
from bench.__main__ import PAGE, ROOT, kept, page

SCALE = ROOT / "docs" / "scale.md"

if __name__ == "__main__":
    PAGE.write_text(page(kept()))
    SCALE.write_text(scale.page(kept()))
