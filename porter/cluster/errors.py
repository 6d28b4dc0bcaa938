"""What can go wrong between Porter and an API server, one clear sentence each.

Two families: what somebody must mend (`MendableError`), and what passes when one waits (`PassingError`).
Nothing here retries; it only says what happened.
"""

import re

import msgspec

from porter.errors import PorterError

_LONGEST = 300  # characters of a server's own words that a sentence repeats
_LONGEST_WAIT = 60.0  # seconds, whatever a server or a proxy asks for: then it is asked again


class ClusterError(PorterError):
    """A request to the API server failed. Its text is one sentence for people."""


class MendableError(ClusterError):
    """Waiting does not help by itself: a file, a certificate or a right must be mended."""


class PassingError(ClusterError):
    """Trying again later may help without anybody doing anything."""


class KubeconfigError(MendableError):
    """The kubeconfig, or what a pod has instead, cannot be used."""


class CertificateError(MendableError):
    """TLS with the API server failed."""


class UnauthorizedError(MendableError):
    """The API server does not know who asks (401), even after the credentials were loaded again."""


class ForbiddenError(MendableError):
    """The API server knows who asks and refuses (403)."""


class InvalidError(MendableError):
    """The API server understood the request and finds it wrong (400, 405, 415, 422)."""


class UnreachableError(PassingError):
    """No answer: no route, refused, cut off or too slow."""


class GivenUpError(UnreachableError):
    """This side ended the attempt, because its connection is no longer trusted. No news about the server."""


class NotFoundError(PassingError):
    """There is no such object, or no such kind (404)."""


class ConflictError(PassingError):
    """The object has changed since it was read, or is there already (409)."""


class GoneError(PassingError):
    """The history asked for is no longer kept (410): list again."""


class ServerError(PassingError):
    """The API server failed (5xx, or an answer that cannot be read)."""


class ThrottledError(PassingError):
    """The API server asks to come back later (429, or any answer with Retry-After)."""

    def __init__(self, sentence: str, *, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        """Seconds, 60 at most."""


class Status(msgspec.Struct, frozen=True):
    """The part of a Kubernetes Status that errors are made of."""

    message: str = ""
    reason: str = ""
    code: int = 0


_DECODER = msgspec.json.Decoder(Status)


def no_namespace(name: str) -> NotFoundError:
    """Say that the namespace of the Leases is missing."""
    return NotFoundError(f"there is no namespace {name}; apply the output of `porter manifests`, or name another")


_NOBODY = "system:anonymous"
_NO_RIGHT = re.compile(r'User ".*" cannot ')
"""What every authorizer of Kubernetes says, and nothing else does."""
_VERBS = {"GET": "get, list and watch", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def error_of(*, code: int, body: bytes, method: str, path: str, retry_after: str | None = None) -> ClusterError:
    """Turn an answer of 400 and above into the error that says it."""
    message = _message(body) or f"HTTP status {code}"
    asked = f"{method} {path}"
    if code == 429 or (retry_after is not None and code >= 500):  # noqa: PLR2004 - HTTP
        seconds = _seconds(retry_after)
        wait = min(seconds, _LONGEST_WAIT)
        return ThrottledError(f"the API server asks to wait {seconds:g} s before {asked}", retry_after=wait)
    match code:
        case 401:
            return UnauthorizedError(
                "the API server does not accept Porter's credentials (401); check the token or client certificate "
                "of the kubeconfig or of the ServiceAccount",
            )
        case 403:
            return _forbidden(method, path, message)
        case 404:
            return NotFoundError(f"{asked}: {message}")
        case 409:
            return ConflictError(f"{asked}: {message}")
        case 410:
            return GoneError(f"{asked}: {message}")
        case _ if code >= 500:  # noqa: PLR2004 - HTTP
            return ServerError(f"the API server failed at {asked}: {message}")
        case _:
            return InvalidError(f"the API server refuses {asked}: {message}")


def _forbidden(method: str, path: str, message: str) -> ClusterError:
    """Tell rights that are missing from what no right would help against: admission, a quota, a proxy."""
    if _NOBODY in message:
        said = f"the API server does not know who asks ({_NOBODY}): Porter has no credentials"
        return UnauthorizedError(f"{said}; check the kubeconfig's user")
    if not _NO_RIGHT.search(message):
        return ForbiddenError(f"the API server refuses {method} {path}: {message}")
    verb = _VERBS.get(method, method)
    return ForbiddenError(
        f"Porter may not {verb} {resource_of(path)}: {message}; grant it with the ClusterRole of `porter manifests`"
    )


def resource_of(path: str) -> str:
    """Name the resource of an API path as RBAC does: `services/status`, `leases.coordination.k8s.io`."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    if parts[0] == "api":
        group, rest = "", parts[2:]
    else:
        group, rest = (parts[1] if len(parts) > 1 else ""), parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/NAME/RESOURCE
        rest = rest[2:]
    if not rest:
        return path
    plural = f"{rest[0]}.{group}" if group else rest[0]
    return f"{plural}/{rest[2]}" if len(rest) > 2 else plural  # noqa: PLR2004 - RESOURCE/NAME/SUBRESOURCE


def _message(body: bytes) -> str:
    try:
        text = _DECODER.decode(body).message
    except msgspec.DecodeError:
        text = body.decode(errors="replace").strip()
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[:_LONGEST] + "…"


def _seconds(retry_after: str | None) -> float:
    try:
        return max(0.0, float(retry_after or 1))
    except ValueError:  # an HTTP date: rare, and a second is as good
        return 1.0
