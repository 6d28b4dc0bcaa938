"""An explained node as text."""

from collections.abc import Iterator

from porter.cli.explaining.answers import heading, more, opening, row
from porter.cli.explaining.reading import Asked
from porter.model.objects import Nic
from porter.model.reasons import Reason
from porter.reconciler.explaining.node import NodeExplanation, Owned, RefusedGroup

_MOST = 10  # rows of a list
_EXAMPLES = 3


def node_lines(explanation: NodeExplanation, asked: Asked) -> Iterator[str]:
    """Say first whether the node may announce addresses, and then which it has, and why not the others."""
    yield from opening([explanation.verdict], f"Node {explanation.node}", asked)
    yield from heading("NICs" if explanation.nics else "NICs: none is reported")
    for nic in explanation.nics:
        yield from row(nic.name, _nic(nic), width=8)
    for way in explanation.ways:
        yield from row("", f"{way.to} is reached over {way.nic or 'none of them'}", width=8)
    if explanation.nic_address is not None:
        yield from row("", f"its annotation names the NIC that carries {explanation.nic_address}", width=8)
    yield from heading(f"owns: {len(explanation.owns):,}" if explanation.owns else "owns: nothing")
    for owned in explanation.owns[:_MOST]:
        yield from row(owned.address, _owned(owned), width=15)
    yield from more(len(explanation.owns), _MOST)
    if explanation.others:
        yield from heading("does not own")
    for group in explanation.others:
        yield from row(f"{group.count:,}", _group(group), width=6)


def _nic(nic: Nic) -> str:
    state = "" if nic.up else ", down"
    state += "" if nic.carrier else ", no carrier"
    state += "" if nic.arp else ", no ARP"
    state += ", answers ARP for addresses of other NICs" if nic.arp_ignore == 0 else ""
    gateways = f", gateway {', '.join(nic.gateways)}" if nic.gateways else ""
    return f"{', '.join(nic.networks) or 'no address'}, {nic.mac}{gateways}{state}"


def _owned(one: Owned) -> str:
    return f"{', '.join(one.services)} on {one.nic or 'no NIC'}: {one.sentence}"


def _group(group: RefusedGroup) -> str:
    """Say the reason once where it is the same for all, else beside each example."""
    shown = group.addresses[:_EXAMPLES]
    rest = group.count - len(shown)
    ending = f" and {rest:,} more" if rest else ""
    if group.reason is Reason.NODE_ELIGIBLE:
        held = ", ".join(f"{one.address} ({', '.join(one.nodes) or 'nobody'})" for one in shown)
        return f"it may, and another node has it: {held}{ending}"
    if len({one.sentence for one in group.addresses}) == 1:
        return f"{shown[0].sentence}: {', '.join(one.address for one in shown)}{ending}"
    return "; ".join(f"{one.address}: {one.sentence}" for one in shown) + ending
