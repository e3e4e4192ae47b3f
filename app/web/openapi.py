"""The description of what can be asked over HTTP, OpenAPI 3.1, made from the declarations alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.web import examples
from app.web.answers.platform import Problem
from app.web.models import REF, Models, plain
from app.web.operations import Answer, Body, Operation
from app.web.problems import CONTENT_TYPE as PROBLEM

VERSION = "3.1.0"
_TAGS = {
    "backtests": "Historical series: asked for, watched, read, ended.",
    "data": "The rows themselves.",
    "live": "Live topics: subscribed to, watched, ended.",
    "platform": "The platform itself: what it serves, how it is, and its descriptions.",
}
_ABOUT = """\
Market data on Kafka: one request, and clean, complete, schema-checked data is on topics that any number of consumer
groups read. Times are ISO 8601 in UTC, session dates and hours of the day are New York's. Errors are RFC 9457 problems.
What is not declared here, a field of a body or a parameter of a query, is refused with 422, and the answer names it.
"""
#: What each problem is called here, and what it means.
_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "The body cannot be read as JSON."),
    401: ("Unauthorized", "Tokens are asked for, and none of them came."),
    403: ("Forbidden", "A page of another host asked."),
    404: ("NotFound", "There is none of that name."),
    406: ("NotAcceptable", "None of the media types that are accepted can be answered."),
    409: ("Conflict", "It does not go with what stands; `errors` names why."),
    410: ("Gone", "What is asked for is not there any more."),
    412: ("PreconditionFailed", "What is there is not what it should be by the request's conditions."),
    413: ("TooLarge", "The body is larger than `MAX_BODY_BYTES`."),
    416: ("RangeNotSatisfiable", "The range that is asked for is not there."),
    421: ("Misdirected", "Nobody is asked for a token, and the host was called by a name that is not its own."),
    422: ("Invalid", "The request is not valid; `errors` names every field and parameter at fault."),
    429: ("TooMany", "Too much is asked for at once; `Retry-After` says when to try again."),
    500: ("Defect", "A defect of the platform; its log says more."),
    503: ("Unavailable", "What this needs does not answer now; asking again is safe."),
}
_HEADERS = {
    "Retry-After": ("Seconds after which to try again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("`Bearer`.", {"type": "string"}),
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
#: Methods that make work, which pages of other hosts may not ask for and which are counted.
_WORK = ("post", "delete")


def openapi(operations: Iterable[Operation], version: str, *, tokens: bool) -> dict[str, Any]:
    """The description. ``tokens``: whether they are asked for. The same for the same declarations, to the byte."""
    models = Models()
    paths: dict[str, dict[str, Any]] = {}
    used: set[int] = set()
    for one in operations:
        if one.hidden:
            continue
        paths.setdefault(one.path, {})[one.method] = _operation(one, models, used, tokens=tokens)
    components: dict[str, Any] = {
        "headers": {
            name: {"description": what, "required": True, "schema": kind} for name, (what, kind) in _HEADERS.items()
        },
        "responses": {_problem_name(status): _problem(status) for status in sorted(used)},
    }
    models.refer(Problem)
    if tokens:
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "One of `API_TOKENS`."}
        }
    components["schemas"] = models.definitions()
    return {
        "openapi": VERSION,
        "info": {"title": "Phase 1 Financial Data Platform", "version": version, "description": _ABOUT},
        "servers": [{"url": "/", "description": "Where this page is from."}],
        "tags": [{"name": name, "description": what} for name, what in _TAGS.items()],
        "paths": paths,
        "components": components,
        **({"security": [{"token": []}]} if tokens else {}),
    }


def _operation(one: Operation, models: Models, used: set[int], *, tokens: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": one.name, "tags": [one.tag], "summary": one.summary}
    if one.description:
        found["description"] = one.description
    parameters = [*_path_parameters(one), *_query_parameters(one, models), *_header_parameters(one)]
    if parameters:
        found["parameters"] = parameters
    if one.body is not None:
        found["requestBody"] = _body(one.body, models)
    told = {answer.status for answer in one.answers}
    problems = [status for status in _problems_of(one, tokens=tokens) if status not in told]
    used.update(problems)
    responses = {str(answer.status): _answer(answer, models) for answer in one.answers}
    responses |= {str(status): {"$ref": f"#/components/responses/{_problem_name(status)}"} for status in problems}
    found["responses"] = dict(sorted(responses.items()))
    if tokens and one.open:
        found["security"] = []
    return found


def _problems_of(one: Operation, *, tokens: bool) -> list[int]:
    anywhere = {500, 503}
    if not tokens:
        anywhere.add(421)
    elif not one.open:
        anywhere.add(401)
    if one.method in _WORK:
        anywhere |= {403, 429}
    # Whatever is not declared in the query is refused.
    return sorted(anywhere | {422} | set(one.problems))


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)(?::[^}]*)?}", one.path)
    return [
        {"name": name, "in": "path", "required": True, "description": one.path_docs[name], "schema": {"type": "string"}}
        for name in names
    ]


def _query_parameters(one: Operation, models: Models) -> list[dict[str, Any]]:
    schema = models.parts_of(one.query, "validation")
    found = []
    for name, part in schema.get("properties", {}).items():
        shape = plain(part)
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if "description" in shape:
            parameter["description"] = shape.pop("description")
        # Nobody can write null in a query: it is what stands for a parameter that is left out.
        alternatives = [each for each in shape.get("anyOf", ()) if each != {"type": "null"}]
        if len(alternatives) == 1:
            del shape["anyOf"]
            shape |= alternatives[0]
        if shape.get("type") == "array":
            # Several, separated by commas; or the parameter again.
            parameter |= {"style": "form", "explode": False}
        found.append({**parameter, "schema": shape})
    return found


def _header_parameters(one: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "description": what, "schema": {"type": "string"}}
        for name, what in one.header_docs.items()
    ]


def _body(body: Body[Any], models: Models) -> dict[str, Any]:
    forms = [models.refer(model, "validation") for model in body.models]
    content: dict[str, Any] = {"schema": forms[0] if len(forms) == 1 else {"anyOf": forms}}
    if body.examples:
        content["examples"] = {name: {"value": dict(value)} for name, value in body.examples.items()}
    return {"required": True, "content": {"application/json": content}}


def _answer(answer: Answer, models: Models) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.meaning}
    headers = {
        name: {"description": what, "required": required, "schema": {"type": "string"}}
        for required, some in ((True, answer.headers), (False, answer.at_times))
        for name, what in some.items()
    }
    if headers:
        found["headers"] = headers
    if answer.content:
        found["content"] = {
            media: {} if kind is None else {"schema": models.refer(kind)} for media, kind in answer.content.items()
        }
        if answer.examples and "application/json" in found["content"]:
            found["content"]["application/json"]["examples"] = {
                name: {"value": value} for name, value in answer.examples.items()
            }
    if answer.links:
        found["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in answer.links.items()
        }
    return found


def _problem_name(status: int) -> str:
    return _PROBLEMS[status][0]


def _problem(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _PROBLEMS[status][1]}
    if status in _HEADERS_OF:
        found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS_OF[status]}
    told: dict[str, Any] = {"schema": {"$ref": REF.format(model=Problem.__name__)}}
    if status in examples.PROBLEMS:
        told["example"] = examples.PROBLEMS[status]
    found["content"] = {PROBLEM: told}
    return found
