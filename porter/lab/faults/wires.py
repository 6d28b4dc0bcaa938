"""Faults of a node's cables: out, ending nowhere, or bad.

A bad one is carried by a process of its own (`porter.lab.wire`) between the node's port and the switch.
"""

from porter.lab import processes
from porter.lab.errors import LabError
from porter.lab.faults.kinds import How, Kind, kill, until
from porter.lab.network import SWITCH
from porter.lab.stage import Stage

_ROLE = "wire"


def _cut(stage: Stage, node: str, _how: How) -> None:
    stage.network.detach(node)


def _unplug(stage: Stage, node: str, _how: How) -> None:
    stage.network.unplug(node)


def _join(stage: Stage, node: str) -> None:
    stage.network.attach(node)


def _lose(stage: Stage, node: str, how: How) -> None:
    _lay(stage, node, ["--loss", f"{how.loss:g}"])


def _delay(stage: Stage, node: str, how: How) -> None:
    _lay(stage, node, ["--delay", f"{how.delay:g}"])


def _cut_from_server(stage: Stage, node: str, _how: How) -> None:
    topology = stage.topology
    _lay(stage, node, ["--server", str(topology.server), str(topology.api_port)])


def _cut_from_peers(stage: Stage, node: str, _how: How) -> None:
    topology, network = stage.topology, stage.network
    peers = [mac for other in topology.nodes if other.name != node for mac in network.macs(other.name)]
    hosts = (topology.client, *topology.others)
    others = [*(mac for host in hosts for mac in network.macs(host.name)), network.gateway_mac]
    words = [word for mac in peers for word in ("--peer", mac)]
    _lay(stage, node, words + [word for mac in others for word in ("--other", mac)])


def _lay(stage: Stage, node: str, options: list[str]) -> None:
    ready = stage.directory / node / "wire.ready"
    ready.unlink(missing_ok=True)
    pairs = stage.network.lay_wires(node)
    words = [word for pair in pairs for word in ("--pair", *pair)]
    command = processes.python("porter.lab.wire", *words, "--ready", str(ready), *options)
    process = stage.start(_ROLE, command, node=node, netns=stage.network.namespace(SWITCH))

    def carries() -> bool:
        if not processes.alive(process) and not ready.exists():
            raise LabError(f"the wire of {node} ended: {processes.last_words(stage.directory, _ROLE, node)}")
        return ready.exists()

    until(f"the wire of {node}", carries)
    stage.network.join_wires(node)


def _take_up(stage: Stage, node: str) -> None:
    process = stage.running(_ROLE, node)
    stage.network.attach(node)
    if process is not None:
        kill(process, f"{node}'s wire")


def _loss_in_words(how: How) -> str:
    return f"{how.loss:.0%}"


def _delay_in_words(how: How) -> str:
    return f"{how.delay * 1000:g} ms"


KINDS = {
    "network": Kind(_cut, _join, "cut off from everything, and it cannot tell"),
    "link": Kind(_unplug, _join, "its NICs lose their carrier"),
    "no-api": Kind(_cut_from_server, _take_up, "cut off from the API server only"),
    "no-peers": Kind(_cut_from_peers, _take_up, "cut off from the other nodes only"),
    "loss": Kind(_lose, _take_up, "its cables lose frames (--loss)", _loss_in_words),
    "delay": Kind(_delay, _take_up, "its cables are slow (--delay)", _delay_in_words),
}
