"""``POST /historical/…``: the short form of a request, for one asset, answered by what was decided, or by the rows
themselves."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from app.domain.request import Backtest
from app.domain.schema import Asset
from app.domain.short_form import OptionRequest, StockRequest
from app.web import examples
from app.web.answers.backtests import BacktestSummary, Undecided
from app.web.backtests import LOCATION, submit, taken
from app.web.bodies import read_backtest
from app.web.data import ROWS, coding_of, crowded, unpackable
from app.web.front import Front
from app.web.historical_rows import asked_form, check_form, rows_of
from app.web.negotiation import prefers
from app.web.operations import Answer, Body, Call, NoQuery, Operation
from app.web.reading import Shelf
from app.web.sending import Told

_EXAMPLES = {"stock": examples.STOCK, "option": examples.OPTION}
_MODELS = {"stock": StockRequest, "option": OptionRequest}


def historical(front: Front, shelf: Shelf, sent: Told) -> tuple[Operation, ...]:
    return _ask(front, shelf, sent, "stock"), _ask(front, shelf, sent, "option")


def _ask(front: Front, shelf: Shelf, sent: Told, asset: Asset) -> Operation:
    async def run(call: Call[NoQuery, Backtest]) -> web.StreamResponse:
        return await _answer(front, shelf, sent, call.request, call.body)

    return Operation(
        method="post",
        path=f"/historical/{asset}",
        name=f"ask_historical_{asset}",
        summary=f"Ask for historical series of {asset}s",
        run=run,
        answers=(
            Answer(
                200,
                "The rows of all series, one after the other, as they are committed; where `Accept` names a form",
                ROWS,
                headers=LOCATION,
            ),
            taken(BacktestSummary | Undecided, {"Preference-Applied": "`respond-async`, where that was preferred."}),
        ),
        description=(
            "With a form of rows in `Accept` (and no `Prefer: respond-async`) the answer is the rows. One that ends "
            "properly is whole; when a series fails it is cut off without the closing chunk. The backtest goes on when "
            "who asked goes away."
        ),
        tag="backtests",
        body=Body(partial(read_backtest, asset=asset), (_MODELS[asset],), _EXAMPLES[asset]),
        problems=(400, 406, 409, 413, 422),
    )


async def _answer(
    front: Front, shelf: Shelf, sent: Told, request: web.Request, backtest: Backtest
) -> web.StreamResponse:
    """Publish a request and answer with its rows, or with what was decided; also when it is not decided yet."""
    form = asked_form(request)
    if form is None:
        answer = await submit(front, backtest)
        if answer.status == 202 and prefers(request.headers.getall("Prefer", []), "respond-async"):
            answer.headers["Preference-Applied"] = "respond-async"
        return answer
    # What can be refused is refused before anything is begun.
    check_form(backtest, form)
    coding = coding_of(request, form)
    if coding is None:
        return unpackable()
    if shelf.full:
        return crowded(shelf)
    answer = await submit(front, backtest)
    record = front.index.backtest(backtest.backtest_id)
    if answer.status != 202 or record is None or shelf.full:
        # Where it is begun, its rows can be read from where the answer says it is.
        return answer
    return await rows_of(front, shelf, sent, request, record, form, coding)
