"""Each series of a backtest in a file. A file is there only when every row is in it.

python examples/save_parquet.py [FOLDER]
"""

import sys
from pathlib import Path

from app.client import Platform

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
with Platform() as platform:
    backtest = platform.backtest("example-files", tickers=["AAPL", "MSFT"], start="2024-03-01", end="2024-03-08")
    for series in backtest.series:
        path = series.save(folder / f"{series.topic}.parquet")
        print(path, path.stat().st_size, "bytes")
