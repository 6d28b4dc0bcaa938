"""`python -m porter.lab.gate --netns NAME --listen ADDRESS PORT --to HOST PORT`: the way out of a lab to one server.

Connections that come to a socket inside the lab are handed on from here, where the machine's own network is in sight.
What is said on them is not looked at: TLS goes through. It ends on SIGTERM.
"""

import argparse
import asyncio
import socket
import sys
from ipaddress import ip_address

from porter.lab.carrying import carry
from porter.lab.families import place, socket_family
from porter.lab.namespaces import inside
from porter.lab.until import until_told

_CONNECT = 5.0  # seconds


class Gate:
    """Hands each connection on to one server, in both directions, until both have ended."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def serve(self, listening: socket.socket) -> None:
        """Take connections until cancelled."""
        server = await asyncio.start_server(self._handle, sock=listening)
        async with server:
            await server.serve_forever()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), _CONNECT)
        except (OSError, TimeoutError):
            writer.close()
            return
        await carry((reader, writer), there)


def main() -> int:
    """Hand on until told to end; 1 with one sentence when the socket cannot be opened."""
    parser = argparse.ArgumentParser(prog="python -m porter.lab.gate", description=__doc__)
    parser.add_argument("--netns", required=True, help="the network namespace in which it listens")
    parser.add_argument("--listen", nargs=2, required=True, metavar=("ADDRESS", "PORT"))
    parser.add_argument("--to", nargs=2, required=True, metavar=("HOST", "PORT"))
    options = parser.parse_args()
    address, port = ip_address(options.listen[0]), int(options.listen[1])
    where, family = (str(address), port), socket_family(address)
    try:
        listening = inside(options.netns, lambda: socket.create_server(where, family=family))
    except OSError as failed:
        print(f"cannot listen on {place(address, port)}: {failed}", file=sys.stderr)  # noqa: T201 - the command's
        return 1
    asyncio.run(until_told(Gate(options.to[0], int(options.to[1])).serve(listening)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
