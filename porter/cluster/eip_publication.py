"""What the API must show of an Eip, compared with what it shows: one merge patch, nearly always of its status, or none.

Pure. The map of used addresses is patched entry by entry and never grows beyond what an object can carry.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from porter.cluster.conditions import JsonObject, camel_case
from porter.cluster.connection import MERGE_PATCH
from porter.cluster.publication import Patch
from porter.cluster.views import EipView
from porter.model import keys
from porter.model.addresses import AddressRange
from porter.model.assignment import PoolState
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Value

MOST_USED = 1000
"""Addresses that `status.used` names; etcd refuses objects above 1.5 MB."""
_MOST_NAMED = 20
_LARGEST = 2**63 - 1  # what the API can carry as an integer
READY, RESERVED, TRUNCATED, BEYOND = "Ready", "Reserved", "Truncated", "OutsideSubnet"
_OURS = frozenset({READY, RESERVED, TRUNCATED, BEYOND})
_RANGE_FIELDS = ("firstIP", "lastIP", "poolSize", "v4")


class EipPublication(Value, frozen=True, kw_only=True):
    """What is to be published of one Eip."""

    pool: PoolState
    range: AddressRange | None = None
    """None when spec.address cannot be read."""
    used: tuple[tuple[str, tuple[ServiceKey, ...]], ...] = ()
    """Address and its Services, in the order in which they shall be kept when there are too many."""
    full: bool = False
    """No further address could be given out."""
    reserved: tuple[tuple[str, str], ...] = ()
    """Addresses or networks that are never handed out, each with why."""
    beyond: str = ""
    """That it lies outside the subnets of the NICs that would announce it: a warning; empty when it does not."""

    @property
    def name(self) -> EipName:
        """The Eip."""
        return self.pool.eip


def plan_eip(view: EipView, wanted: EipPublication, *, now: str) -> Patch | None:
    """Return the next patch towards an Eip that shows this and that nobody of old holds, or None when all is so."""
    return _freeing(view) or _status(view, wanted, now=now)


def _freeing(view: EipView) -> Patch | None:
    """Take off what Porter 0.4 and OpenELB left: no program of theirs would, and the Eip could never be deleted."""
    kept = [one for one in view.finalizers if one not in keys.OLD_FINALIZERS]
    if len(kept) == len(view.finalizers):
        return None
    return Patch(path=view.path, body={"metadata": {"finalizers": kept}}, content_type=MERGE_PATCH)


def _status(view: EipView, wanted: EipPublication, *, now: str) -> Patch | None:
    shown = view.status
    target = _fields(wanted)
    status: JsonObject = {key: value for key, value in target.items() if shown.get(key) != value}
    if wanted.range is None:
        status |= {key: None for key in _RANGE_FIELDS if shown.get(key) is not None}
    if used := _used_patch(shown.get("used"), wanted):
        status["used"] = used
    conditions = _conditions(shown.get("conditions"), wanted, now)
    if conditions is not None:
        status["conditions"] = conditions
    if not status:
        return None
    return Patch(path=f"{view.path}/status", body={"status": status}, content_type=MERGE_PATCH)


def _fields(wanted: EipPublication) -> JsonObject:
    fields: JsonObject = {"usage": len(wanted.used), "occupied": wanted.full, "ready": wanted.pool.ready}
    if wanted.range is not None:
        fields |= {
            "firstIP": str(wanted.range.first_address),
            "lastIP": str(wanted.range.last_address),
            "poolSize": min(wanted.range.size, _LARGEST),
            "v4": wanted.range.family == "IPv4",
        }
    return fields


def _used_patch(shown: object, wanted: EipPublication) -> dict[str, str | None]:
    before: Mapping[str, Any] = shown if isinstance(shown, dict) else {}
    after = {address: ";".join(services) for address, services in wanted.used[:MOST_USED]}
    return {key: after.get(key) for key in [*after, *before] if before.get(key) != after.get(key)}


def _conditions(shown: object, wanted: EipPublication, now: str) -> Sequence[JsonObject] | None:
    """The whole list, which a merge patch can only replace, or None when ours are as they must be."""
    before: list[JsonObject] = [one for one in shown if isinstance(one, dict)] if isinstance(shown, list) else []
    ours = [_timed(one, before, now) for one in _wanted_conditions(wanted)]
    if [one for one in before if one.get("type") in _OURS] == ours:
        return None
    return [one for one in before if one.get("type") not in _OURS] + ours


def _wanted_conditions(wanted: EipPublication) -> list[JsonObject]:
    verdict = wanted.pool.reason
    found = [_condition(READY, wanted.pool.ready, camel_case(verdict.reason), verdict.sentence)]
    named = [f"{address}: {why}" for address, why in wanted.reserved[:_MOST_NAMED]]
    if len(wanted.reserved) > _MOST_NAMED:
        named.append(f"and {len(wanted.reserved) - _MOST_NAMED} more")
    message = f"{len(wanted.reserved)} never handed out: " + "; ".join(named) if named else "none"
    reason = "AddressesReserved" if named else "NoneReserved"
    found.append(_condition(RESERVED, bool(named), reason, message))
    if len(wanted.used) > MOST_USED:
        message = f"status.used names {MOST_USED} of {len(wanted.used)} addresses; `kubectl get svc -A` shows all"
        found.append(_condition(TRUNCATED, True, "TooManyAddresses", message))
    if wanted.beyond:
        found.append(_condition(BEYOND, True, "NoSubnetHoldsIt", f"{wanted.beyond}: hosts there need a route to it"))
    return found


def _condition(kind: str, status: bool, reason: str, message: str) -> JsonObject:  # noqa: FBT001 - positional by habit of the API
    return {"type": kind, "status": str(status), "reason": reason, "message": message}


def _timed(wanted: JsonObject, before: Sequence[JsonObject], now: str) -> JsonObject:
    same = next(
        (one for one in before if (one.get("type"), one.get("status")) == (wanted["type"], wanted["status"])), {}
    )
    return wanted | {"lastTransitionTime": same.get("lastTransitionTime") or now}
