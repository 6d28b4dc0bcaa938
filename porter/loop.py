"""The event loop that a process runs in: uvloop's where it is installed, else asyncio's own. Both do the same.

In uvloop's a request costs less, most of the difference in TLS.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, as `asyncio.run` does, and return its result."""
    try:
        import uvloop  # noqa: PLC0415 - not for every platform
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(_told_what_matters(work))


async def _told_what_matters(work: Coroutine[Any, Any, T]) -> T:
    asyncio.get_running_loop().set_exception_handler(_tell)
    return await work


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of an error that nobody handles, but not of bytes for a TLS connection that this side has just closed.

    asyncio's own loop drops them; uvloop 0.23 makes them a fatal error of a connection that is none any more.
    """
    error = context.get("exception")
    if isinstance(error, RuntimeError) and str(error).endswith("the handler is closed"):
        return
    loop.default_exception_handler(context)
