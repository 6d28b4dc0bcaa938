"""What the API must show of a Service, compared with what it shows: the smallest patches that mend the difference.

Pure. A patch names only Porter's own fields; nothing differs, no patch. Publishing writes the metadata first and then
the status, so that an address in the API always has its pool beside it; only where another program's address is to go,
the status is first.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from porter.cluster.conditions import JsonObject, camel_case, not_announced, short, written
from porter.cluster.connection import STRATEGIC_PATCH
from porter.cluster.projection import FAMILIES, WRITTEN_ANNOTATIONS, WRITTEN_LABELS
from porter.cluster.views import ConditionView, IngressView, ServiceView
from porter.model import keys
from porter.model.assignment import Assignment
from porter.model.objects import Service
from porter.model.reasons import Reason

_LONGEST_LABEL = 63
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
"""What a label may say; an annotation may say anything."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A Kubernetes Event to be: told once, after the patch that made it true."""

    type: str
    """Normal or Warning."""
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Patch:
    """One write. `body` has no resourceVersion; whoever sends it adds the one that was compared with."""

    path: str
    body: JsonObject
    content_type: str = STRATEGIC_PATCH
    notes: tuple[Note, ...] = field(default=())


def plan_service(
    view: ServiceView,
    service: Service | None,
    assignments: Sequence[Assignment],
    *,
    now: str,
) -> Iterator[Patch]:
    """Yield the patches, in order, after which the API shows these assignments; none of them: what Porter wrote goes.

    `now` is the time that a condition that turns is given, as RFC 3339.
    """
    if service is None or not assignments:
        yield from _release(view, deleting=service is None or service.deleting)
        return
    ordered = sorted(assignments, key=lambda one: _rank(service, one))
    steps: list[Callable[[], Patch | None]] = [
        lambda: _metadata_patch(view, service, ordered),
        lambda: _status_patch(view, ordered, now),
    ]
    if _replaces_another(view, ordered):
        steps.reverse()
    for step in steps:
        if (patch := step()) is not None:
            yield patch


def _replaces_another(view: ServiceView, assignments: Sequence[Assignment]) -> bool:
    """Tell whether another program's address goes: beside it a label would say that it is Porter's, and is to stay."""
    wanted = {one.address for one in assignments if one.address is not None}
    if wanted.issuperset(view.ips):  # nearly always
        return False
    return bool(wanted) and any(one.ip is not None and one.ip not in wanted for one in _not_ours(view))


def _rank(service: Service, assignment: Assignment) -> tuple[int, str]:
    families = service.ip_families
    place = families.index(assignment.family) if assignment.family in families else len(families)
    return (place, assignment.family)


# ---------------------------------------------------------------------------------------------- metadata


def _metadata_patch(view: ServiceView, service: Service, assignments: Sequence[Assignment]) -> Patch | None:
    first = next((one for one in assignments if one.address is not None), None)
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    if first is not None and first.eip is not None and len(first.eip) <= _LONGEST_LABEL:
        labels[keys.written_eip(service.keys)] = first.eip
    asked = _asked_protocol(service, first)
    if asked is not None:
        labels[keys.written_protocol(service.keys)] = asked
    before = _written_node(view)
    node = before
    if first is None or len(first.nodes) > 1:
        node = None
    elif first.nodes:
        node = first.nodes[0]
    # Nobody may announce it just now: the last owner stays written, so that it has it again when it recovers.
    if node is not None:
        annotations[keys.layer2_node(service.keys)] = node
    metadata = _metadata(view, labels, annotations)
    if not metadata:
        return None
    notes: tuple[Note, ...] = ()
    if first is not None and before is not None and node is not None and before != node:
        why = first.placement.sentence if first.placement is not None else ""
        notes = (Note(type="Normal", reason="OwnerChanged", message=short(f"{node} announces it now: {why}")),)
    return Patch(path=view.path, body={"metadata": metadata}, notes=notes)


def _asked_protocol(service: Service, first: Assignment | None) -> str | None:
    """Return the protocol that the Service asks for and has, or had when it got its address: an Eip may be edited."""
    asked = service.wanted_protocol
    if first is None or asked is None or asked not in (first.protocol, service.written_protocol):
        return None
    return asked if _LABEL.fullmatch(asked) else None


def _metadata(view: ServiceView, labels: dict[str, str], annotations: dict[str, str]) -> JsonObject:
    metadata: JsonObject = {}
    if changed := _difference(dict(view.labels), labels):
        metadata["labels"] = changed
    if changed := _difference(dict(view.annotations), annotations):
        metadata["annotations"] = changed
    if view.finalizers:
        metadata["$deleteFromPrimitiveList/finalizers"] = list(view.finalizers)
    return metadata


def _difference(shown: dict[str, str], wanted: dict[str, str]) -> dict[str, str | None]:
    """From one map to the other, as a patch: null takes a key away."""
    if shown == wanted:
        return {}
    return {key: wanted.get(key) for key in sorted(shown.keys() | wanted.keys()) if shown.get(key) != wanted.get(key)}


def _written_node(view: ServiceView) -> str | None:
    annotations = dict(view.annotations)
    return next((text for one in FAMILIES if (text := annotations.get(keys.layer2_node(one)))), None)


# ---------------------------------------------------------------------------------------------- status


