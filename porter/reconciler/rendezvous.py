"""Rendezvous hashing: every node computes the same winner for a key, alone, and a lost node moves only its own keys.

Pure, and the same in every process and on every machine: Python's own `hash()` is never used.
"""

from collections.abc import Sequence
from hashlib import blake2b

from porter.model.names import NodeName

_BYTES = 8  # 64 bits: two nodes draw the same number for a key once in 2^64 keys, and then the name decides


def winner(key: str, nodes: Sequence[NodeName]) -> NodeName:
    """Return the node with the highest number for the key; of equals the first by name. The order does not matter.

    Raises ValueError when there is no node.
    """
    if not nodes:
        raise ValueError(f"no node to choose from for {key!r}")
    ending = f"\0{key}".encode()  # NUL keeps ("ab", "c") apart from ("a", "bc"): neither part can hold one
    # Big-endian bytes of one length sort as their numbers do.
    drawn = [blake2b(node.encode() + ending, digest_size=_BYTES).digest() for node in nodes]
    highest = max(drawn)
    return min(node for node, number in zip(nodes, drawn, strict=True) if number == highest)
