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
    return uvloop.run(work)
