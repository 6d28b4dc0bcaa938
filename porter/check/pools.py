"""Will the pools hand out addresses that can be reached? The reconciler's judgement of them, and what it cannot see."""

from collections.abc import Iterator

from porter.check.findings import Finding, Level, named
from porter.check.survey import Range, Survey, edit
from porter.model.addresses import AddressRange, Network, parse_network
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import Rules, decide
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.eip import explain_eip
from porter.reconciler.explaining.room import reserved_in, room_in
from porter.reconciler.nics import choose_nic, shortened
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.pools import Pool

_UNFINISHED = frozenset({Reason.POOL_FOREIGN, Reason.POOL_DELETING})


def case_of(survey: Survey, rules: Rules) -> Case:
    """Decide everything from what was read, as an agent would."""
    return Case(survey.world, decide(survey.world, rules), rules)


def check_pools(survey: Survey, case: Case) -> Iterator[Finding]:
    """Judge every pool against nodes, gateways, the cluster's ranges and the NICs that would announce it."""
    problem = survey.unread.get("eips")
    if problem:
        yield Finding(check="pools", level="unknown", what=f"the Eips are not known: {problem}")
        return
    pools = list(case.pools)
    if not pools:
        what = "there is no Eip yet; porter check -f FILE checks one before it is applied"
        yield Finding(check="pools", level="ok", what=what)
    for pool in pools:
        found = list(_of_pool(survey, case, pool))
        yield from found
        if not found:
            room = room_in(case, pool)
            what = f"Eip {pool.eip.name}: {room.free:,} of {room.size:,} addresses are free"
            yield Finding(check="pools", level="ok", what=what)
    cluster = survey.unread.get("cluster")
    if cluster:
        why = "a pool that holds one of them would not be noticed"
        yield Finding(
            check="pools", level="unknown", what=f"not all ranges of the cluster are known: {cluster}", why=why
        )


def check_nics(survey: Survey, case: Case) -> Iterator[Finding]:
    """Judge, for every pool, on which nodes no NIC can announce it: by what the agents report, and by this machine."""
    agents = [agent for _, agent in sorted(survey.world.agents.items()) if not agent.leaving]
    well: list[str] = []
    for pool in case.pools:
        if pool.range is None or pool.eip.foreign or not agents:
            continue
        unfit: list[str] = []
        for agent in agents:
            node = survey.world.nodes.get(agent.node)
            choice = choose_nic(agent, node, pool.eip, pool.range.first_address)
            if choice.nic is None:
                unfit.append(f"{agent.node}: {choice.verdict.sentence}")
        if not unfit:
            well.append(pool.eip.name)
            continue
        nobody = len(unfit) == len(agents)
        yield Finding(
            check="nics",
            level="fault" if nobody else "warning",
            what=f"Eip {pool.eip.name} cannot be announced from {shortened(unfit)}",
            why="nobody announces its addresses" if nobody else "other nodes announce its addresses, these never do",
            commands=(edit(survey, pool.eip.name), "ip -brief link"),
        )
    if well:
        what = f"every node that reports has a NIC with carrier for Eip {named(well)}"
        yield Finding(check="nics", level="ok", what=what)
    elif agents and not list(case.pools):
        yield from _without_pools(survey)


def _without_pools(survey: Survey) -> Iterator[Finding]:
    for name, agent in sorted(survey.world.agents.items()):
        fit = [
            f"{nic.name} ({', '.join(nic.networks) or 'no address'})" for nic in agent.nics if nic.up and nic.carrier
        ]
        if fit:
            yield Finding(check="nics", level="ok", what=f"{name} has {named(fit)}")
        else:
            why = "ARP is answered on a NIC that is up and has carrier"
            what = f"{name} has no NIC that could announce an address"
            yield Finding(check="nics", level="fault", what=what, why=why, commands=("ip -brief link",))


def _of_pool(survey: Survey, case: Case, pool: Pool) -> Iterator[Finding]:
    name = pool.eip.name
    reason = pool.verdict.reason
    if reason in _UNFINISHED:
        yield _said(pool, "ok", pool.verdict.sentence)
        return
    if reason is Reason.NO_NODE_CAN_ANNOUNCE and not survey.world.agents:
        why = "porter check on a node looks at its NICs"
        yield _said(pool, "unknown", "whether a node can announce it is not known before agents run", why)
    elif not pool.ready:
        why = "it hands out no address"
        yield _said(pool, "fault", pool.verdict.sentence, why, edit(survey, name))
    if pool.range is None:
        return
    explained = explain_eip(case, name)
    if explained.warning:
        why = "hosts beside the nodes reach its addresses only where they have a route to them"
        yield _said(pool, "warning", explained.warning, why, edit(survey, name))
    yield from _reserved(survey, case, pool)
    yield from _unseen(survey, case, pool, pool.range)
    if explained.disabled:
        yield _said(pool, "warning", "it is disabled (spec.disable)", "it hands out no address", edit(survey, name))
    for waiter in explained.waiting[:1]:
        what = f"{waiter.service} waits for an address: {waiter.sentence}"
        more = len(explained.waiting) - 1
        what += f" (and {more} more)" if more else ""
        yield _said(pool, "warning", what, "it is not reached", f"kubectl describe eip {name}")


def _reserved(survey: Survey, case: Case, pool: Pool) -> Iterator[Finding]:
    reserved = [f"{one.range} ({one.sentence})" for one in reserved_in(case, pool)]
    if not reserved:
        return
    room = room_in(case, pool)
    nothing = room.reserved >= room.size
    how_many = "no address of it" if nothing else f"{room.reserved:,} of {room.size:,} addresses"
    verb = "can ever be" if nothing else "is never" if room.reserved == 1 else "are never"
    what = f"{how_many} {verb} handed out: {named(reserved)}"
    why = "Porter passes over addresses that are somebody's own, whatever the pool says"
    yield _said(pool, "fault" if nothing else "warning", what, why, edit(survey, pool.eip.name))


def _unseen(survey: Survey, case: Case, pool: Pool, addresses: AddressRange) -> Iterator[Finding]:
    """Find what overlaps and Porter does not read, so that it would hand the addresses out."""
    known = {one.range for one in reserved_in(case, pool)}
    told: set[str] = set()
    for one in survey.ranges:
        network = parse_network(one.cidr)
        if network is None or str(network) in known | told or not _span(network).overlaps(addresses):
            continue
        told.add(str(network))
        yield _said(pool, "fault", *_overlap(one), edit(survey, pool.eip.name))


def _overlap(one: Range) -> tuple[str, str]:
    why = "Porter cannot see that range, hands out addresses in it, and what is sent to them stays in the cluster"
    return f"it overlaps with {one.cidr}, the {one.what}", why


def _span(network: Network) -> AddressRange:
    first, last = int(network.network_address), int(network.broadcast_address)
    return AddressRange(version=network.version, first=first, last=last)


def _said(pool: Pool, level: Level, what: str, why: str = "", *commands: str) -> Finding:
    return Finding(check="pools", level=level, what=f"Eip {pool.eip.name}: {what}", why=why, commands=commands)


def ours(survey: Survey) -> list[Service]:
    """Return the Services that are Porter's, by name."""
    mine = survey.world.options.load_balancer_class
    return [service for _, service in sorted(survey.world.services.items()) if why_not_ours(service, mine) is None]
