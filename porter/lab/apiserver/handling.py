"""Requests to answers: authentication, routing, the verbs. The rules are elsewhere; here is only the order of calls."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web

from porter.lab.apiserver import discovery
from porter.lab.apiserver.access import Access, Verdict
from porter.lab.apiserver.answers import (
    described,
    encoded_answer,
    expected,
    health,
    json_answer,
    nothing_there,
    warnings,
    watch_type,
)
from porter.lab.apiserver.asking import PLAIN, Target, Targets, attributes, form, list_options, write_options
from porter.lab.apiserver.audit import Audit, Audited
from porter.lab.apiserver.bodies import (
    APPLY_PATCH,
    JSON_PATCH,
    YAML,
    as_object,
    body,
    change_of,
    is_json,
    patch_body,
    yaml_body,
)
from porter.lab.apiserver.decoding import WriteOptions, as_kind, check_keys, check_options, clean_or_refuse
from porter.lab.apiserver.deletes import Deletes
from porter.lab.apiserver.errors import (
    Refusal,
    bad_request,
    initializing,
    method_not_allowed,
    no_such_resource,
)
from porter.lab.apiserver.identities import Identities, Identity
from porter.lab.apiserver.impersonation import acting
from porter.lab.apiserver.kinds import Kind, Kinds
from porter.lab.apiserver.lifecycle import Lifecycle
from porter.lab.apiserver.objects import Clock, Json, metadata, name_of, namespace_of
from porter.lab.apiserver.options import Deletion, deletion
from porter.lab.apiserver.plain import PlainRequest, Request
from porter.lab.apiserver.quick import MOST_BODY, JsonAnswer, body_of, is_plain
from porter.lab.apiserver.rbac import Attributes
from porter.lab.apiserver.reads import document, list_document, listed
from porter.lab.apiserver.repeated import in_their_order, only_unknown, repeated_first, telling, telling_of_yaml
from porter.lab.apiserver.reviews import reviewed
from porter.lab.apiserver.scale import SCALE, scale_change, scale_of
from porter.lab.apiserver.store import Key, Resource, Store
from porter.lab.apiserver.streaming import Stream
from porter.lab.apiserver.token_requests import TOKEN_REQUEST, TokenRequests
from porter.lab.apiserver.trouble import PATH as TROUBLE
from porter.lab.apiserver.trouble import Muted, Troubles
from porter.lab.apiserver.watch import Watch
from porter.lab.apiserver.writes import Writes

CACHE_FILLS_IN = 0.1  # seconds that a new custom kind's cache takes after its first list: until then a list gets 429
OPEN_PATHS = frozenset({"/readyz", "/livez", "/healthz", "/version"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the handler calls."""

    store: Store
    kinds: Kinds
    writes: Writes
    deletes: Deletes
    lifecycle: Lifecycle
    identities: Identities
    access: Access
    token_requests: TokenRequests
    audit: Audit | None
    now: Clock
    bookmark_every: float
    troubles: Troubles


