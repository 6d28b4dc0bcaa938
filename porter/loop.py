"""The event loop that a process runs in: uvloop's where it is installed, else asyncio's own. Both do the same.

In uvloop's a request costs less, most of the difference in TLS.
"""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_COLLECT = 1_000, 200, 100  # values are free of cycles: garbage is looked for in small parts, in all seldom


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, as `asyncio.run` does, and return its result."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT)
    try:
        import uvloop  # noqa: PLC0415 - not for every platform
    except ImportError:
        return asyncio.run(work)
    else:
        return uvloop.run(work)
    finally:
        gc.set_threshold(*before)
