"""Nodes whose kernel answers ARP for addresses that are on another of their NICs: what that means, and the cure.

Linux does so unless it is told otherwise (the weak host model of RFC 1122, 3.3.4.2): with `arp_ignore` 0. Kube-proxy in
mode IPVS puts every Service's address on every node, and so every node answers; its strictARP sets `arp_ignore` to 1.
"""

from typing import Final

CURE: Final = (
    "set strictARP: true in kube-proxy's configuration (kubectl edit configmap kube-proxy -n kube-system, there "
    "config.conf: ipvs.strictARP) and restart it (kubectl rollout restart daemonset kube-proxy -n kube-system)"
)
