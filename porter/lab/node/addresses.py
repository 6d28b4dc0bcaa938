"""Addresses of this namespace: added and removed with `ip`, without waiting for it in the event loop."""

import asyncio
import logging
from collections.abc import Iterable
from ipaddress import IPv4Address

_log = logging.getLogger(__name__)


async def change(link: str, *, add: Iterable[IPv4Address] = (), remove: Iterable[IPv4Address] = ()) -> None:
    """Put addresses on a link of this namespace and take others off, in one run. What is so already is fine."""
    lines = [f"addr replace {address}/32 dev {link}" for address in sorted(add)]
    lines += [f"addr del {address}/32 dev {link}" for address in sorted(remove)]
    if not lines:
        return
    process = await asyncio.create_subprocess_exec(
        *("ip", "-force", "-batch", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join([*lines, ""]).encode())
    if process.returncode:
        _log.warning("ip on %s: %s", link, " ".join(said.decode(errors="replace").split()))
