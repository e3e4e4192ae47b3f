"""What JSON Schema can say of the fields of requests, where the checks themselves are done in code after the model has
taken a field as text. Tests hold each of these against the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import WithJsonSchema
from pydantic.config import JsonDict

from app.domain.schema import INTERVAL_SECONDS, RECORDS, TICK, Asset, schemas_of
from app.domain.series import ID_PATTERN, SYMBOL_PATTERN

_NULL: Any = {"type": "null"}


def said(description: str, schema: Mapping[str, Any], *, optional: bool = False) -> WithJsonSchema:
    """A field's schema; ``optional``: null is the same as left out."""
    if not optional:
        return WithJsonSchema({**schema, "description": description})
    if "enum" in schema:
        schema = {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    elif "type" in schema:
        schema = {**schema, "type": [schema["type"], "null"]}
    elif "anyOf" in schema:
        schema = {**schema, "anyOf": [*schema["anyOf"], _NULL]}
    else:
        schema = {"anyOf": [schema, _NULL]}
    return WithJsonSchema({**schema, "description": description})


def choice(values: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


DATE: Mapping[str, Any] = {"type": "string", "format": "date"}
TIME: Mapping[str, Any] = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"}
#: A number is taken as its digits.
ID: Mapping[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": f"^{ID_PATTERN}$"},
        {"type": "number", "minimum": 0},
    ]
}
TICKER: Mapping[str, Any] = {"type": "string", "pattern": f"^{SYMBOL_PATTERN.replace('A-Z', 'A-Za-z')}$"}
ROOT: Mapping[str, Any] = {**TICKER, "maxLength": 6}
#: Dollars; as text they are as exact as they are written.
STRIKE: Mapping[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0.001, "maximum": 99_999.999},
        {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,3}0*)?$"},
    ]
}
ASSET = choice(dict.fromkeys(asset for asset, _ in RECORDS))
SCHEMA = choice(dict.fromkeys(schema for _, schema in RECORDS))
INTERVAL = choice((TICK, *INTERVAL_SECONDS))
#: What names the series of an asset, and what belongs to the other one.
_NAMED: Mapping[Asset, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "stock": (("tickers", "ticker"), ("root", "contracts")),
    "option": (("root",), ("tickers", "ticker")),
}


def of_either_asset(schema: JsonDict) -> None:
    """The rules of an entry that says itself which asset it is of."""
    schema["oneOf"] = [
        {
            "title": f"{asset}s",
            "properties": {
                "asset": {"const": asset},
                "schema": {"enum": [*schemas_of(asset), None]},
                **dict.fromkeys(others, _NULL),
            },
            "anyOf": [{"required": [name]} for name in names],
        }
        for asset, (names, others) in _NAMED.items()
    ]


def of_asset(
    asset: Asset, schemas: Iterable[str] | None = None, *, null_asset: bool = False
) -> Callable[[JsonDict], None]:
    """The rules of a form whose endpoint, or whose ``root``, says which asset is meant. ``schemas``: where not all of
    the asset's may be asked for; ``null_asset``: null is taken for it, too."""
    names, others = _NAMED[asset]

    def narrow(schema: JsonDict) -> None:
        fields: Any = schema["properties"]
        for name in others:
            fields.pop(name)
        fields["asset"] = {"enum": [asset, *([None] if null_asset else [])], "description": "May be left out here."}
        fields["schema"]["enum"] = [*(schemas or schemas_of(asset)), None]
        required: Any = schema.get("required", [])
        required.remove("asset")
        if len(names) == 1:
            required += names
            fields[names[0]]["type"] = "string"
        else:
            schema["oneOf"] = [{"title": name, "required": [name]} for name in names]
        if not required:
            del schema["required"]

    return narrow
