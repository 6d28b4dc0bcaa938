"""A wish that differs from the one before only in why is no reason to compare again."""

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from porter.cluster.publication import Patch, plan_service
from porter.cluster.views import ConditionView, IngressView, ServiceView
from porter.cluster.wishes import ServiceWish
from porter.model import keys
from porter.model.assignment import Assignment
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from tests.cluster.cluster import assigned

NOW = "2026-01-01T00:00:00Z"
SERVICE = Service(namespace="default", name="web", uid="u", created=NOW, type="LoadBalancer")
FIRST = assigned("web", "192.168.0.91", "node1")

services = st.builds(
    lambda fields: msgspec.structs.replace(SERVICE, **fields),
    st.sampled_from(
        [{}, {}, {"keys": "openelb"}, {"wanted_protocol": "layer2"}, {"written_node": "node1"}, {"written_eip": "x"}]
    ),
)
verdicts = st.builds(
    Verdict,
    reason=st.sampled_from([Reason.HELD, Reason.FIRST_FREE, Reason.POOL_EXHAUSTED, Reason.NO_ENDPOINT]),
    detail=st.sampled_from(["", "pool-a"]),
)
assignments = st.builds(
    lambda found, fields: msgspec.structs.replace(found, **fields),
    st.sampled_from([FIRST, assigned("web", "192.168.0.91"), assigned("web", "192.168.0.92", "node1", "node2")]),
    st.fixed_dictionaries({"reason": verdicts, "placement": verdicts}),
) | st.builds(lambda verdict: assigned("web", None, reason=verdict.reason), verdicts)
wishes = st.builds(
    lambda service, found: ServiceWish(service=service, assignments=(found,)),
    services,
    assignments,
)


def wish(*found: Assignment, **fields: Any) -> ServiceWish:
    return ServiceWish(service=msgspec.structs.replace(SERVICE, **fields), assignments=found)


def after(view: ServiceView, patch: Patch) -> ServiceView:
    """Return the Service as the API shows it after the patch."""
    metadata, status = patch.body.get("metadata", {}), patch.body.get("status", {})
    maps = {
        part: tuple(sorted((dict(getattr(view, part)) | metadata.get(part, {})).items()))
        for part in ("labels", "annotations")
    }
    conditions = {one.type: one for one in view.conditions}
    for one in status.get("conditions", ()):
        said = {key: one[key] for key in ("type", "status", "reason", "message")}
        conditions[one["type"]] = ConditionView(**said, since=one["lastTransitionTime"])
    ingress = view.ingress
    if "loadBalancer" in status:
        listed = status["loadBalancer"]["ingress"] or ()
        ingress = tuple(IngressView(ip=one["ip"], ip_mode=one.get("ipMode")) for one in listed)
    return msgspec.structs.replace(view, ingress=ingress, conditions=tuple(conditions.values()), **maps)


def showing(wanted: ServiceWish) -> ServiceView:
    view = ServiceView(namespace="default", name="web", uid="u", version="1")
    for patch in plan_service(view, wanted.service, wanted.assignments, now=NOW):
        view = after(view, patch)
    return view


@settings(max_examples=200, deadline=None)
@given(wishes, services, st.fixed_dictionaries({}, optional={"reason": verdicts, "placement": verdicts}))
def test_what_is_no_news_needs_no_write_where_the_wish_before_is_shown(
    before: ServiceWish, service: Service, why: dict[str, Verdict]
) -> None:
    found = tuple(msgspec.structs.replace(one, **why) for one in before.assignments)
    wanted = ServiceWish(service=service, assignments=found)
    assume(not wanted.is_news_after(before))

    assert list(plan_service(showing(before), wanted.service, wanted.assignments, now=NOW)) == []


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(wish(FIRST), id="the same"),
        pytest.param(wish(FIRST, written_node="node1", written_eip="pool-a"), id="labels that Porter wrote"),
        pytest.param(
            wish(msgspec.structs.replace(FIRST, reason=Verdict(reason=Reason.HELD)), addresses=(FIRST.address,)),
            id="its address is held",
        ),
        pytest.param(
            wish(msgspec.structs.replace(FIRST, placement=Verdict(reason=Reason.STICKY))), id="its node is the same"
        ),
    ],
)
def test_what_a_published_service_comes_back_with_is_no_news(wanted: ServiceWish) -> None:
    assert not wanted.is_news_after(wish(FIRST))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(wish(), id="nothing"),
        pytest.param(ServiceWish(service=None, assignments=(FIRST,)), id="gone"),
        pytest.param(wish(FIRST, uid="v"), id="a namesake"),
        pytest.param(wish(FIRST, keys="openelb"), id="other keys"),
        pytest.param(wish(FIRST, written_protocol="layer2"), id="a protocol is written"),
        pytest.param(wish(assigned("web", "192.168.0.92", "node1")), id="another address"),
        pytest.param(wish(assigned("web", "192.168.0.91", "node2")), id="another node"),
        pytest.param(wish(assigned("web", None, reason=Reason.POOL_EXHAUSTED)), id="no address"),
        pytest.param(wish(FIRST, assigned("web", "fd00::1", "node1", family="IPv6")), id="a second one"),
    ],
)
def test_whatever_the_api_shows_of_a_wish_is_news(wanted: ServiceWish) -> None:
    assert wanted.is_news_after(wish(FIRST))
    assert wanted.is_news_after(None)


shown = st.builds(
    lambda ips, node, family: ServiceView(
        namespace="default",
        name="web",
        uid="u",
        version="1",
        ingress=tuple(IngressView(ip=ip, ip_mode="VIP") for ip in ips),
        annotations=() if node is None else ((keys.layer2_node(family), node),),
    ),
    st.lists(st.sampled_from(["192.168.0.91", "192.168.0.92", "10.9.9.9"]), unique=True, max_size=2),
    st.sampled_from([None, "node1", "node2", "node3"]),
    st.sampled_from(["porter", "openelb"]),
)


def as_known(view: ServiceView, service: Service) -> Service:
    """The Service that the watch brings when the API shows this."""
    nodes = dict(view.annotations)
    return msgspec.structs.replace(
        service,
        written_node=nodes.get(keys.layer2_node("porter")) or nodes.get(keys.layer2_node("openelb")),
        addresses=view.ips,
    )


@settings(max_examples=200, deadline=None)
@given(shown, services, st.lists(assignments, max_size=1))
def test_a_wish_may_be_written_to_its_end_whatever_was_shown_when_it_was_made(
    view: ServiceView, service: Service, found: list[Assignment]
) -> None:
    wanted = ServiceWish(service=as_known(view, service), assignments=tuple(found))

    for _ in range(3):
        assert wanted.fits(as_known(view, service))
        patch = next(plan_service(view, wanted.service, wanted.assignments, now=NOW), None)
        if patch is None:
            return
        view = after(view, patch)
    raise AssertionError("two patches are enough")


@pytest.mark.parametrize(
    "now",
    [{"written_node": "node2"}, {"addresses": ("192.168.0.92",)}, {"addresses": ("192.168.0.91", "10.9.9.9")}],
)
def test_what_is_shown_since_and_not_wanted_is_for_the_next_decision(now: dict[str, Any]) -> None:
    made_from = msgspec.structs.replace(SERVICE, written_node="node3", addresses=("192.168.0.90",))
    wanted = ServiceWish(service=made_from, assignments=(FIRST,))
    known = msgspec.structs.replace(made_from, **now)

    assert not wanted.fits(known)
    assert ServiceWish(service=known, assignments=(FIRST,)).is_news_after(wanted)
