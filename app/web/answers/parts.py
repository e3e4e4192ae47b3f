"""What the models of answers are made of. They describe what is answered, and tests hold answers against them; nothing
is built by them while a request waits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from app.domain.series import ID_PATTERN


class Told(BaseModel):
    """A part of an answer: all of its fields are there, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


def at_times() -> Any:
    """The default of a field that is left out, and never null, where there is nothing to tell."""
    return Field(None, json_schema_extra=_without_default)


def _without_default(schema: JsonDict) -> None:
    schema.pop("default", None)


#: ISO 8601, UTC, with ``Z``; a fraction only where there is one.
Instant = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}(\d{3})?)?Z$"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), WithJsonSchema({"type": "string", "format": "date"})]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$")]
Count = Annotated[int, Field(ge=0)]
Offset = Annotated[int, Field(ge=0)]
BacktestId = Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
