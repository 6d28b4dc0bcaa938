"""What `ip` changes in this namespace, without waiting for it in the event loop: addresses, and lines of any kind."""

import asyncio
import logging
from collections.abc import Iterable

from porter.lab.families import Address, in_order

_log = logging.getLogger(__name__)


async def change(link: str, *, add: Iterable[Address] = (), remove: Iterable[Address] = ()) -> None:
    """Put addresses on a link of this namespace and take others off, in one run. What is so already is fine."""
    lines = [f"addr replace {_alone(address)} dev {link}" for address in sorted(add, key=in_order)]
    lines += [f"addr del {_alone(address)} dev {link}" for address in sorted(remove, key=in_order)]
    await batch(lines)


def _alone(address: Address) -> str:
    """An address without neighbours. One of IPv6 is used at once: who announces it has asked whose it is."""
    return f"{address}/{address.max_prefixlen}{' nodad' if address.version == 6 else ''}"  # noqa: PLR2004 - IP's number


async def batch(lines: list[str], *, version: int | None = None) -> None:
    """Run lines of `ip -batch` in this namespace; what it says of them goes to the log.

    `version` is the family of lines that name none, as those of `ip rule` do.
    """
    if not lines:
        return
    process = await asyncio.create_subprocess_exec(
        *("ip", *([f"-{version}"] if version else []), "-force", "-batch", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join([*lines, ""]).encode())
    if process.returncode:
        _log.warning("ip: %s", " ".join(said.decode(errors="replace").split()))
