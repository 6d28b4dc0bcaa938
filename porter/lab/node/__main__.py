"""Run a node's stand-ins: `python -m porter.lab.node --name node1 --address 192.168.0.2 …`."""

import argparse
import asyncio
import logging
import resource
import signal
from ipaddress import ip_address, ip_network
from pathlib import Path

from porter.lab.following import Api, Cache, connect
from porter.lab.network import SERVICE_LINK
from porter.lab.node import addresses
from porter.lab.node.kubelet import Kubelet
from porter.lab.node.pods import Pods
from porter.lab.node.proxy import Proxy
from porter.lab.trigger import Trigger
from porter.lab.until import until_told


async def run(arguments: argparse.Namespace) -> None:
    """Register the node, run its pods, relay its connections, until cancelled."""
    name, own = arguments.name, arguments.address
    async with Api(await connect(arguments.kubeconfig)) as api, asyncio.TaskGroup() as tasks:
        for_kubelet, for_pods, for_proxy = Trigger(), Trigger(), Trigger()
        # A kubelet asks for its own node and for the pods on it, as a real one does.
        nodes = Cache(api, "Node", fields=f"metadata.name={name}", changed=for_kubelet.changed)
        pods = Cache(api, "Pod", fields=f"spec.nodeName={name}", changed=for_pods.changed)
        services = Cache(api, "Service", changed=for_proxy.changed)
        slices = Cache(api, "EndpointSlice", changed=for_proxy.changed)
        kubelet = Kubelet(
            *(api, nodes),
            name=name,
            addresses=own,
            pods=arguments.pods,
            labels=dict(label.split("=", 1) for label in arguments.label),
            control_plane=arguments.control_plane,
        )

        def look() -> None:
            for_kubelet.changed()
            for_pods.changed()

        loop = asyncio.get_running_loop()  # what faults of a kubelet ask for
        loop.add_signal_handler(signal.SIGUSR1, kubelet.fall_silent)
        loop.add_signal_handler(signal.SIGUSR2, kubelet.speak, look)
        await addresses.batch([f"addr flush dev {SERVICE_LINK}"])  # of a node that lost its power: no boot leaves these
        proxy = Proxy(services, slices, node=name, addresses=own)

        async def use(mode: str) -> None:
            await proxy.use(mode)
            for_proxy.changed()

        containers = Pods(
            *(api, pods),
            addresses=own,
            ranges=arguments.pods,
            use=use,
            again=for_pods.changed,
            silent=kubelet.is_silent,
        )
        for cache in (nodes, pods, services, slices):
            tasks.create_task(cache.follow())
        tasks.create_task(kubelet.beat())
        tasks.create_task(for_kubelet.run(kubelet.reconcile))
        tasks.create_task(for_pods.run(containers.reconcile))
        tasks.create_task(for_proxy.run(proxy.reconcile))


def main(words: list[str] | None = None) -> None:
    """Parse the arguments and run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="porter.lab.node", description=__doc__)
    parser.add_argument("--name", required=True)
    # Of each family one, the first one first.
    parser.add_argument("--address", type=ip_address, action="append", required=True, help="an InternalIP")
    parser.add_argument("--pods", type=ip_network, action="append", required=True, help="a range of its pods")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE", help="a label of the Node")
    parser.add_argument("--control-plane", action="store_true")
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # kube-proxy's part has some sockets for each Service
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(until_told(run(arguments)))


if __name__ == "__main__":
    main()
