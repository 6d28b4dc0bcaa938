"""Only endpoints of Services that matter are entries, whichever is seen first."""

from porter.cluster.interest import Interest
from porter.events.entries import (
    EndpointsGone,
    EndpointsObserved,
    NodeGone,
    Observed,
    Relisted,
    ServiceGone,
    ServiceObserved,
)
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Endpoints, Service
from tests.worlds import endpoints, service

WEB, OTHER = service("default/web"), "default/other"
OURS, THEIRS = endpoints("default/web", "node1"), endpoints(OTHER, "node1")
MOVED = endpoints("default/web", "node2")


def listed(*services: Service) -> Relisted:
    return Relisted(resource="services", total=len(services), services=services)


def slices(*found: Endpoints, gone: tuple[str, ...] = ()) -> Relisted:
    return Relisted(resource="endpointslices", total=len(found), endpoints=found, gone=gone)


def seen(*entries: Observed, known: tuple[Endpoints, ...] = ()) -> list[Observed]:
    """Return what is passed on of these entries."""
    passed: list[Observed] = []
    services = [ServiceKey(f"{one.namespace}/{one.service}") for one in known]
    interest = Interest(services=services, slices={one.key: one for one in known}, emit=passed.append)
    for entry in entries:
        interest.take(entry)
    return passed


def test_a_list_of_slices_waits_for_the_services_and_comes_before_them() -> None:
    assert seen(slices(OURS, THEIRS), listed(WEB)) == [
        Relisted(resource="endpointslices", total=2, endpoints=(OURS,)),
        listed(WEB),
    ]


def test_a_list_of_slices_after_the_services_is_cut_to_what_matters() -> None:
    assert seen(listed(WEB), slices(OURS, THEIRS))[1:] == [
        Relisted(resource="endpointslices", total=2, endpoints=(OURS,)),
    ]


def test_endpoints_of_other_services_are_no_entries() -> None:
    other = EndpointsObserved(endpoints=THEIRS)

    assert seen(listed(), other, other, EndpointsGone(endpoints=THEIRS.key))[1:] == []


def test_a_service_that_comes_to_matter_brings_its_endpoints_first() -> None:
    came = ServiceObserved(service=WEB)

    assert seen(listed(), slices(OURS), came, came)[2:] == [EndpointsObserved(endpoints=OURS), came, came]


def test_a_service_that_matters_no_more_takes_its_endpoints_along() -> None:
    gone, came = ServiceGone(service=WEB.key), ServiceObserved(service=WEB)

    passed = seen(listed(WEB), slices(OURS), gone, EndpointsObserved(endpoints=MOVED), came)

    assert passed[2:] == [gone, EndpointsGone(endpoints=OURS.key), EndpointsObserved(endpoints=MOVED), came]


def test_a_slice_that_goes_over_to_another_service_is_gone() -> None:
    stolen = endpoints(OTHER, "node1", name="web-1")

    assert seen(listed(WEB), slices(OURS), EndpointsObserved(endpoints=stolen))[2:] == [
        EndpointsGone(endpoints=OURS.key),
    ]
    assert seen(listed(WEB), slices(OURS), slices(stolen))[2:] == [
        Relisted(resource="endpointslices", total=1, gone=(OURS.key,)),
    ]


def test_what_the_log_knows_is_told_of_when_it_changes_or_goes() -> None:
    same = Relisted(resource="services", total=1)
    entries: list[Observed] = [same, EndpointsObserved(endpoints=MOVED), EndpointsGone(endpoints=OURS.key)]

    assert seen(*entries, known=(OURS,)) == entries
    assert seen(same, slices(gone=(OURS.key, "default/x")), known=(OURS,))[1:] == [slices(gone=(OURS.key,))]


def test_a_later_list_that_tells_nothing_of_interest_is_no_entry() -> None:
    assert seen(listed(WEB), slices(OURS), slices(THEIRS))[2:] == []


def test_everything_else_passes() -> None:
    entry = NodeGone(node=NodeName("node1"))

    assert seen(entry, EndpointsObserved(endpoints=OURS)) == [entry]
