"""Layer 2: this node answers ARP and NDP for the addresses that it owns."""
