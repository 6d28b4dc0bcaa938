import asyncio
import sys

import pytest

from porter.loop import run


async def loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_it_runs_in_uvloop_where_that_is_installed_and_else_in_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(loop()).startswith("uvloop")

    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert run(loop()).startswith("asyncio")


def test_what_comes_for_a_connection_that_was_closed_is_no_error_and_all_else_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        closed = RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
        for error in (closed, RuntimeError("something else"), OSError("the handler is closed")):
            asyncio.get_running_loop().call_exception_handler({"message": "Fatal error", "exception": error})

    run(main())

    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "something else",
        "the handler is closed",
    ]
