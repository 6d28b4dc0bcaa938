"""Answers as HTTP responses: JSON with headers, and what discovery and OpenAPI tell. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from porter.lab.apiserver import discovery, openapi, swagger
from porter.lab.apiserver.asking import TABLE
from porter.lab.apiserver.kinds import Kinds
from porter.lab.apiserver.objects import Json, encode
from porter.lab.apiserver.plain import Request

_JSON = {"Content-Type": "application/json"}
_NOT_FOUND = "404 page not found\n"


def json_answer(
    value: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
) -> web.Response:
    """A value as JSON."""
    return encoded_answer(encode(value), status, headers)


def encoded_answer(
    body: bytes, status: int = HTTPStatus.OK, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
) -> web.Response:
    """What is JSON already."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    answer = web.Response(body=body, status=int(status), headers=_JSON)
    for name, text in pairs:
        answer.headers.add(name, text)
    return answer


async def expected(request: web.BaseRequest) -> None:
    """Tell a client that waits with its body to go on (RFC 9110, 10.1.1); 417 for anything else that is expected."""
    wanted = request.headers["Expect"]
    if wanted.lower() != "100-continue":
        raise web.HTTPExpectationFailed(text=f"Unknown Expect: {wanted}")
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def nothing_there() -> web.Response:
    """What Go's own router says of a path that nobody handles."""
    return web.Response(status=HTTPStatus.NOT_FOUND, text=_NOT_FOUND)


def health(request: Request) -> web.Response:
    """What a server says that is well; it answers, so it is."""
    if "verbose" not in request.query:
        return web.Response(text="ok")
    return web.Response(text=f"[+]ping ok\n{request.path.split('/')[1]} check passed\n")


def warnings(found: list[str]) -> list[tuple[str, str]]:
    """Warning headers (RFC 7234, 5.5), as kubectl prints them."""
    return [("Warning", '299 - "' + one.replace("\\", "\\\\").replace('"', '\\"') + '"') for one in found]


def watch_type(wanted: str) -> str:
    """The content type of a watch."""
    return "application/json;as=Table;v=v1;g=meta.k8s.io;stream=watch" if wanted == TABLE else "application/json"


def described(request: Request, path: str, kinds: Kinds) -> web.Response | None:  # noqa: C901, PLR0912  (a table of paths)
    """The answer of a path that tells about the server; None when the path is another one."""
    if request.method not in ("GET", "HEAD"):
        return None
    accept, parts = request.headers.get("Accept", ""), path.split("/")[1:]
    match parts:
        case ["api"] | ["apis"] if discovery.wants_aggregated(accept):
            document = discovery.aggregated(kinds, core=parts == ["api"])
            return web.Response(body=encode(document), headers={"Content-Type": discovery.AGGREGATED})
        case [""]:
            return json_answer({"paths": discovery.paths(kinds)})
        case ["api"]:
            return json_answer(discovery.versions(request.host))
        case ["apis"]:
            return json_answer(discovery.groups(kinds))
        case ["apis", group]:
            return _maybe(discovery.group(kinds, group))
        case ["api", version]:
            return _maybe(discovery.resources(kinds, "", version))
        case ["apis", group, version]:
            return _maybe(discovery.resources(kinds, group, version))
        case ["openapi", "v2"]:
            return _openapi_v2(accept, kinds)
        case ["openapi", "v3"]:
            return json_answer(openapi.index(kinds))
        case ["openapi", "v3", "api", version]:
            return json_answer(openapi.described(kinds, "", version))
        case ["openapi", "v3", "apis", group, version]:
            return json_answer(openapi.described(kinds, group, version))
        case _:
            return None


def _openapi_v2(accept: str, kinds: Kinds) -> web.Response:
    document = openapi.swagger(kinds)
    if swagger.ASKED not in accept:
        return json_answer(document)
    return web.Response(body=swagger.in_protobuf(document), content_type=swagger.MEDIA_TYPE)


def _maybe(found: Json | None) -> web.Response | None:
    return None if found is None else json_answer(found)
