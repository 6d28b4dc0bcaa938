"""A connection that is carried on to somebody else, in user space."""

import asyncio
import contextlib

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""A connection, as `asyncio.open_connection` returns it."""
_CHUNK = 65536


async def carry(one: End, other: End) -> None:
    """Hand on what either says, until both have ended; then close both."""
    with contextlib.closing(one[1]), contextlib.closing(other[1]), contextlib.suppress(OSError):
        await asyncio.gather(_pump(one[0], other[1]), _pump(other[0], one[1]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, then say so to the other side."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
