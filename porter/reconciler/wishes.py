"""What a Service asks for, read once: the families, and for each the address, if it names one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import get_args

import msgspec

from porter.model.addresses import Address, Family, family_of, parse_address
from porter.model.objects import Service

FAMILIES: Sequence[Family] = get_args(Family)
_MOST = 8  # addresses that a Service may name; two are sensible
_SHOWN = 80  # characters of a wrong address that a sentence repeats


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that a Service names. `invalid` is the first text that is no address, empty when all are."""

    addresses: tuple[Address, ...] = ()
    invalid: str = ""

    def of(self, family: Family) -> Address | None:
        """Return the address wished for in this family."""
        return next((address for address in self.addresses if family_of(address) == family), None)

    def concerns(self, family: Family, families: Sequence[Family]) -> bool:
        """Tell whether the wish decides what a Service of these families gets in this one.

        It does not where it names an address of another of them only: then any address of this family will do.
        """
        if self.of(family) is not None:
            return True
        return bool(self.addresses) and all(self.of(other) is None for other in families)


def wish_of(service: Service) -> Wish:
    """Read the wanted address: the annotation, one or a comma list, else `spec.loadBalancerIP`."""
    text = (service.wanted_address or "").strip() or (service.load_balancer_ip or "").strip()
    if not text:
        return Wish()
    addresses = []
    for part in text.split(",", _MOST)[:_MOST]:
        address = parse_address(part)
        if address is None:
            shown = part.strip()
            return Wish(invalid=repr(shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"))
        addresses.append(address)
    return Wish(addresses=tuple(addresses))


def families_of(service: Service) -> Sequence[Family]:
    """Return the families in which the Service wants an address, in its own order; the first is the primary one."""
    return _known(service.ip_families)


@lru_cache(maxsize=64)
def _known(ip_families: tuple[str, ...]) -> tuple[Family, ...]:
    """Read a list of families once: there are few, and they come again with every Service."""
    families: list[Family] = [family for family in FAMILIES if family in ip_families]
    return tuple(sorted(families, key=ip_families.index)) or ("IPv4",)


def needs_both(service: Service) -> bool:
    """Tell whether the Service is to be given an address of each family at once, or none."""
    return service.ip_family_policy == "RequireDualStack" and len(families_of(service)) > 1


def held_addresses(service: Service) -> dict[Family, Address]:
    """Return what the API says that the Service has, the first of each family."""
    held: dict[Family, Address] = {}
    for text in service.addresses:
        address = parse_address(text)
        if address is not None:
            held.setdefault(family_of(address), address)
    return held
