"""Bring a lab up and take it down. What is made is written down first, so `down` finds it whatever happened to `up`."""

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from porter.lab import furniture, given, mounts, namespaces, pins, processes, rootless, serving, state
from porter.lab.clocks import library
from porter.lab.errors import LabError, LabExistsError, NoSuchLabError
from porter.lab.examining import Found, examine
from porter.lab.kube import Kube
from porter.lab.network import Network
from porter.lab.stage import AGENT_PORT, Stage
from porter.lab.state import Namespace, State
from porter.lab.topology import Topology, parse, plain

Say = Callable[[str], None]
_DISK = "128m"


def bring_up(
    name: str,
    topology: Topology,
    *,
    agents: bool,
    lease_duration: float,
    clocks: bool,
    grace: float,
    strict_arp: bool,
    kubeconfig: Path | None,
    say: Say,
) -> Path:
    """Bring up a lab and return its directory. On any failure, Ctrl-C too, nothing of it is left.

    With `kubeconfig` it uses the API server that this names, and has none of its own.
    """
    namespaces.check_possible()
    if clocks:
        library()
    _clear_leftovers(name, say)
    access = given.read(kubeconfig) if kubeconfig is not None else None
    found = None
    if access is not None:
        found = examine(access, agents=agents, families=topology.families, strict_arp=strict_arp)
    directory = state.create(name)
    known = State(
        name=name,
        phase="starting",
        boot=state.boot(),
        starter=processes.this("up"),
        topology=plain(topology),
        agents=agents,
        lease_duration=lease_duration,
        clocks=clocks,
        server=access.server if access is not None else "",
    )
    try:
        with state.locked(directory):
            stage = Stage(directory, known)
            stage.save()
            if rootless.is_needed():
                say("making namespaces of its own, without root")
                known.processes = [rootless.hold(directory)]
                stage.save()
                rootless.enter(directory, known)
            _mount(stage)
            _make_namespaces(stage, say)
            if access is None or found is None:
                with ThreadPoolExecutor(1) as hands:  # the server's start takes a core, and the network `ip` alone
                    built = hands.submit(stage.network.build)
                    serving.begin(stage, say, grace=grace)
                    built.result()
                kube = serving.install(stage, say)
            else:
                stage.network.build()
                kube = serving.join(stage, access, found, say, grace=grace)
            _furnish(stage, kube, found, strict_arp=strict_arp)
            known.phase = "up"
            stage.save()
    except BaseException:
        with undisturbed():
            say("taking down what was begun")
            _take_down(directory, known, say)
        raise
    return directory


def take_down(directory: Path, say: Say) -> int:
    """Take down the lab of a directory, however broken, and leave nothing. Returns how many processes were ended.

    An API server that is not the lab's own goes on; where it cannot be reached, `say` is told what is left there.
    """
    with state.locked(directory), undisturbed():
        try:
            known = state.load(directory)
        except NoSuchLabError:  # `up` was killed between making the directory and writing the first state
            state.remove(directory)
            return 0
        return _take_down(directory, known, say)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No Ctrl-C while things are put away. In a thread that is not the main one there is none anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _take_down(directory: Path, known: State, say: Say) -> int:
    network = Network(parse(known.topology), lab=known.name, env=processes.environment(directory))
    # A lab without root has its names in a /run of its own, which goes with the last process that is in it.
    in_sight = rootless.is_inside(known)
    if known.boot != state.boot():
        known.namespaces, known.processes = [], []  # they went with the boot that they lived in
    with pins.of_lab(directory, known, named=in_sight) as inodes:
        ended = processes.end_all(directory, known, inodes)
        for netns in known.namespaces if in_sight else ():
            if netns.inode in {0, namespaces.inode(netns.name)}:
                network.delete(netns.name)
        ended += processes.end_all(directory, known, inodes)
    if known.server:  # now that nobody says of a Node of ours that it is there
        serving.leave(Stage(directory, known), say)
    state.remove(directory)
    return ended


def _clear_leftovers(name: str, say: Say) -> None:
    """Clear away a lab whose `up` was killed, or that a reboot ended. One that stands is left alone."""
    directory = state.directory(name)
    if not directory.exists():
        return
    with state.locked(directory, wait=0.5):
        try:
            known = state.load(directory)
        except NoSuchLabError:
            state.remove(directory)
            return
        abandoned = known.phase == "starting" and not processes.alive(known.starter)
        if not abandoned and known.boot == state.boot():
            raise LabExistsError(f"lab '{name}' exists already; porter lab down --name {name} takes it down")
        say(f"clearing away what an earlier '{name}' left")
        with undisturbed():
            _take_down(directory, known, say)


def _mount(stage: Stage) -> None:
    """A small file system in memory for each node, so that the disk of one can be full."""
    for node in stage.topology.nodes:
        place = stage.directory / node.name
        place.mkdir(exist_ok=True)
        try:
            mounts.mount_memory(place, _DISK)
        except OSError as error:
            raise LabError(f"cannot mount a file system in memory at {place}: {error.strerror}") from None


def _make_namespaces(stage: Stage, say: Say) -> None:
    network, known = stage.network, stage.known
    say(f"building the network of {len(stage.topology.nodes)} nodes and {stage.topology.client.name}")
    with state.locked(state.root(), wait=30.0):  # two labs that begin at once must not both find a name free
        if taken := [netns for netns in network.names if namespaces.exists(netns)]:
            raise LabError(
                f"network namespace '{taken[0]}' exists already and is not this lab's; choose another name with --name"
            )
        known.namespaces = [Namespace(name=netns) for netns in network.names]
        stage.save()
        for netns in network.names:
            network.add(netns)
        known.namespaces = [Namespace(name=netns, inode=namespaces.inode(netns) or 0) for netns in network.names]
        stage.save()


def _furnish(stage: Stage, kube: Kube, found: Found | None, *, strict_arp: bool) -> None:
    """Say how kube-proxy works, where nobody has, and wait until everything is ready."""
    if found is None or not found.proxy:
        furniture.put(kube, strict_arp=strict_arp, labels={given.LABEL: stage.known.name} if found is not None else {})

    names = {node.name for node in stage.topology.nodes}
    stand_ins: list[tuple[str, str | None]] = [("node", name) for name in sorted(names)]
    on = [*stand_ins, *serving.waits_on(stage)]
    stage.wait("ready nodes", lambda: names <= furniture.ready_nodes(kube), on=on)
    stage.wait("kube-proxy on every node", lambda: furniture.proxies(kube) == len(names), on=on)
    if stage.known.agents:
        for name in sorted(names):
            _wait_for_agent(stage, name)


def _wait_for_agent(stage: Stage, node: str) -> None:
    problems = functools.partial(furniture.problems_of_agent, stage.network.namespace(node), AGENT_PORT)
    try:
        stage.wait(f"the agent of {node}", lambda: not problems(), on=[("agent", node)])
    except LabError as error:
        raise LabError(f"{error.message}; it says: {problems()}") from None
