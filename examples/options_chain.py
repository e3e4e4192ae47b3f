"""A part of an option chain: what expires within two days, five strikes on each side of the money."""

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest(
        "example-chain",
        root="SPXW",
        contracts={"right": "both", "max_dte": 2, "strike_range": 5},
        start="2024-03-04",
        end="2024-03-04",
        schema="quote",
        interval="1h",
    )
    quotes = backtest.to_pandas()

quotes["middle"] = (quotes["bid"] + quotes["ask"]) / 2
print(quotes.pivot_table(index="strike", columns=["expiration", "right"], values="middle", aggfunc="last"))
