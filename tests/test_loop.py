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
