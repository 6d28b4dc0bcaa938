"""Rendezvous hashing: every node computes the same winner for a key, alone, and a lost node moves only its own keys.

Pure, and the same in every process and on every machine: Python's own `hash()` is never used.
"""

from collections.abc import Sequence
from functools import lru_cache
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
    drawn = []  # big-endian bytes of one length sort as their numbers do
    for node in nodes:
        hashed = _begun(node).copy()
        hashed.update(ending)
        drawn.append(hashed.digest())
    highest = max(drawn)
    return min([node for node, number in zip(nodes, drawn, strict=True) if number == highest])


@lru_cache(maxsize=1 << 12)
def _begun(node: NodeName) -> blake2b:
    """Return the hash of what begins with this name, to be copied: to begin one costs more than all the rest of it."""
    return blake2b(node.encode(), digest_size=_BYTES)
