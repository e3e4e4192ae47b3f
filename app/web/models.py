"""The JSON schemas of models, collected by name, as descriptions of interfaces refer to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

REF = "#/components/schemas/{model}"


class Models:
    """Collects what is referred to by name."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def refer(self, what: Any, mode: JsonSchemaMode = "serialization") -> dict[str, Any]:
        """The schema of a model, of a type of models, or one that is given as it is."""
        if isinstance(what, Mapping):
            return dict(what)
        schema = self.parts_of(what, mode)
        if isinstance(what, type) and issubclass(what, BaseModel):
            self._add(what.__name__, schema)
            return {"$ref": REF.format(model=what.__name__)}
        found: dict[str, Any] = plain(schema)
        return found

    def parts_of(self, what: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """A schema whose parts that have names are kept here."""
        schema = TypeAdapter(what).json_schema(ref_template=REF, schema_generator=_Schema, mode=mode)
        for name, one in schema.pop("$defs", {}).items():
            self._add(name, one)
        return schema

    def _add(self, name: str, schema: dict[str, Any]) -> None:
        found = plain(schema)
        if self._found.setdefault(name, found) != found:
            raise ValueError(f"there are two models named {name}")

    def definitions(self) -> dict[str, Any]:
        return dict(sorted(self._found.items()))


class _Schema(GenerateJsonSchema):
    """Says nothing twice: no titles that repeat names, no null for what is the same as left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found


def plain(schema: Any) -> Any:
    """A schema without models' own titles, their texts in Markdown."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: plain(one) for name, one in schema.items()}
    if isinstance(found.get("description"), str):
        found["description"] = re.sub(r"\s+", " ", found["description"].replace("``", "`"))
    if "properties" in found and "type" in found:
        found.pop("title", None)
    return found
