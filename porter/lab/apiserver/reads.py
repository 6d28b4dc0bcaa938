"""The read path: one object, or a list of them at the version asked for. It changes nothing."""

from __future__ import annotations

import base64
from typing import TypeAlias

import msgspec

from porter.lab.apiserver.asking import PARTIAL, TABLE, ListOptions, revision
from porter.lab.apiserver.errors import bad_request, expired, too_large_version
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Clock, Json, encode, metadata, name_of, namespace_of
from porter.lab.apiserver.options import EXACT
from porter.lab.apiserver.store import Store
from porter.lab.apiserver.tables import partial, table

_TOO_OLD = "The resourceVersion for the provided list is too old."
_CONTINUE_TOO_OLD = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."  # noqa: E501  (the API's sentence)
_Place: TypeAlias = tuple[str, str]  # a namespace and a name
_decoder = msgspec.json.Decoder(tuple[int, _Place])  # of a continue token: at which revision, after which object
_LATEST = -1  # in a continue token: go on in the list as it is then


def listed(store: Store, kind: Kind, namespace: str, options: ListOptions) -> tuple[list[Json], Json]:
    """The objects of one page, and the metadata of the list."""
    at, after = _place(store, kind, options)
    objects = store.at_revision(kind.resource, namespace, at, after)
    if options.selector is not None:
        objects = [obj for obj in objects if options.selector(obj)]
    about: Json = {"resourceVersion": str(at)}
    if 0 < options.limit < len(objects):
        rest = len(objects) - options.limit
        objects = objects[: options.limit]
        last = (namespace_of(objects[-1]), name_of(objects[-1]))
        about["continue"] = _token(at, last)
        if options.selector is None:
            about["remainingItemCount"] = rest
    return objects, about


def _place(store: Store, kind: Kind, options: ListOptions) -> tuple[int, _Place | None]:
    """At which revision to list, and after which key."""
    floor = store.feed(kind.resource).floor
    if options.token:
        return _where_to_go_on(store, options, floor)
    asked = revision(options.revision)
    if asked > store.revision:
        raise too_large_version(asked, store.revision)
    if options.match == EXACT or (options.limit > 0 and asked and not options.match):
        if asked < floor:
            raise expired(_TOO_OLD)
        return asked, None
    return store.revision, None


def _where_to_go_on(store: Store, options: ListOptions, floor: int) -> tuple[int, _Place | None]:
    try:
        at, after = _decoder.decode(base64.urlsafe_b64decode(options.token))
    except (ValueError, msgspec.DecodeError) as failed:
        message = f"invalid continue token: continue key is not valid: {failed}"
        raise bad_request(message) from failed
    if options.revision not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    if at == _LATEST:
        return store.revision, after
    if at < floor:
        raise expired(_CONTINUE_TOO_OLD, go_on=_token(_LATEST, after))
    return at, after


def _token(at: int, last: _Place) -> str:
    return base64.urlsafe_b64encode(encode([at, last])).decode()


def list_document(kind: Kind, objects: list[Json], about: Json, form: str, *, now: Clock, include: str) -> Json:
    """A list in the form asked for; items of built-in kinds do not repeat what they are."""
    objects = [kind.shown(obj) for obj in objects] if kind.custom else objects
    if form == TABLE:
        return table(kind, objects, about, now(), include)
    if form == PARTIAL:
        items = [partial(obj) for obj in objects]
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": about, "items": items}
    if not kind.custom:
        objects = [{key: value for key, value in obj.items() if key not in ("apiVersion", "kind")} for obj in objects]
    return {"kind": kind.list_name, "apiVersion": kind.api_version, "metadata": about, "items": objects}


def document(kind: Kind, obj: Json, form: str, *, now: Clock, include: str) -> Json:
    """One object in the form asked for."""
    obj = kind.shown(obj)
    if form == TABLE:
        about = {"resourceVersion": metadata(obj).get("resourceVersion", "")}
        return table(kind, [obj], about, now(), include)
    if form == PARTIAL:
        return partial(obj)
    return obj
