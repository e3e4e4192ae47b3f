"""One declaration for each thing that can be asked over HTTP: routing, the checks of what comes in, and the API's
description are all made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, TypeVar

from aiohttp import web
from faust.web import View
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from app.domain.fields import names_of, refused
from app.errors import InvalidRequest

Method = Literal["get", "post", "delete"]
Q = TypeVar("Q", bound="Query")
B = TypeVar("B")
_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


def _flag(given: object) -> object:
    if isinstance(given, str):
        if given.lower() in _YES:
            return True
        if given.lower() in _NO:
            return False
        raise PydanticCustomError("flag", "{given} is neither true nor false", {"given": repr(given), "allowed": _BOTH})
    return given


_BOTH = ("true", "false")
#: A yes or no of a query.
Flag = Annotated[bool, BeforeValidator(_flag)]


class Query(BaseModel):
    """What may stand behind the question mark; what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(Query):
    """Nothing may."""


class AnyQuery(Query):
    """Whatever stands there is passed over: probes, scrapers and links to pages have parameters of their own."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True)
class Body(Generic[B]):
    """A request's body: how it is read and checked, and what describes it, several models where it has several forms.
    ``read`` raises what becomes a 400, 413 or 422. ``examples`` are bodies that are taken as they are, by name."""

    read: Callable[[web.Request], Awaitable[B]]
    models: tuple[type[BaseModel], ...]
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What may be answered: a status and what it means. ``content`` maps media types to what their bodies are, a
    model, a type that pydantic knows, a JSON schema, or None for bytes; no content where nothing is sent. ``headers``
    tell what each means, ``at_times`` of those that may be left out. ``links`` are operations to go on with, by name:
    where in the answer their path's part is. ``examples`` are JSON bodies, by name."""

    status: int
    meaning: str
    content: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    at_times: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """A request as an operation is given it."""

    request: web.Request
    query: Q
    body: B
    path: Mapping[str, str]


@dataclass(frozen=True)
class Operation:
    """A method of a path. ``name`` is unique. ``problems`` are the statuses that it may refuse with, each as a problem
    document; those that any operation may (401, 403, 422, 429, 500, 503) need not be named. ``path_docs`` tell what the
    parts of the path are, ``header_docs`` what the headers do that a request may have beside the usual ones. ``open``:
    wants no token even where tokens are asked for. ``hidden``: is not described, because it is a part of a page.
    """

    method: Method
    path: str
    name: str
    summary: str
    run: Callable[[Call[Any, Any]], Awaitable[web.StreamResponse]]
    answers: tuple[Answer, ...]
    tag: str
    description: str = ""
    query: type[Query] = NoQuery
    body: Body[Any] | None = None
    problems: tuple[int, ...] = ()
    path_docs: Mapping[str, str] = field(default_factory=dict)
    header_docs: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    hidden: bool = False


def json_of(what: Any) -> dict[str, Any]:
    """The content of an answer that is JSON."""
    return {"application/json": what}


class Declared(View):
    """A path whose methods are those that are declared for it."""

    def get_methods(self) -> set[str]:
        """Faust would have every path take HEAD, and fail where there is nothing to get."""
        declared = {name.upper() for name in vars(type(self)) if name in self.methods}
        return declared | ({"HEAD"} if "GET" in declared else set())


def views_of(operations: Iterable[Operation]) -> dict[str, type[View]]:
    """Path to Faust view, each with the methods that are declared for it."""
    by_path: dict[str, dict[str, Any]] = {}
    for operation in operations:
        methods = by_path.setdefault(operation.path, {})
        if operation.method in methods:
            raise ValueError(f"{operation.method} {operation.path} is declared twice")
        methods[operation.method] = _method(operation)
    return {path: type("Path", (Declared,), methods) for path, methods in by_path.items()}


def _method(operation: Operation) -> Callable[..., Awaitable[web.StreamResponse]]:
    async def answer(_view: View, request: web.Request, **path: str) -> web.StreamResponse:
        query = read_query(request, operation.query)
        body = None if operation.body is None else await operation.body.read(request)
        return await operation.run(Call(request, query, body, path))

    answer.__doc__ = operation.summary
    return answer


def read_query(request: web.Request, model: type[Q]) -> Q:
    """The query as a model; a parameter that is a list may be given again, or hold several, separated by commas.

    Raises ``InvalidRequest`` naming each parameter that is wrong.
    """
    given: dict[str, Any] = {}
    problems = []
    for name in dict.fromkeys(request.query):
        values = request.query.getall(name)
        if is_list(model, name):
            given[name] = [part for value in values for part in value.split(",") if part]
        elif len(values) > 1:
            problems.append(InvalidRequest.of(name, "is given more than once").problems[0])
        else:
            given[name] = values[0]
    if problems:
        raise InvalidRequest(problems)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refused(error, names_of(model), what="parameter") from None


def is_list(model: type[BaseModel], name: str) -> bool:
    """Whether a parameter holds several values."""
    found = next((one for known, one in model.model_fields.items() if name == (one.alias or known)), None)
    return found is not None and "list[" in str(found.annotation)
