"""``python -m terminal``."""

import os
import sys

from terminal.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
