"""What a request asks for: its path as a kind and a name, its query as values. It reads; it answers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus

from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.discovery import subresources
from porter.lab.apiserver.errors import Refusal, bad_request, no_such_resource
from porter.lab.apiserver.kinds import Kind, Kinds
from porter.lab.apiserver.options import check_list, check_write, flag
from porter.lab.apiserver.rbac import Attributes
from porter.lab.apiserver.selectors import Selector, both, parse_fields, parse_labels
from porter.lab.apiserver.store import Key

_REMEMBERED = 4096  # paths: the same few are asked for again and again
_LONGEST = 2**31  # seconds that a watch may ask for: a longer time is as good as this
_MOST_DIGITS = 100  # leading zeros and all: of more, Python reads none
_OF_NAMESPACE = ("status", "finalize")
_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_CORE_PARTS, _GROUP_PARTS = 3, 4  # api/VERSION/RESOURCE, apis/GROUP/VERSION/RESOURCE: anything shorter is no resource
TABLE, PARTIAL, PLAIN = "Table", "PartialObjectMetadata", ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a path names: objects of a kind, or one of them, or a part of one."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def key(self) -> Key:
        """Where the one object is stored."""
        return Key(self.namespace if self.kind.namespaced else "", self.name)


def target(kinds: Kinds, path: str) -> Target | None:
    """What a path under /api or /apis names; None when no such group is served at all."""
    parts = [part for part in path.split("/") if part]
    group = ""
    if parts[0] == "apis":
        group, parts = parts[1], parts[1:]
        if not kinds.has_group(group):
            return None
    version, rest = parts[1], parts[2:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACE:  # noqa: PLR2004  (a name, and more)
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    plural, name, subresource, *more = [*rest, "", ""][: max(3, len(rest))]
    del plural
    if kind is None or more or (namespace and not kind.namespaced):
        raise no_such_resource()
    if subresource and subresource not in subresources(kind):
        raise no_such_resource()
    if kind.namespaced and name and not namespace:
        raise no_such_resource()
    return Target(kind=kind, namespace=namespace, name=name, subresource=subresource)


class Targets:
    """What paths name, each remembered until a kind comes, changes or goes."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._found: dict[str, Target] = {}
        self._at = kinds.changes

    def of(self, path: str) -> Target | None:
        """What `target` says of a path."""
        if self._at != self._kinds.changes or len(self._found) >= _REMEMBERED:
            self._found, self._at = {}, self._kinds.changes
        found = self._found.get(path)
        if found is None and (found := target(self._kinds, path)) is not None:
            self._found[path] = found
        return found


def attributes(method: str, path: str, query: Mapping[str, str]) -> Attributes:
    """What a request wants to do, by its words alone: whether such a thing is served plays no part.

    As k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory reads a path.
    """
    return _attributes(method, path, flag(query, "watch"), query.get("fieldSelector", ""))


@lru_cache(maxsize=_REMEMBERED)
def _attributes(method: str, path: str, watch: bool, selector: str) -> Attributes:  # noqa: FBT001  (called above only)
    parts = [part for part in path.split("/") if part]
    core = bool(parts) and parts[0] == "api"
    if len(parts) < (_CORE_PARTS if core else _GROUP_PARTS) or parts[0] not in ("api", "apis"):
        return Attributes(verb=method.lower(), path=path)
    group, version, rest = ("", parts[1], parts[2:]) if core else (parts[1], parts[2], parts[3:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_NAMESPACE:  # noqa: PLR2004  (a name, and more)
            rest = rest[2:]
    resource, name, subresource = [*rest, "", ""][:3]
    verb = _VERBS.get(method, "")
    if verb == "get" and not name:
        verb = "watch" if watch else "list"
        name = _only_name(selector)
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Attributes(
        verb=verb,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _only_name(selector: str) -> str:
    """The one name that a field selector allows: a list of it needs no more rights than that object."""
    for one in selector.split(","):
        key, equals, value = one.partition("=")
        if key.strip() == "metadata.name" and equals:
            return value.removeprefix("=").strip()
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOptions:
    """How to list or watch."""

    selector: Selector | None
    selection: tuple[str, str]
    """The selectors as they were written: of labels and of fields."""
    exact: tuple[tuple[str, str], ...]
    """What the selector of fields asks for exactly: paths and their values."""
    revision: str
    match: str
    limit: int
    token: str
    watch: bool
    bookmarks: bool
    initial: bool | None
    timeout: timedelta | None
    include: str


def list_options(query: Mapping[str, str], kind: Kind) -> ListOptions:
    """The query of a list or watch."""
    timeout = _number(query, "timeoutSeconds")
    check_list(query)
    initial = flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    fields_wanted = parse_fields(fields, kind.fields)
    return ListOptions(
        selector=both(parse_labels(labels), fields_wanted),
        selection=(labels, fields),
        exact=tuple((one.path, one.value) for one in fields_wanted if one.equal),
        revision=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        limit=_number(query, "limit") or 0,
        token=query.get("continue", ""),
        watch=flag(query, "watch"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        initial=initial,
        timeout=None if not timeout else timedelta(seconds=min(max(timeout, -1), _LONGEST)),
        include=query.get("includeObject", "Metadata"),
    )


def write_options(method: str, query: Mapping[str, str], agent: str, *, apply: bool = False) -> WriteOptions:
    """The query of a write; an apply must say who applies."""
    if method != "DELETE":
        check_write(method, query, apply=apply)
    return WriteOptions(
        manager=query.get("fieldManager", "") or agent.partition("/")[0] or "unknown",
        dry_run=bool(query.get("dryRun")),
        validation=query.get("fieldValidation", "") or "Warn",
        force=flag(query, "force"),
    )


def revision(text: str) -> int:
    """A resourceVersion as a number; refused as the API does it, with code 500."""
    if not text:
        return 0
    if wrong := _why_no_number(text, bits=64):
        why = f'strconv.ParseUint: parsing "{text}": {wrong}'
        message = f'resourceVersion: Invalid value: "{text}": {why}'
        raise Refusal(code=HTTPStatus.INTERNAL_SERVER_ERROR, message=message)
    return int(text)


@lru_cache(maxsize=_REMEMBERED)
def form(accept: str) -> str:
    """In which form an answer is wanted: the first of the accepted ones that is served."""
    for one in accept.split(",") if accept else ["*/*"]:
        media, *parameters = (part.strip() for part in one.split(";"))
        if media not in ("application/json", "application/*", "*/*"):
            continue
        wanted = dict(part.partition("=")[::2] for part in parameters)
        kind = wanted.get("as", "")
        if kind == TABLE:
            return TABLE
        if kind.startswith(PARTIAL):
            return PARTIAL
        if not kind:
            return PLAIN
    raise Refusal(
        code=HTTPStatus.NOT_ACCEPTABLE,
        reason="NotAcceptable",
        message="only the following media types are accepted: application/json",
    )


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if why := _why_no_number(text.removeprefix("-"), bits=63):
        message = f'strconv.ParseInt: parsing "{text}": {why}'
        raise bad_request(message)
    return int(text)


def _why_no_number(digits: str, *, bits: int) -> str:
    if not (digits.isascii() and digits.isdecimal()):
        return "invalid syntax"
    if len(digits) > _MOST_DIGITS or int(digits) >> bits:
        return "value out of range"
    return ""
