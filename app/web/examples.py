"""Examples of requests and answers, as the description shows them. Tests ask each request, and hold each answer against
what is really answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any]

_JANUARY: Example = {"start": "2024-01-02", "end": "2024-01-31"}
STOCK: Mapping[str, Example] = {
    "bars": {"backtest_id": "spring", "tickers": ["AAPL", "BRK.B"], **_JANUARY, "schema": "ohlcv", "interval": "1m"},
    "filled": {"backtest_id": "filled", "ticker": "KO", **_JANUARY, "interval": "1h", "empty_bars": "fill"},
    "reports": {"backtest_id": "reports", "tickers": ["KO"], **_JANUARY, "schema": "eod", "retain_days": 7},
    "morning": {
        "backtest_id": "morning",
        "ticker": "KO",
        "start": "2024-01-02",
        "end": "2024-01-02",
        "schema": "quote",
        "interval": "1s",
        "start_time": "09:30:00",
        "end_time": "10:00:00",
    },
}
OPTION: Mapping[str, Example] = {
    "near the money": {
        "backtest_id": "near-money",
        "root": "SPXW",
        "start": "2024-01-08",
        "end": "2024-01-09",
        "schema": "quote",
        "interval": "30m",
        "contracts": {"right": "both", "max_dte": 2, "strike_range": 5},
    },
    "one contract": {
        "backtest_id": "one-call",
        "root": "SPXW",
        "start": "2024-01-08",
        "end": "2024-01-08",
        "schema": "ohlcv",
        "interval": "1m",
        "contracts": {"expirations": ["2024-01-12"], "strikes": [4750], "right": "call"},
    },
}
BACKTEST: Mapping[str, Example] = {
    "several series": {
        "backtest_id": "mixed",
        **_JANUARY,
        "empty_bars": "fill",
        "series": [
            {"asset": "stock", "tickers": ["AAPL"], "schema": "ohlcv", "interval": "5m"},
            {"asset": "stock", "tickers": ["AAPL"], "schema": "eod"},
        ],
    },
    "short form": STOCK["bars"],
}
LIVE_STOCK: Mapping[str, Example] = {
    "trades": {"tickers": ["AAPL", "BRK.B"], "schema": "trade"},
    "bars": {"ticker": "KO", "schema": "ohlcv", "interval": "1m"},
}
LIVE_OPTION: Mapping[str, Example] = {
    "quotes": {"root": "SPXW", "schema": "quote", "contracts": {"right": "call", "max_dte": 2, "strike_range": 5}},
}

#: Of ``STOCK["reports"]``, at first and at last.
_REPORTS = "stock-ko-eod-historical-reports"
TAKEN: Example = {
    "backtest_id": "reports",
    "state": "accepted",
    "accepted_at": "2024-07-02T20:15:00.123456Z",
    "progress": {"rows": 0, "chunks_done": 0, "chunks_total": 1, "eta_seconds": None},
    "series": [{"topic": _REPORTS, "state": "accepted", "rows": 0}],
}
COMPLETE: Example = {
    **TAKEN,
    "state": "complete",
    "progress": {"rows": 21, "chunks_done": 1, "chunks_total": 1, "eta_seconds": None},
    "series": [{"topic": _REPORTS, "state": "complete", "rows": 21}],
    "receipts": [
        {
            "topic": _REPORTS,
            "rows": 21,
            "first": "2024-01-02T05:00:00Z",
            "last": "2024-01-31T05:00:00Z",
            "offsets": {"0": [0, 21]},
            "sha256": "8d6e0d5a4b5c0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796",
            "sessions": [
                {"date": "2024-01-02", "rows": 1, "status": "complete"},
                {"date": "2024-01-15", "rows": 0, "status": "holiday"},
            ],
            "empty_bars": 0,
            "provider": "theta",
            "finished_at": "2024-07-02T20:15:01.250Z",
        }
    ],
}
PLAN: Example = {
    "backtest_id": "spring",
    "requests": 2,
    "listings": 0,
    "rows": 16422,
    "bytes": 1313760,
    "seconds": 0.3,
    "sessions": 21,
    "refused": [],
    "series": [
        {
            "topic": "stock-aapl-ohlcv1m-historical-spring",
            "requests": 1,
            "listings": 0,
            "rows": 8211,
            "exact": True,
            "bytes": 648669,
            "seconds": 0.15,
            "steps": 1,
            "sessions": 21,
            "listed": True,
        },
        {
            "topic": "stock-brk.b-ohlcv1m-historical-spring",
            "requests": 1,
            "listings": 0,
            "rows": 8211,
            "exact": True,
            "bytes": 665091,
            "seconds": 0.15,
            "steps": 1,
            "sessions": 21,
            "listed": True,
        },
    ],
}
LIVE_TOPIC: Example = {
    "topic": "stock-aapl-trade-live",
    "asset": "stock",
    "symbol": "AAPL",
    "schema": "trade",
    "interval": None,
    "start_time": "09:30:00",
    "end_time": "16:00:00",
    "run": 17,
    "state": "live",
    "reason": None,
    "since": "2024-07-02T14:00:01Z",
    "until": "2024-07-02T15:30:00.250000Z",
    "verified": "2024-07-02T15:25:00Z",
    "last": "2024-07-02T15:30:00.107000Z",
    "lag_ms": 12.5,
    "rows": 48211,
    "late": 0,
    "outside": 0,
    "feed": "CONNECTED",
    "gaps": [
        {
            "id": "3",
            "from": "2024-07-02T15:01:10Z",
            "to": "2024-07-02T15:01:14Z",
            "why": "socket",
            "state": "closed",
            "repaired_to": "2024-07-02T15:01:14Z",
            "rows": 37,
            "offsets": [31007, 31044],
            "reason": None,
            "bars": [],
            "opened_at": "2024-07-02T15:01:11.020Z",
            "closed_at": "2024-07-02T15:01:19.480Z",
        }
    ],
    "gaps_total": 1,
}
ORPHANED: Example = {
    "checked_at": "2024-07-02T20:15:00.000Z",
    "orphaned": [{"topic": "stock-aapl-ohlcv1m-historical-1", "backtest_id": "1"}],
    "ended": ["stock-ko-quote-live"],
}
READY: Example = {
    "status": "ready",
    "role": "coordinator",
    "instance": "",
    "checks": {"index": "ok", "live_index": "ok", "decider": "ok", "group": "ok"},
    "terminal": "CONNECTED",
}
#: Problems by their status.
PROBLEMS: Mapping[int, Example] = {
    400: {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "the body is not JSON: unexpected end of data: line 1 column 15 (char 14)",
    },
    401: {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "send one of the API tokens as `Authorization: Bearer …`",
    },
    403: {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "pages of other hosts may not ask for anything here",
    },
    404: {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no backtest 'nothing'"},
    409: {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "backtest_id: 'spring' is taken by another request; choose another id, or ask exactly the same",
        "errors": [
            {
                "field": "backtest_id",
                "message": "'spring' is taken by another request; choose another id, or ask exactly the same",
            }
        ],
    },
    422: {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the request is not valid: contracts.right: 'up' is not one of call, put, both",
        "errors": [
            {
                "field": "contracts.right",
                "message": "'up' is not one of call, put, both",
                "allowed": ["call", "put", "both"],
            }
        ],
    },
    500: {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the platform has a defect; its log says more",
    },
    503: {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "the brokers did not take the request (TimeoutError); try again shortly",
    },
}
