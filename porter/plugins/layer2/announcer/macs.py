"""MACs as texts say them. What can be a station's on the wire is `arp.is_station`'s to tell."""

from collections.abc import Iterable


def read(texts: Iterable[str]) -> frozenset[bytes]:
    """Return the MACs packed, without those that are none."""
    return frozenset(mac for text in texts if (mac := _packed(text)) is not None)


def _packed(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return None
