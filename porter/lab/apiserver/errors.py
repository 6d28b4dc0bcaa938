"""What the server refuses, as Kubernetes Status objects. It formats refusals; it never decides one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from porter.lab.apiserver.objects import encode
from porter.lab.apiserver.rbac import Attributes

NOT_CHECKED = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"  # noqa: E501  (one sentence of the API, word for word)


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing wrong with one field: the cause's reason, where, and the sentence about it."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


@dataclass(kw_only=True)
class Refusal(Exception):  # noqa: N818  (the API's word is Status; an "Error" here would name every answer twice)
    """A request that was refused: becomes a Status of failure with this code."""

    code: int
    message: str
    reason: str = ""
    details: Mapping[str, Any] | None = None
    listed: Mapping[str, Any] = field(default_factory=dict)  # metadata, as of a list
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    def status(self) -> dict[str, Any]:
        """The Status object, as the API sends it: absent parts are left out."""
        out: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(self.listed),
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            out["reason"] = self.reason
        if self.details is not None:
            out["details"] = dict(self.details)
        return out | {"code": int(self.code)}


def quoted(value: Any) -> str:
    """A value as the API's messages show it: strings in quotes, numbers and booleans plain, the rest by its type."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case dict():
            return "{" + ",".join(f"{quoted(k)}:{quoted(v)}" for k, v in sorted(value.items())) + "}"
        case list():
            return "[" + ",".join(quoted(v) for v in value) + "]"
        case _:
            return str(value)


def required(where: str, why: str = "") -> FieldError:
    """A field that must be there is not."""
    return FieldError(
        field=where, reason="FieldValueRequired", message=f"Required value: {why}" if why else "Required value"
    )


def unsupported(where: str, value: Any, allowed: Iterable[Any]) -> FieldError:
    """A value outside an enumeration."""
    listed = ", ".join(quoted(one) for one in allowed)
    message = f"Unsupported value: {quoted(value)}: supported values: {listed}"
    return FieldError(field=where, reason="FieldValueNotSupported", message=message)


def wrong(where: str, value: Any, why: str, reason: str = "FieldValueInvalid") -> FieldError:
    """A value of the right type that is not acceptable."""
    return FieldError(field=where, reason=reason, message=f"Invalid value: {quoted(value)}: {why}")


def forbidden_field(where: str, why: str) -> FieldError:
    """A field that may not be set, or not now."""
    return FieldError(field=where, reason="FieldValueForbidden", message=f"Forbidden: {why}")


def duplicate(where: str, value: Any) -> FieldError:
    """A value that may be there only once."""
    return FieldError(field=where, reason="FieldValueDuplicate", message=f"Duplicate value: {quoted(value)}")


def not_found(group: str, plural: str, name: str) -> Refusal:
    """There is no such object."""
    return Refusal(
        code=HTTPStatus.NOT_FOUND,
        reason="NotFound",
        message=f'{_qualified(plural, group)} "{name}" not found',
        details=_details(name, group, plural),
    )


def already_exists(group: str, plural: str, name: str) -> Refusal:
    """An object of this name is there already."""
    return Refusal(
        code=HTTPStatus.CONFLICT,
        reason="AlreadyExists",
        message=f'{_qualified(plural, group)} "{name}" already exists',
        details=_details(name, group, plural),
    )


_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, plural: str, name: str, why: str = _MODIFIED) -> Refusal:
    """The object is not the one that the writer had seen."""
    return Refusal(
        code=HTTPStatus.CONFLICT,
        reason="Conflict",
        message=f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": {why}',
        details=_details(name, group, plural),
    )


def invalid(group: str, kind: str, name: str, errors: Iterable[FieldError]) -> Refusal:
    """The object breaks rules of its kind; `kind` is empty where the API itself does not know it."""
    causes = list(errors)
    sentences = list(dict.fromkeys(str(one) for one in causes))
    said = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    return Refusal(
        code=HTTPStatus.UNPROCESSABLE_ENTITY,
        reason="Invalid",
        message=f'{_qualified(kind, group)} "{name}" is invalid: {said}',
        details=_details(name, group, kind)
        | {"causes": [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]},
    )


def bad_request(message: str) -> Refusal:
    """The request itself cannot be understood."""
    return Refusal(code=HTTPStatus.BAD_REQUEST, reason="BadRequest", message=message)


def forbidden(group: str, plural: str, name: str, why: str) -> Refusal:
    """The request is understood and not allowed."""
    shown = f' "{name}"' if name else ""
    return Refusal(
        code=HTTPStatus.FORBIDDEN,
        reason="Forbidden",
        message=f"{_qualified(plural, group)}{shown} is forbidden: {why}",
        details=_details(name, group, plural),
    )


def not_allowed(user: str, asked: Attributes, why: str) -> Refusal:
    """The user has no right to this, as the API's authorization says it."""
    said = f'User "{user}" cannot {asked}' + (f": {why}" if why else "")
    if asked.resource:
        return forbidden(asked.group, asked.resource, asked.name, said)
    return Refusal(code=HTTPStatus.FORBIDDEN, reason="Forbidden", message=f"forbidden: {said}", details={})


def unauthorized() -> Refusal:
    """Nobody known asks."""
    return Refusal(code=HTTPStatus.UNAUTHORIZED, reason="Unauthorized", message="Unauthorized")


def method_not_allowed() -> Refusal:
    """The resource is there; the verb is not."""
    return Refusal(
        code=HTTPStatus.METHOD_NOT_ALLOWED,
        reason="MethodNotAllowed",
        message="the server does not allow this method on the requested resource",
        details={},
    )


def no_such_resource() -> Refusal:
    """The path names nothing that this server serves."""
    return Refusal(
        code=HTTPStatus.NOT_FOUND,
        reason="NotFound",
        message="the server could not find the requested resource",
        details={},
    )


def rejected_patch() -> Refusal:
    """A JSON patch that could not be applied, as the API says it: without saying why."""
    return Refusal(
        code=HTTPStatus.UNPROCESSABLE_ENTITY,
        reason="Invalid",
        message="the server rejected our request due to an error in our request",
        details={},
    )


def unpatchable(wanted: Any, why: Exception) -> Refusal:
    """What a patch makes of an object cannot be read as its kind."""
    return invalid("", "", "", [wrong("patch", encode(wanted).decode(), str(why))])


def unsupported_media(message: str = "415: Unsupported Media Type", *, details: bool = True) -> Refusal:
    """The body comes in a format that is not taken here."""
    return Refusal(
        code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        reason="UnsupportedMediaType",
        message=message,
        details={} if details else None,
    )


def expired(message: str, *, go_on: str = "") -> Refusal:
    """The history asked for is gone; `go_on` is a token with which a list may go on all the same."""
    listed = {"continue": go_on} if go_on else {}
    return Refusal(code=HTTPStatus.GONE, reason="Expired", message=message, listed=listed)


def too_large_version(asked: int, current: int) -> Refusal:
    """A version that has not come yet."""
    return Refusal(
        code=HTTPStatus.GATEWAY_TIMEOUT,
        reason="Timeout",
        message=f"Timeout: Too large resource version: {asked}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )


def initializing() -> Refusal:
    """A new kind's cache is not filled yet: the API asks to come back."""
    return Refusal(
        code=HTTPStatus.TOO_MANY_REQUESTS,
        reason="TooManyRequests",
        message="storage is (re)initializing",
        details={"retryAfterSeconds": 1},
        headers={"Retry-After": "1"},
    )


def _qualified(name: str, group: str) -> str:
    return f"{name}.{group}" if group else name


def _details(name: str, group: str, kind: str) -> dict[str, Any]:
    return {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