def _status_patch(view: ServiceView, assignments: Sequence[Assignment], now: str) -> Patch | None:
    held = [one for one in assignments if one.address is not None]
    status: JsonObject = {}
    wanted = tuple(IngressView(ip=one.address, ip_mode="VIP") for one in held) or _not_ours(view)
    if tuple(map(_comparable, view.ingress)) != tuple(map(_comparable, wanted)):
        status["loadBalancer"] = {"ingress": [_ingress(one) for one in wanted] or None}
    turned = [
        written(found, view, now)
        for found in (_assigned(view, assignments), not_announced(view, assignments))
        if found is not None
    ]
    if turned:
        status["conditions"] = turned
    if not status:
        return None
    return Patch(path=f"{view.path}/status", body={"status": status}, notes=_notes(view, assignments))


def _assigned(view: ServiceView, assignments: Sequence[Assignment]) -> ConditionView | None:
    """The condition Assigned, if it must be written."""
    held = [one for one in assignments if one.address is not None]
    waiting = [one for one in assignments if one.address is None]
    parts = [_has(one) for one in held]
    if held:
        parts += [f"no {one.family} address: {one.reason.sentence}" for one in waiting]
    else:
        parts = list(dict.fromkeys(one.reason.sentence for one in waiting))
    because = (held or waiting)[0].reason.reason
    wanted = ConditionView(
        type=keys.CONDITION_ASSIGNED,
        status="True" if held else "False",
        reason=camel_case(because),
        message=short("; ".join(parts)),
    )
    shown = view.condition(keys.CONDITION_ASSIGNED)
    if shown is None or (shown.status, shown.message) != (wanted.status, wanted.message):
        return wanted
    # "Held" is what every reason becomes once the address is published: no news.
    return wanted if shown.reason != wanted.reason and because is not Reason.HELD else None


def _has(assignment: Assignment) -> str:
    pool = f" of Eip {assignment.eip}" if assignment.eip is not None else ""
    return f"{assignment.address}{pool}"


def _notes(view: ServiceView, assignments: Sequence[Assignment]) -> tuple[Note, ...]:
    before = set(view.ips)
    new = [one for one in assignments if one.address is not None and one.address not in before]
    if new:
        words = "; ".join(f"{_has(one)}{_by(one)}" for one in new)
        return (Note(type="Normal", reason="AddressAssigned", message=short(words)),)
    if any(one.address is not None for one in assignments):
        return ()
    sentence = assignments[0].reason.sentence
    lost = [ip for ip in view.ips if ip in _ours(view)]
    if lost:
        return (Note(type="Warning", reason="AddressLost", message=short(f"{', '.join(lost)}: {sentence}")),)
    shown = view.condition(keys.CONDITION_ASSIGNED)
    if shown is not None and shown.status == "False" and shown.message == short(sentence):
        return ()
    return (Note(type="Warning", reason="Waiting", message=short(sentence)),)


def _by(assignment: Assignment) -> str:
    if not assignment.nodes:
        return ""
    return f", announced by {assignment.nodes[0] if len(assignment.nodes) == 1 else f'{len(assignment.nodes)} nodes'}"


# ---------------------------------------------------------------------------------------------- release


def _release(view: ServiceView, *, deleting: bool) -> tuple[Patch, ...]:
    """Take off what Porter wrote, and nothing that another program did."""
    patches: list[Patch] = []
    kept = _not_ours(view)
    status: JsonObject = {}
    lost = [ip for ip in view.ips if ip in _ours(view)]
    if lost:
        status["loadBalancer"] = {"ingress": [_ingress(one) for one in kept] or None}
    if view.conditions:
        status["conditions"] = [{"$patch": "delete", "type": one.type} for one in view.conditions]
    if status:
        message = f"{', '.join(lost)}: the Service is not Porter's any more"
        notes = (Note(type="Warning", reason="AddressLost", message=message),) if lost and not deleting else ()
        patches.append(Patch(path=f"{view.path}/status", body={"status": status}, notes=notes))
    if metadata := _metadata(view, {}, {}):
        patches.append(Patch(path=view.path, body={"metadata": metadata}))
    # What vouches for the addresses goes last: the condition, or on a Service of an older version the label.
    return tuple(reversed(patches) if view.condition(keys.CONDITION_ASSIGNED) is not None else patches)


def _ours(view: ServiceView) -> frozenset[str]:
    """The addresses of the Service that Porter wrote: its condition names them, else its label vouches for all."""
    shown = view.condition(keys.CONDITION_ASSIGNED)
    if shown is not None:
        words = frozenset(shown.message.replace(";", " ").split())
        return words.intersection(view.ips) if shown.status == "True" else frozenset()
    traces = {key for key, _ in (*view.labels, *view.annotations)}
    return frozenset(view.ips) if traces & (WRITTEN_LABELS | WRITTEN_ANNOTATIONS) else frozenset()


def _not_ours(view: ServiceView) -> tuple[IngressView, ...]:
    ours = _ours(view)
    return tuple(one for one in view.ingress if one.ip not in ours)


def _comparable(one: IngressView) -> tuple[str | None, str | None, str | None]:
    return (one.ip, one.hostname, one.ip_mode or ("VIP" if one.ip else None))  # VIP is the server's default


def _ingress(one: IngressView) -> JsonObject:
    shown = {"ip": one.ip, "hostname": one.hostname, "ipMode": one.ip_mode}
    return {key: value for key, value in shown.items() if value is not None}