class Handler:
    """Answers every request of one server."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.stopping = asyncio.Event()
        self._cache_ready: dict[tuple[Resource, str], float] = {}
        self._troubles = parts.troubles
        self._targets = Targets(parts.kinds)

    def at_once(self, request: Request) -> bool:
        """Whether the answer to a request waits for nothing, once its body is there."""
        return "watch" not in request.query and self._troubles.is_over

    async def answer(self, request: Request) -> web.StreamResponse:
        """Answer one request; whatever is refused becomes a Status."""
        if "Expect" in request.headers and isinstance(request, web.BaseRequest):
            await expected(request)
        try:
            return await self._routed(request)
        except Refusal as refusal:
            return json_answer(refusal.status(), refusal.code, refusal.headers)
        except web.HTTPRequestEntityTooLarge as failed:
            said = f"Request entity too large: limit is {MOST_BODY}"
            large = Refusal(code=failed.status, reason="RequestEntityTooLarge", message=said)
            return json_answer(large.status(), large.code)
        except RecursionError:
            deep = bad_request("couldn't get version/kind; json parse error: exceeded max depth")
            return json_answer(deep.status(), deep.code)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as bug:  # noqa: BLE001  # a fault here is ours: the client gets what a real server says, the log the traceback
            _log.exception("internal error answering %s %s", request.method, request.path)
            ours = Refusal(code=500, reason="InternalError", message=f"Internal error occurred: {bug!r}")
            return json_answer(ours.status(), ours.code)

    async def _routed(self, request: Request) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path == TROUBLE and request.method == "PUT":
            self._parts.access.require(
                self._parts.identities.of(request.headers.get("Authorization", "")), Attributes(verb="put", path=path)
            )
            return json_answer(self._troubles.put(await body_of(request)))
        await self._troubles.meet()
        if path in OPEN_PATHS or path.startswith(("/readyz/", "/livez/", "/healthz/")):
            return json_answer(discovery.VERSION) if path == "/version" else health(request)
        who = self._parts.identities.of(request.headers.get("Authorization", ""))
        if not isinstance(request, PlainRequest):
            who = acting(who, request.headers, self._parts.access)
        asked = attributes(request.method, request.path, request.query)
        if self._parts.audit is None:
            self._parts.access.require(who, asked)
            return await self._dispatched(request, path, who)
        return await self._audited(request, path, who, asked)

    async def _audited(self, request: Request, path: str, who: Identity, asked: Attributes) -> web.StreamResponse:
        """Answer and write the audit log; a watch is in it when it begins, anything else when it was answered."""
        verdict, code = Verdict(allowed=False), int(HTTPStatus.INTERNAL_SERVER_ERROR)
        audit = self._parts.audit
        assert audit is not None, "the caller has looked"

        def wrote() -> None:
            agent = request.headers.get("User-Agent", "")
            audit(Audited(who=who, asked=asked, verdict=verdict, uri=request.path_qs, agent=agent, code=code))

        try:
            verdict = self._parts.access.require(who, asked)
            if asked.verb == "watch":
                code = int(HTTPStatus.OK)
                wrote()
            answer = await self._dispatched(request, path, who)
            code = answer.status
        except Refusal as refusal:
            code = int(refusal.code)
            raise
        else:
            return answer
        finally:
            if asked.verb != "watch" or code != HTTPStatus.OK:
                wrote()

    async def _dispatched(self, request: Request, path: str, who: Identity) -> web.StreamResponse:
        told = described(request, path, self._parts.kinds)
        if told is not None:
            return told
        if path.startswith("/api/"):
            if path.count("/") < 3:  # noqa: PLR2004  (/api/VERSION: no such version, or discovery had answered)
                raise no_such_resource()
        elif not path.startswith("/apis/") or path.count("/") < 4:  # noqa: PLR2004  (/apis/GROUP/VERSION, likewise)
            return nothing_there()
        found = self._targets.of(path)
        if found is None:
            return nothing_there()
        answer = await self._resource(request, found, who)
        self._parts.lifecycle.settle()
        return answer

    async def _resource(self, request: Request, asked: Target, who: Identity) -> web.StreamResponse:
        if asked.subresource == "token":
            return await self._token(request, asked)
        match request.method, bool(asked.name):
            case "GET", False if "list" in asked.kind.verbs:
                return await self._list(request, asked)
            case "GET", True if "get" in asked.kind.verbs:
                return self._get(request, asked)
            case "POST", False:
                return await self._create(request, asked, who)
            case "PUT", True if "update" in asked.kind.verbs:
                return await self._replace(request, asked, who)
            case "PATCH", True if "patch" in asked.kind.verbs:
                return await self._patch(request, asked, who)
            case "DELETE", True if "delete" in asked.kind.verbs and not asked.subresource:
                return await self._delete(request, asked)
            case "DELETE", False if "deletecollection" in asked.kind.verbs:
                return await self._delete_many(request, asked)
            case _:
                raise method_not_allowed()

    def _get(self, request: Request, asked: Target) -> web.StreamResponse:
        wanted = form(request.headers.get("Accept", ""))
        obj = self._parts.writes.get(asked.kind, asked.key)
        if asked.subresource == "scale":
            return json_answer(scale_of(obj))
        include = request.query.get("includeObject", "Metadata")
        return json_answer(document(asked.kind, obj, wanted, now=self._parts.now, include=include))

    async def _list(self, request: Request, asked: Target) -> web.StreamResponse:
        wanted = form(request.headers.get("Accept", ""))
        options = list_options(request.query, asked.kind)
        parts = self._parts
        self._cache_must_be_filled(asked)
        if not options.watch:
            objects, about = listed(parts.store, asked.kind, asked.namespace, options)
            return json_answer(
                list_document(asked.kind, objects, about, wanted, now=parts.now, include=options.include)
            )
        assert isinstance(request, web.BaseRequest), "a watch is never answered at once"
        watch = Watch(parts.store, asked.kind, namespace=asked.namespace, options=options, form=wanted, now=parts.now)
        stream = Stream(request, {"Content-Type": watch_type(wanted), "Cache-Control": "no-cache, private"})
        await stream.begin()
        run = watch.run(Muted(stream, self._troubles), bookmark_every=parts.bookmark_every, stopping=self.stopping)
        try:
            cut = await self._troubles.until_cut(run, stream)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  # a fault of ours in the middle of an answer: it cannot become a Status any more
            _log.exception("internal error in a watch of %s", request.path)
            cut = True
        if cut:
            stream.cut()
        elif not self.stopping.is_set():
            with contextlib.suppress(ConnectionError):  # a client that was told 410 may be gone
                await stream.end()
        return stream.response

    async def _token(self, request: Request, asked: Target) -> web.StreamResponse:
        if request.method != "POST":
            raise method_not_allowed()
        found = as_kind(body(await body_of(request), _media(request)), TOKEN_REQUEST)
        account = self._parts.writes.get(asked.kind, asked.key)
        clean_or_refuse(found, TOKEN_REQUEST, WriteOptions())
        return json_answer(self._parts.token_requests.answer(account, found), HTTPStatus.CREATED)

    def _cache_must_be_filled(self, asked: Target) -> None:
        """A custom kind's cache is filled when somebody first lists it; a real server says 429 until it is."""
        if not asked.kind.custom:
            return
        defined = Key("", f"{asked.kind.plural}.{asked.kind.group}")
        definition = self._parts.store.get(Resource("apiextensions.k8s.io", "customresourcedefinitions"), defined)
        place = (asked.kind.resource, metadata(definition or {}).get("uid", ""))
        now = asyncio.get_running_loop().time()
        if now < self._cache_ready.setdefault(place, now + CACHE_FILLS_IN):
            raise initializing()

    async def _create(self, request: Request, asked: Target, who: Identity) -> web.StreamResponse:
        wanted = form(request.headers.get("Accept", ""))
        options = _write_options(request)
        obj = as_kind(await _body(request, options, asked.kind), asked.kind)
        if "list" not in asked.kind.verbs:
            return json_answer(self._reviewed(obj, asked, who), HTTPStatus.CREATED)
        if asked.kind.namespaced and not asked.namespace:
            raise method_not_allowed()
        made = self._parts.writes.create(asked.kind, asked.namespace, obj, options)
        return self._wrote(request, asked, made, wanted, HTTPStatus.CREATED, options)

    def _reviewed(self, obj: Json, asked: Target, who: Identity) -> Json:
        parts = self._parts
        clean_or_refuse(obj, asked.kind, WriteOptions())
        return reviewed(
            asked.kind.name,
            obj,
            who,
            namespace=asked.namespace,
            access=parts.access,
            identities=parts.identities,
        )

    def _may_create(self, request: Request, who: Identity) -> None:
        """A PUT or an apply of what is not there creates it, and needs the right to that, too."""
        asked = attributes(request.method, request.path, request.query)
        self._parts.access.require(who, dataclasses.replace(asked, verb="create"))

    async def _replace(self, request: Request, asked: Target, who: Identity) -> web.StreamResponse:
        wanted = form(request.headers.get("Accept", ""))
        options = _write_options(request)
        kind = SCALE if asked.subresource == "scale" else asked.kind
        obj = as_kind(await _body(request, options, kind), kind)
        writes = self._parts.writes
        if kind is SCALE:
            clean_or_refuse(obj, SCALE, options)
            return self._scaled(asked, lambda _: obj, dataclasses.replace(options, told=only_unknown))
        is_new = self._parts.store.get(asked.kind.resource, asked.key) is None
        if is_new and asked.kind.create_on_update:
            self._may_create(request, who)
        stored = writes.update(asked.kind, asked.key, obj, _part(asked), options)
        return self._wrote(request, asked, stored, wanted, HTTPStatus.CREATED if is_new else HTTPStatus.OK, options)

    async def _patch(self, request: Request, asked: Target, who: Identity) -> web.StreamResponse:
        wanted = form(request.headers.get("Accept", ""))
        media, raw = _media(request), await body_of(request)
        apply = media == APPLY_PATCH
        options = _write_options(request, apply=apply)
        writes, status = self._parts.writes, HTTPStatus.OK
        if apply:
            found = yaml_body(raw)
            config = as_kind(found, asked.kind)
            check_keys(raw, found, options)
            if self._parts.store.get(asked.kind.resource, asked.key) is None:
                self._may_create(request, who)
            stored, is_new = writes.apply(asked.kind, asked.key, config, _part(asked), options)
            status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        else:
            kind = SCALE if asked.subresource == "scale" else asked.kind
            found = patch_body(raw, media, kind)
            change = change_of(found, media, kind)
            options.told = telling(raw, found, partial(repeated_first, of="json patch " if media == JSON_PATCH else ""))
            if kind is SCALE:
                return self._scaled(asked, change, options)
            stored = writes.patch(asked.kind, asked.key, change, _part(asked), options)
        return self._wrote(request, asked, stored, wanted, status, options)

    def _scaled(self, asked: Target, change: Callable[[Json], Any], options: WriteOptions) -> web.StreamResponse:
        """Change the Scale of a workload. What is told of its body is not told of the workload once more."""
        of_workload = dataclasses.replace(options, told=only_unknown)
        stored = self._parts.writes.patch(asked.kind, asked.key, scale_change(change, options), "", of_workload)
        return json_answer(scale_of(stored), headers=warnings(options.warnings))

    def _wrote(  # noqa: PLR0917  (called three times, above)
        self, request: Request, asked: Target, obj: Json, wanted: str, status: int, options: WriteOptions
    ) -> web.StreamResponse:
        """The answer to a write: the object in the form that was asked for."""
        shown = document(asked.kind, obj, wanted, now=self._parts.now, include="Metadata")
        encoded = self._parts.store.encoded(asked.kind.resource, shown)
        if is_plain(request) and not options.warnings:
            return JsonAnswer(encoded, status)
        return encoded_answer(encoded, status, warnings(options.warnings))

    async def _delete(self, request: Request, asked: Target) -> web.StreamResponse:
        wanted, kind = form(request.headers.get("Accept", "")), asked.kind
        options, how = await _delete_options(request)
        obj, gone = self._parts.deletes.delete(kind, asked.key, options, how)
        if not gone or kind.returns_deleted:
            status = HTTPStatus.ACCEPTED if how.in_the_old_way and not gone else HTTPStatus.OK
            return json_answer(document(kind, obj, wanted, now=self._parts.now, include="Metadata"), status)
        details = {"name": asked.name, "group": kind.group, "kind": kind.plural, "uid": metadata(obj)["uid"]}
        details = {key: value for key, value in details.items() if value}
        return json_answer(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    async def _delete_many(self, request: Request, asked: Target) -> web.StreamResponse:
        kind = asked.kind
        options, how = await _delete_options(request)
        objects, about = listed(self._parts.store, kind, asked.namespace, list_options(request.query, kind))
        for obj in objects:
            self._parts.deletes.delete(kind, Key(namespace_of(obj), name_of(obj)), options, how)
        return json_answer(list_document(kind, objects, about, PLAIN, now=self._parts.now, include="None"))


async def _body(request: Request, options: WriteOptions, kind: Kind) -> Any:
    """The value of the body of a POST or PUT; what it names twice is told with what its kind does not know."""
    raw, media = await body_of(request), _media(request)
    found = body(raw, media)
    if is_json(media):
        options.told = telling(raw, found, repeated_first if kind.custom else in_their_order)
    elif media == YAML:
        options.told = telling_of_yaml(raw, found)
    return found


def _write_options(request: Request, *, apply: bool = False) -> WriteOptions:
    return write_options(request.method, request.query, request.headers.get("User-Agent", ""), apply=apply)


async def _delete_options(request: Request) -> tuple[WriteOptions, Deletion]:
    """How to write, and how to delete: of the query and of the body."""
    raw = await body_of(request)
    found = as_object(body(raw, _media(request))) if raw.strip() else {}
    check_options(found, "DeleteOptions")
    options, how = _write_options(request), deletion(request.query, found)
    options.dry_run |= bool(found.get("dryRun"))
    return options, how


def _part(asked: Target) -> str:
    return "status" if asked.subresource == "status" else ""


def _media(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip()
