"""Ends a wait before its time. It knows nothing of what is waited for."""

import asyncio


def end_now(timeout: asyncio.Timeout | None) -> None:
    """End the block of an `asyncio.timeout` as if its time were up. Does nothing when it is."""
    if timeout is not None and not timeout.expired():
        timeout.reschedule(asyncio.get_running_loop().time())
