"""`python -m porter.lab.apiserver`: the embedded API server as a process of its own. It ends on SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import ipaddress
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp

from porter.lab.apiserver.audit import AuditLog
from porter.lab.apiserver.front import Front
from porter.lab.apiserver.journal import JournalError
from porter.lab.apiserver.listening import Listen
from porter.lab.apiserver.objects import utc_now
from porter.lab.apiserver.server import DEFAULT_SERVICE_CIDR, ApiServer
from porter.lab.apiserver.token_requests import SHORTEST
from porter.loop import run

_PR_SET_PDEATHSIG = 1  # prctl.h
_COLLECT = 1_000, 200, 100  # objects are JSON, free of cycles: garbage is looked for in small parts, in all seldom
_TRIES, _PAUSE = 100, 0.05


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 with one sentence when that cannot be."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if options.die_with_parent:
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was told
            return 0
    try:
        options.dir.mkdir(parents=True, exist_ok=True)
        front = Front.forked()
        try:
            run(_serve(options, front))
        finally:
            front.end()
    except JournalError as damaged:
        print(f"cannot begin: {damaged}", file=sys.stderr)  # noqa: T201  (this is the command)
        return 1
    except OSError as failed:
        places = ", ".join(str(one) for some in options.listen for one in some)
        print(f"cannot serve on {places}: {failed}", file=sys.stderr)  # noqa: T201  (this is the command)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m porter.lab.apiserver", description=__doc__)
    parser.add_argument(
        "--listen",
        action="append",
        nargs="+",
        required=True,
        type=_listen,
        metavar="ADDR:PORT[@NETNS]",
        help="where to listen; port 0 takes a free one",
    )
    parser.add_argument(
        "--advertise",
        type=_listen,
        metavar="ADDR:PORT",
        help="where the Service 'kubernetes' leads; by default the first --listen",
    )
    parser.add_argument("--dir", required=True, type=Path, help="for certificates and kubeconfig files")
    parser.add_argument("--service-cidr", default=DEFAULT_SERVICE_CIDR, type=_ranges, help="range of cluster IPs")
    parser.add_argument("--kubeconfig-name", default="porter-lab", help="name of cluster and context in the kubeconfig")
    parser.add_argument("--token", default="", help="the administrator's bearer token; made up when not given")
    parser.add_argument("--objects", type=Path, metavar="FILE", help="keep the objects there over restarts")
    parser.add_argument("--audit-log", type=Path, metavar="FILE", help="append who asked for what, and by which right")
    parser.add_argument(
        "--shortest-token",
        type=float,
        default=SHORTEST.total_seconds(),
        metavar="SECONDS",
        help="the least lifetime of a ServiceAccount's token that may be asked for, by default 600",
    )
    parser.add_argument("--die-with-parent", action="store_true", help="end when the process that started this ends")
    return parser


def _listen(text: str) -> Listen:
    try:
        return Listen.parse(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong


def _ranges(text: str) -> str:
    try:
        for one in text.split(","):
            ipaddress.ip_network(one.strip())
    except ValueError as wrong:
        message = f"{wrong}; give a range as 10.233.0.0/18, or two with a comma"
        raise argparse.ArgumentTypeError(message) from wrong
    return text


async def _serve(options: argparse.Namespace, front: Front) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    directory: Path = options.dir
    audit = AuditLog(options.audit_log, utc_now) if options.audit_log else None
    server = ApiServer(
        service_cidr=options.service_cidr,
        token=options.token,
        directory=directory,
        name=options.kubeconfig_name,
        shortest_token=timedelta(seconds=options.shortest_token),
        audit=audit,
        objects=options.objects,
        advertise=options.advertise,
        front=front,
    )
    where: list[Listen] = [one for some in options.listen for one in some]
    await server.start(*where)
    gc.collect()
    gc.freeze()  # what is there now stays: to look through it again and again is 50 ms in which nobody is answered
    gc.set_threshold(*_COLLECT)
    lost = asyncio.ensure_future(front.lost())
    lost.add_done_callback(lambda _: stop.set())
    try:
        if not where[0].netns:
            await _answers(server.url)
        for index, one in enumerate(where[1:], 1):
            server.kubeconfig(directory / f"kubeconfig-{one.address}", listener=index)
        server.kubeconfig(directory / "kubeconfig")  # last: whoever waits for it finds the others, too
        await stop.wait()
        if lost.done():
            raise ConnectionError("the process that holds its connections has ended")
    finally:
        await server.stop()
        if audit is not None:
            audit.close()


async def _answers(url: str) -> None:
    """Return once the server answers from outside; its address may still be on its way to the interface."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        for _ in range(_TRIES):
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.get(f"{url}/readyz") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(main())
