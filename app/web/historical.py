"""``POST /historical/…``: the short form of a request, for one asset."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from app.domain.request import Backtest
from app.domain.schema import Asset
from app.domain.short_form import OptionRequest, StockRequest
from app.web.answers.backtests import BacktestSummary, Undecided
from app.web.backtests import LOCATION, TO_BACKTEST, submit
from app.web.bodies import read_backtest
from app.web.front import Front
from app.web.operations import Answer, Body, Call, NoQuery, Operation, json_of

_MODELS = {"stock": StockRequest, "option": OptionRequest}


def historical(front: Front) -> tuple[Operation, ...]:
    return _ask(front, "stock"), _ask(front, "option")


def _ask(front: Front, asset: Asset) -> Operation:
    async def run(call: Call[NoQuery, Backtest]) -> web.StreamResponse:
        return await submit(front, call.body)

    return Operation(
        method="post",
        path=f"/historical/{asset}",
        name=f"ask_historical_{asset}",
        summary=f"Ask for historical series of {asset}s",
        run=run,
        answers=(
            Answer(
                202,
                "It is taken; the backtest as it stands",
                json_of(BacktestSummary | Undecided),
                headers=LOCATION,
                links=TO_BACKTEST,
            ),
        ),
        tag="backtests",
        body=Body(partial(read_backtest, asset=asset), (_MODELS[asset],)),
        problems=(400, 409, 413, 422),
    )
