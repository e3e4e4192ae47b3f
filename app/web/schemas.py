"""``GET /schemas``: what is in a row."""

from __future__ import annotations

from aiohttp import web

from app.domain.schema import RECORDS
from app.web.answers.platform import Schemas
from app.web.bodies import json_answer
from app.web.operations import Answer, Call, NoQuery, Operation, json_of


def schemas() -> tuple[Operation, ...]:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        return json_answer({record.name: record.avro() for record in RECORDS.values()})

    answer = Answer(200, "By the record's name", json_of(Schemas))
    return (
        Operation(
            method="get",
            path="/schemas",
            name="get_schemas",
            summary="The Avro schema of each record",
            run=run,
            answers=(answer,),
            tag="platform",
        ),
    )
