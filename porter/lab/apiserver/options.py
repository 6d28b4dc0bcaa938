"""What a request's options may say, and the API's refusal of what they may not. It reads words; it does nothing.

As in k8s.io/apimachinery: pkg/apis/meta/v1/validation and pkg/apis/meta/internalversion/validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from porter.lab.apiserver.errors import FieldError, bad_request, forbidden_field, invalid, required, unsupported, wrong
from porter.lab.apiserver.objects import Json

EXACT, NOT_OLDER = "Exact", "NotOlderThan"
FOREGROUND, BACKGROUND, ORPHAN = "Foreground", "Background", "Orphan"
_GROUP = "meta.k8s.io"
_MATCH = "resourceVersionMatch"
_LONGEST_MANAGER = 128  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletion:
    """What a DELETE asks for: what becomes of what is owned, what must be so before, how long it may take.

    `grace` is in seconds; None leaves that to the object.
    """

    policy: str = BACKGROUND
    preconditions: Json = field(default_factory=dict)
    grace: int | None = None
    in_the_old_way: bool = False
    """Whether it says by `orphanDependents` that what is owned goes too."""


def flag(query: Mapping[str, str], name: str) -> bool:
    """A yes or no of a query: all but an absent one, `0` and `false` is a yes, as the API reads it."""
    return name in query and query[name].lower() not in ("0", "false")


def check_list(query: Mapping[str, str]) -> None:
    """Refuse the options of a list or a watch that contradict each other."""
    found = list(_watch_errors(query) if flag(query, "watch") else _list_errors(query))
    if found:
        raise invalid(_GROUP, "ListOptions", "", found)


def check_write(method: str, query: Mapping[str, str], *, apply: bool) -> None:
    """Refuse the options of a POST, PUT or PATCH that nobody knows."""
    if not query and not apply:
        return
    kind = {"POST": "CreateOptions", "PUT": "UpdateOptions"}.get(method, "PatchOptions")
    manager = query.get("fieldManager", "")
    found = []
    if not apply and method == "PATCH" and "force" in query:
        found.append(forbidden_field("force", "may not be specified for non-apply patch"))
    if apply and not manager:
        found.append(required("fieldManager", "is required for apply patch"))
    if len(manager.encode()) > _LONGEST_MANAGER:
        said = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        found.append(FieldError(field="fieldManager", reason="FieldValueTooLong", message=said))
    found += _dry_run_errors(query["dryRun"].split(",") if query.get("dryRun") else ())
    validation = query.get("fieldValidation", "")
    if validation not in ("", "Ignore", "Warn", "Strict"):
        found.append(unsupported("fieldValidation", validation, ("", "Ignore", "Strict", "Warn")))
    if found:
        raise invalid(_GROUP, kind, "", found)


def deletion(query: Mapping[str, str], body: Json) -> Deletion:
    """What the options of a DELETE say; refused where they contradict each other.

    The options are the body's, or without a body the query's.
    """
    grace = body.get("gracePeriodSeconds") if body else _seconds(query.get("gracePeriodSeconds"))
    if grace is not None and grace < 0:
        grace = 1  # rest.BeforeDelete
    orphan = _orphan(query, body)
    policy = _propagation(query, body, orphan=orphan)
    preconditions = body.get("preconditions") or {}
    return Deletion(policy=policy, preconditions=preconditions, grace=grace, in_the_old_way=orphan is False)


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _orphan(query: Mapping[str, str], body: Json) -> bool | None:
    """What `orphanDependents` says, None where it does not."""
    if body:
        found: bool | None = body.get("orphanDependents")
        return found
    return flag(query, "orphanDependents") if "orphanDependents" in query else None


def _propagation(query: Mapping[str, str], body: Json, *, orphan: bool | None) -> str:
    policy = body.get("propagationPolicy") if body else query.get("propagationPolicy")
    found = []
    if orphan is not None and policy is not None:
        found.append(wrong("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"))
    if policy is not None and policy not in (FOREGROUND, BACKGROUND, ORPHAN):
        found.append(unsupported("propagationPolicy", policy, (FOREGROUND, BACKGROUND, ORPHAN, "nil")))
    found += _dry_run_errors(body.get("dryRun") or (query["dryRun"].split(",") if query.get("dryRun") else ()))
    if found:
        raise invalid(_GROUP, "DeleteOptions", "", found)
    return policy or (ORPHAN if orphan else BACKGROUND)


def _dry_run_errors(asked: Sequence[str]) -> Iterator[FieldError]:
    if any(one != "All" for one in asked):
        yield unsupported("dryRun", list(asked), ("All",))


def _list_errors(query: Mapping[str, str]) -> Iterator[FieldError]:
    match, version = query.get(_MATCH, ""), query.get("resourceVersion", "")
    if match and not version:
        yield forbidden_field(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match and query.get("continue"):
        yield forbidden_field(_MATCH, "resourceVersionMatch is forbidden when continue is provided")
    if match not in ("", EXACT, NOT_OLDER):
        yield unsupported(_MATCH, match, (EXACT, NOT_OLDER, ""))
    if match == EXACT and version == "0":
        yield forbidden_field(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if "sendInitialEvents" in query:
        yield forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _watch_errors(query: Mapping[str, str]) -> Iterator[FieldError]:
    match, initial = query.get(_MATCH, ""), "sendInitialEvents" in query
    if initial and match != NOT_OLDER:
        yield forbidden_field(_MATCH, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}")
    if match and not initial:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        yield forbidden_field(_MATCH, why)
    if match not in ("", NOT_OLDER):
        yield unsupported(_MATCH, match, (NOT_OLDER,))
    if match and query.get("continue"):
        yield forbidden_field(_MATCH, "resourceVersionMatch is forbidden when continue is provided")
