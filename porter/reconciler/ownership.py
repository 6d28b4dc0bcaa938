"""Whose Service is it? Said once, for the fold, the publisher and every explanation."""

from porter.model.keys import CLAIM, CLAIM_VALUES
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict


def why_not_ours(service: Service, load_balancer_class: str) -> Verdict | None:
    """Return why the Service is not Porter's, or None when it is.

    `load_balancer_class` is the class that this Porter serves. A foreign class is never ours, whatever the annotation.
    """
    if service.type != "LoadBalancer":
        return Verdict(reason=Reason.NOT_OURS, detail=f"its type is {service.type}")
    if service.deleting:
        return Verdict(reason=Reason.NOT_OURS, detail="it is being deleted")
    if service.load_balancer_class is not None:
        if service.load_balancer_class == load_balancer_class:
            return None
        return Verdict(reason=Reason.NOT_OURS, detail=f"its loadBalancerClass is {service.load_balancer_class}")
    if service.claimed_by in CLAIM_VALUES:
        return None
    if service.claimed_by is None:
        return Verdict(reason=Reason.NOT_OURS, detail=f"it has neither the annotation {CLAIM} nor a loadBalancerClass")
    return Verdict(reason=Reason.NOT_OURS, detail=f"its annotation {CLAIM} names {service.claimed_by!r}")
