"""A contestant of reading: the platform's client, to which the coordinator sends all rows as Arrow over HTTP."""

from __future__ import annotations

import pandas as pd

from app.client import Platform
from bench.read_frame import Asked, main


def read(asked: Asked) -> pd.DataFrame:
    with Platform(asked.web) as platform:
        return platform.open(asked.backtest_id)[asked.topic].to_pandas()


if __name__ == "__main__":
    main(read)
