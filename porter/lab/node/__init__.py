"""What a node brings besides Porter: a stand-in for the kubelet, for the containers and for kube-proxy.

One process a node, inside the node's namespace. It never answers ARP and never decides who announces what.
"""
