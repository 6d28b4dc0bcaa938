"""What the API server answers, read: pages of lists, lines of watches and the refusal that one may be, Leases. Pure."""

import msgspec

from porter.cluster import wire
from porter.cluster.errors import ClusterError, ServerError, error_of

_PAGE = msgspec.json.Decoder(wire.Page)
_BOOKMARK = msgspec.json.Decoder(wire.Versioned)
_LEASE = msgspec.json.Decoder(wire.RawLease)
_LINE = msgspec.json.Decoder(wire.WatchLine)


def page_of(data: bytes, resource: str) -> wire.Page:
    """Read a page of a list. Raises ServerError for what is none."""
    try:
        return _PAGE.decode(data)
    except msgspec.DecodeError as error:
        raise ServerError(f"the list of {resource} is not JSON: {error}") from error


def line_of(data: bytes, resource: str) -> wire.WatchLine:
    """Read a line of a watch. Raises ServerError for what is no event, and for a refusal the error that says it."""
    try:
        line = _LINE.decode(data)
    except msgspec.DecodeError as error:
        raise ServerError(f"the watch of {resource} brought a line that is no event: {error}") from error
    if line.type == "ERROR":
        raise _refusal(bytes(line.object))
    return line


def version_of(bookmark: msgspec.Raw, resource: str) -> str:
    """Return where a watch is by a bookmark. Raises ServerError for what says nothing of it."""
    try:
        return _BOOKMARK.decode(bookmark).metadata.resource_version
    except msgspec.DecodeError as error:
        raise ServerError(f"the watch of {resource} brought a bookmark that cannot be read: {error}") from error


def lease_of(data: bytes) -> wire.RawLease:
    """Read a Lease. Raises ServerError for what is none."""
    try:
        return _LEASE.decode(data)
    except msgspec.DecodeError as error:
        raise ServerError(f"the answer is no Lease: {error}") from error


def _refusal(status: bytes) -> ClusterError:
    try:
        code = int(msgspec.json.decode(status, type=dict).get("code") or 500)
    except (msgspec.DecodeError, ValueError, TypeError):
        code = 500
    return error_of(code=code, body=status, method="GET", path="watch")
