"""``python -m app``, and the console script ``fdp``."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def run() -> NoReturn:
    """Run a command. Interrupted while it is still being loaded it ends as it would later."""
    try:
        from app.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()
