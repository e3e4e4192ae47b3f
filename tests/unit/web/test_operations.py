"""What is declared is what is routed and checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import Field

from app.errors import FieldProblem, InvalidRequest
from app.web.operations import Answer, Call, Flag, Operation, Query, read_query, views_of


class Asked(Query):
    fresh: Flag = False
    limit: Annotated[int, Field(ge=1, le=10)] = 5
    kind: Literal["a", "b"] | None = None
    columns: list[str] | None = None
    begin: Annotated[str | None, Field(alias="from")] = None
    days: Annotated[tuple[str, ...] | list[str], Field(alias="on")] = ()


def read(query: str) -> Asked:
    return read_query(make_mocked_request("GET", f"/x?{query}"), Asked)


def problems(query: str) -> list[FieldProblem]:
    with pytest.raises(InvalidRequest) as caught:
        read(query)
    return caught.value.problems


def test_what_is_left_out_has_its_default() -> None:
    assert read("") == Asked()


@pytest.mark.parametrize("given", ["true", "True", "1", "yes", "YES"])
def test_a_yes_is_written_in_several_ways(given: str) -> None:
    assert read(f"fresh={given}").fresh is True


@pytest.mark.parametrize("given", ["false", "0", "no", "No"])
def test_so_is_a_no(given: str) -> None:
    assert read(f"fresh={given}").fresh is False


@pytest.mark.parametrize("given", ["", "2", "perhaps", "on", "null"])
def test_anything_else_is_refused_with_what_is_allowed(given: str) -> None:
    (problem,) = problems(f"fresh={given}")
    assert problem == FieldProblem("fresh", f"{given!r} is neither true nor false", ("true", "false"))


def test_what_is_not_declared_is_refused_with_what_may_have_been_meant() -> None:
    (problem,) = problems("colums=a")
    assert problem == FieldProblem("colums", "is not a parameter of a request; did you mean columns?")
    (problem,) = problems("form=a")
    assert problem.message.endswith("did you mean from?")


def test_a_list_is_given_with_commas_or_again_and_anything_else_once() -> None:
    assert read("columns=a,b&columns=c").columns == ["a", "b", "c"]
    assert read("on=x,y").days == ["x", "y"]
    assert problems("limit=1&limit=2&kind=a") == [FieldProblem("limit", "is given more than once")]


def test_every_parameter_at_fault_is_named() -> None:
    assert {one.field for one in problems("limit=11&kind=c&fresh=maybe&other=1")} == {"limit", "kind", "fresh", "other"}


def test_an_alias_is_the_parameters_name() -> None:
    assert read("from=x").begin == "x"
    assert problems("begin=x")[0].field == "begin"


def declared(method: Any, path: str) -> Operation:
    async def run(call: Call[Any, Any]) -> web.StreamResponse:
        return web.Response()

    return Operation(method, path, f"{method} {path}", "", run, (Answer(200, ""),), "platform")


@pytest.mark.parametrize(
    ("methods", "routed"),
    [
        (("get",), {"GET", "HEAD"}),
        (("post",), {"POST"}),
        (("delete",), {"DELETE"}),
        (("get", "post"), {"GET", "HEAD", "POST"}),
    ],
)
def test_a_path_is_routed_for_what_is_declared_and_head_beside_get(methods: tuple[str, ...], routed: set[str]) -> None:
    views = views_of([declared(method, "/x") for method in methods])
    view = views["/x"](None, None)  # type: ignore[arg-type]
    assert view.get_methods() == routed


def test_a_method_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        views_of([declared("get", "/x"), declared("get", "/x")])
