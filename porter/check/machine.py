"""This machine as a node: which Node it is, its NICs, what its kernel does with ARP, and raw sockets. It only reads."""

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from porter.check.findings import Finding, Level, named
from porter.check.kube_proxy import RESTART, is_strict, mode_of
from porter.check.survey import Survey
from porter.model.names import NodeName
from porter.model.objects import Nic, Node
from porter.plugins.layer2.announcer.rights import take_up_raw_sockets

_SYSCTLS: Final = Path("/proc/sys/net/ipv4/conf/all")
_IPVS: Final = "kube-ipvs0"
_SET: Final = "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"


def noticed(nodes: Mapping[NodeName, Node], nics: Iterable[Nic]) -> NodeName | None:
    """Return the Node of which this machine carries an address; None on a machine that is no node."""
    here = _addresses(nics)
    return next((name for name, node in sorted(nodes.items()) if here & set(node.addresses)), None)


def check_identity(survey: Survey, name: NodeName, nics: Sequence[Nic]) -> Iterator[Finding]:
    """Find a name that is no Node's, or another machine's."""
    node = survey.world.nodes.get(name)
    if node is None:
        if "nodes" not in survey.unread:
            what = f"there is no Node {name}; there is {named(sorted(survey.world.nodes)) or 'none'}"
            why = "an agent of that name owns nothing"
            yield Finding(check="nodes", level="fault", what=what, why=why, commands=("kubectl get nodes",))
    elif node.addresses and not _addresses(nics) & set(node.addresses):
        what = f"this machine carries no address of Node {name} ({', '.join(node.addresses)})"
        why = "what follows is of this machine, which may be another one"
        yield Finding(check="nodes", level="warning", what=what, why=why, commands=("kubectl get nodes -o wide",))


def check_arp_settings(survey: Survey) -> Iterator[Finding]:
    """Judge whether this kernel answers ARP for the addresses that kube-proxy puts on kube-ipvs0."""
    ipvs = any(name == _IPVS for _, name in socket.if_nameindex())
    if not ipvs and mode_of(survey) != "ipvs":
        what = f"no NIC {_IPVS} is here: the kernel answers ARP for no Service"
        yield Finding(check="arp-settings", level="ok", what=what)
        return
    ignore, announce = (_setting(name) for name in ("arp_ignore", "arp_announce"))
    shown = f"net.ipv4.conf.all.arp_ignore is {_shown(ignore)}, arp_announce is {_shown(announce)}"
    if ignore is None or announce is None:
        yield Finding(check="arp-settings", level="unknown", what=shown)
    elif ignore >= 1 and announce >= 2:  # noqa: PLR2004 - Linux, ip-sysctl: reply only on the NIC; use its best address
        yield Finding(check="arp-settings", level="ok", what=shown)
    else:
        strict = is_strict(survey)
        why = f"kube-proxy is in mode ipvs, so that the kernel answers ARP for every address on {_IPVS}"
        why += "; strictARP is set, and kube-proxy has not been restarted since" if strict else ""
        commands = (RESTART,) if strict else (_SET,)
        level: Level = "fault" if ignore < 1 else "warning"
        yield Finding(check="arp-settings", level=level, what=shown, why=why, commands=commands)


def check_raw_sockets() -> Iterator[Finding]:
    """Try to open a raw socket, of the kind that hears nothing, and close it again."""
    refusal = _refusal()
    if refusal is None:
        yield Finding(check="raw-sockets", level="ok", what="a raw socket can be opened (CAP_NET_RAW)")
    elif take_up_raw_sockets() and _refusal() is None:
        what = "a raw socket can be opened: CAP_NET_RAW is permitted, and the announcer takes it up"
        yield Finding(check="raw-sockets", level="ok", what=what)
    else:
        yield Finding(
            check="raw-sockets",
            level="fault",
            what=f"no raw socket can be opened here: {refusal}",
            why="the agent answers ARP through one, and needs CAP_NET_RAW for it, as the DaemonSet gives it",
            commands=("sudo porter check", "porter manifests --only daemonset | kubectl apply -f -"),
        )


def _refusal() -> str | None:
    """Return why the kernel gives no raw socket, or None where it does."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _addresses(nics: Iterable[Nic]) -> set[str]:
    return {text.partition("/")[0] for nic in nics for text in nic.networks}


def _setting(name: str) -> int | None:
    try:
        return int((_SYSCTLS / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _shown(value: int | None) -> str:
    return "not known" if value is None else str(value)
