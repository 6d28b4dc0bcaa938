"""The families of addresses that the announcer speaks for."""

from .family import Family
from .ipv4 import Ipv4
from .ipv6 import Ipv6

FAMILIES: tuple[Family, ...] = (Ipv4(), Ipv6())


def read(text: str) -> tuple[Family, bytes] | None:
    """Return the family of an address and the address packed; None for what is no address of any family here."""
    for family in FAMILIES:
        packed = family.pack(text)
        if packed is not None:
            return family, packed
    return None
