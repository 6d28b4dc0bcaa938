"""Conditions of a Service as patches, and the rules of the one that several write: `Announced`.

The node that announces writes True or False, with a message that begins with its name. The leader writes False while no
node may announce, and Unknown when another node is to announce than the one that wrote last. Pure.
"""

from collections.abc import Sequence
from typing import Any

from porter.cluster.views import ConditionView, ServiceView
from porter.model import keys
from porter.model.assignment import Assignment
from porter.model.reasons import Reason, Verdict

JsonObject = dict[str, Any]

UNKNOWN = "Unknown"
_LONGEST_MESSAGE = 1000


def camel_case(reason: Reason) -> str:
    """Write a reason as conditions and Events have them: `first-free` is `FirstFree`."""
    return "".join(part.capitalize() for part in reason.value.split("-"))


def short(message: str) -> str:
    """Return the message, cut where it is too long for a condition."""
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"


def same(shown: ConditionView, wanted: ConditionView) -> bool:
    """Tell whether the two say the same."""
    return (shown.status, shown.reason, shown.message) == (wanted.status, wanted.reason, wanted.message)


def written(wanted: ConditionView, view: ServiceView, now: str) -> JsonObject:
    """Return the condition as a patch has it; `now` is when it turned, unless it is as it was."""
    shown = view.condition(wanted.type)
    since = shown.since if shown is not None and shown.status == wanted.status and shown.since else now
    return {
        "type": wanted.type,
        "status": wanted.status,
        "reason": wanted.reason,
        "message": wanted.message,
        "lastTransitionTime": since,
    }


def announced(*, answers: bool, message: str) -> ConditionView:
    """Return what the announcing node writes. The message begins with the node's name."""
    return ConditionView(
        type=keys.CONDITION_ANNOUNCED,
        status="True" if answers else "False",
        reason="Announced" if answers else "AnnouncementFailed",
        message=short(message),
    )


def not_announced(view: ServiceView, assignments: Sequence[Assignment]) -> ConditionView | None:
    """Return what the leader must write of the announcement; None where it is the announcing node's to write."""
    held = [one for one in assignments if one.address is not None]
    owners = [node for one in held for node in one.nodes]
    shown = view.condition(keys.CONDITION_ANNOUNCED)
    if not held:
        # What was never announced is not missed.
        wanted = _nobody(assignments[0].reason) if shown is not None and shown.status == "True" else None
    elif not owners:
        wanted = _nobody(held[0].placement or Verdict(reason=Reason.NO_ELIGIBLE_NODE))
    elif shown is None or author(shown) in owners:
        return None
    else:
        message = f"{owners[0]} is to announce it, and has not said yet that it does"
        wanted = ConditionView(
            type=keys.CONDITION_ANNOUNCED, status=UNKNOWN, reason="OwnerChanged", message=short(message)
        )
    return None if wanted is None or (shown is not None and same(shown, wanted)) else wanted


def author(shown: ConditionView) -> str:
    """Return the node that wrote the condition, or that the leader asks; some other word where nobody may."""
    return shown.message.partition(" ")[0]


def _nobody(verdict: Verdict) -> ConditionView:
    return ConditionView(
        type=keys.CONDITION_ANNOUNCED,
        status="False",
        reason=camel_case(verdict.reason),
        message=short(verdict.sentence),
    )
