"""A connection that is carried on keeps its two directions: one may end while the other goes on."""

import asyncio

from porter.lab.carrying import carry


def test_who_has_said_all_still_hears_the_answer_and_its_end() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()  # until the other side has ended
        writer.write(b"heard " + said)
        writer.close()

    async def run() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        place = server.sockets[0].getsockname()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await carry((reader, writer), await asyncio.open_connection(*place))

        between = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server, between:
            reader, writer = await asyncio.open_connection(*between.sockets[0].getsockname())
            writer.write(b"all")
            writer.write_eof()
            heard = await asyncio.wait_for(reader.read(), 10)
            writer.close()
        return heard

    assert asyncio.run(run()) == b"heard all"
