"""The short form of a request, which names its one series at the top level, and the endpoints of one asset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from app.domain.checking import RequestFields
from app.domain.described import of_asset
from app.domain.fields import SeriesFields
from app.domain.schema import Asset
from app.errors import InvalidRequest

#: Fields of the short form (the body of ``POST /historical/stock``) that belong to its one series.
_SHORT = ("asset", "tickers", "ticker", "root", "contracts", "schema", "interval")


class StockRequest(RequestFields, SeriesFields):
    """Historical series of stocks, one for each ticker: the short form, which is checked in its full one."""

    model_config = ConfigDict(json_schema_extra=of_asset("stock"))


class OptionRequest(RequestFields, SeriesFields):
    """A historical series of options of one root: the short form, which is checked in its full one."""

    model_config = ConfigDict(json_schema_extra=of_asset("option"))


def expand_short_form(body: Mapping[str, Any], asset: Asset | None = None) -> dict[str, Any]:
    """The full form of a request that names its one series at the top level; a full form passes through.

    ``asset`` is what the endpoint says; without it a ``root`` means options and tickers mean stocks. Raises
    ``InvalidRequest`` when the body says otherwise than its endpoint.
    """
    if "series" in body:
        _agree(body["series"], asset)
        return dict(body)
    entry = {name: body[name] for name in _SHORT if name in body}
    rest = {name: value for name, value in body.items() if name not in _SHORT}
    if asset is not None:
        if entry.setdefault("asset", asset) != asset:
            raise InvalidRequest.of("asset", f"{entry['asset']!r} does not belong here: this is for {asset}s", (asset,))
    else:
        entry.setdefault("asset", "option" if "root" in entry else "stock")
    return {**rest, "series": [entry]}


def _agree(series: object, asset: Asset | None) -> None:
    if asset is None or not isinstance(series, list):
        return
    for index, entry in enumerate(series):
        given = entry.get("asset", asset) if isinstance(entry, Mapping) else asset
        if given != asset:
            raise InvalidRequest.of(
                f"series[{index}].asset", f"{given!r} does not belong here: this is for {asset}s", (asset,)
            )
