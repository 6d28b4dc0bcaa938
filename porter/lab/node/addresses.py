"""What `ip` changes in this namespace, without waiting for it in the event loop: addresses, and lines of any kind."""

import asyncio
import logging
from collections.abc import Iterable
from ipaddress import IPv4Address

_log = logging.getLogger(__name__)


async def change(link: str, *, add: Iterable[IPv4Address] = (), remove: Iterable[IPv4Address] = ()) -> None:
    """Put addresses on a link of this namespace and take others off, in one run. What is so already is fine."""
    lines = [f"addr replace {address}/32 dev {link}" for address in sorted(add)]
    lines += [f"addr del {address}/32 dev {link}" for address in sorted(remove)]
    await batch(lines)


async def batch(lines: list[str]) -> None:
    """Run lines of `ip -batch` in this namespace; what it says of them goes to the log."""
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
        _log.warning("ip: %s", " ".join(said.decode(errors="replace").split()))
