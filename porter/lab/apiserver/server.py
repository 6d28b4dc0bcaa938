"""The API server as one object: start it on some sockets, stop it, start it again with what it knew.

It runs in the caller's event loop and touches no other thread. Objects live in memory, as long as this object does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import tempfile
from datetime import timedelta
from pathlib import Path

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from porter.lab.apiserver import tls
from porter.lab.apiserver.access import Access
from porter.lab.apiserver.audit import Audit
from porter.lab.apiserver.behaviours import behaviours
from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.connections import Connections
from porter.lab.apiserver.deletes import Deletes
from porter.lab.apiserver.front import Front
from porter.lab.apiserver.furniture import furnish
from porter.lab.apiserver.handling import Handler, Parts
from porter.lab.apiserver.identities import Identities
from porter.lab.apiserver.journal import Journal
from porter.lab.apiserver.kinds import Kinds
from porter.lab.apiserver.kubeconfig import kubeconfig
from porter.lab.apiserver.lifecycle import Lifecycle
from porter.lab.apiserver.listening import Listen, open_socket
from porter.lab.apiserver.objects import Clock, utc_now
from porter.lab.apiserver.quick import MOST_BODY
from porter.lab.apiserver.rbac import Right
from porter.lab.apiserver.services import ServiceBehaviour
from porter.lab.apiserver.store import WINDOW, Key, Store
from porter.lab.apiserver.token_requests import SHORTEST, TokenRequests
from porter.lab.apiserver.tokens import ACCOUNTS, Tokens
from porter.lab.apiserver.trouble import Trouble, Troubles
from porter.lab.apiserver.writes import Writes
from porter.lab.private import write_private

DEFAULT_SERVICE_CIDR = "10.233.0.0/18"
_ENDS_WITHIN = 2.0  # seconds that open requests are given when the server stops


class ApiServer:
    """An embedded Kubernetes API server. `start` and `stop` may be called again and again; objects are kept."""

    def __init__(
        self,
        *,
        service_cidr: str = DEFAULT_SERVICE_CIDR,
        token: str = "",
        tls: bool = True,
        directory: Path | None = None,
        name: str = "porter-lab",
        shortest_token: timedelta = SHORTEST,
        audit: Audit | None = None,
        objects: Path | None = None,
        advertise: Listen | None = None,
        now: Clock = utc_now,
        bookmark_every: float = 60.0,
        history: int = WINDOW,
        front: Front | None = None,
    ) -> None:
        """`service_cidr` may be two ranges with a comma; without a directory the certificates live as long as this.

        `shortest_token` is the least lifetime that a TokenRequest may ask for; `audit` is told of every request.
        `advertise` is where the Service `kubernetes` leads, by default the first listener.
        `objects` is a file that they are kept in, and read from: OSError or JournalError when it cannot be.
        `front` holds the connections, if it is given; such a server is started once.
        """
        self.token = token or secrets.token_urlsafe(24)
        self.name = name
        self._tls = tls
        self._directory = directory
        self._front = front
        self._own_directory: tempfile.TemporaryDirectory[str] | None = None
        self._advertise = advertise
        self._ranges = tuple(ipaddress.ip_network(one.strip()) for one in service_cidr.split(","))
        self._store = Store(window=history)
        services = ServiceBehaviour(self._ranges)
        kinds, known = Kinds(BUILTIN), behaviours(services, now)
        writes = Writes(self._store, known, now)
        deletes = Deletes(self._store, known, now)
        lifecycle = Lifecycle(self._store, kinds, writes, deletes)
        self._tokens = Tokens(self._store, now)
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._tokens.keep_in(directory)
        self._identities = Identities(self.token, self._tokens)
        self.access = Access(self._store)
        """What users may do, and by which rights they have done what they did."""
        self._store.listeners += [services.follow, lifecycle.follow, self.access.follow]
        self._journal = Journal(objects, self._store) if objects is not None else None
        if self._journal is not None:
            self._store.listeners.append(self._journal.follow)
        self._troubles = Troubles()
        self._parts = Parts(
            store=self._store,
            kinds=kinds,
            writes=writes,
            deletes=deletes,
            lifecycle=lifecycle,
            identities=self._identities,
            access=self.access,
            token_requests=TokenRequests(store=self._store, tokens=self._tokens, now=now, shortest=shortest_token),
            audit=audit,
            now=now,
            bookmark_every=bookmark_every,
            troubles=self._troubles,
        )
        self._runner: web.ServerRunner | None = None
        self._handler: Handler | None = None
        self._connections: Connections | None = None
        self._authority = b""
        self._where: list[Listen] = []

    @property
    def url(self) -> str:
        """The address of the first listener, with the port that it really has."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The address of every listener, in the order in which they were given."""
        scheme = "https" if self._tls else "http"
        return [f"{scheme}://{one.host}:{one.port}" for one in self._where]

    @property
    def authority(self) -> bytes:
        """The CA to trust, as PEM; empty for plain HTTP."""
        return self._authority

    @property
    def revision(self) -> int:
        """The newest resourceVersion."""
        return self._store.revision

    async def start(self, *where: socket.socket | tuple[str, int] | Listen) -> None:
        """Listen and answer: on open sockets, on (host, port) pairs or on Listen values; by default on a free port.

        Started again without arguments it takes the same addresses and ports as before. When this returns it answers.
        """
        if self._runner is not None:
            raise RuntimeError("this ApiServer is running already; stop it first")
        opened = [_opened(one) for one in where or self._where or [Listen("127.0.0.1", 0)]]
        self._where = [listen for listen, _ in opened]
        try:
            await self._serve([sock for _, sock in opened])
        except BaseException:
            for _, sock in opened:
                sock.close()
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and end every watch; safe to call twice."""
        runner, handler, connections = self._runner, self._handler, self._connections
        self._runner = self._handler = self._connections = None
        if handler is not None:
            handler.stopping.set()
            await asyncio.sleep(0)
        if connections is not None:
            connections.close()
        if runner is not None:
            await runner.cleanup()
        if self._front is not None:
            await self._front.close()
        if self._journal is not None:
            self._journal.close()
        if self._own_directory is not None:
            self._own_directory.cleanup()
            self._own_directory = None

    def forget_history(self) -> None:
        """Lose the history of changes, not the objects: a watch that resumes gets 410 and must list again."""
        self._store.forget_history()

    @property
    def trouble(self) -> Trouble:
        """What is wrong with the server on demand; see `porter.lab.apiserver.trouble`."""
        return self._troubles.now

    def token_of(self, namespace: str, account: str, *, lifetime: timedelta = timedelta(hours=1)) -> str:
        """A token of a ServiceAccount, however short its life; LookupError when there is no such ServiceAccount."""
        found = self._store.get(ACCOUNTS, Key(namespace, account))
        if found is None:
            message = f"there is no ServiceAccount '{account}' in namespace '{namespace}'; create it first"
            raise LookupError(message)
        return self._tokens.make(found, lifetime)

    def unused_rights(self, namespace: str, account: str) -> list[Right]:
        """What roles grant to a ServiceAccount and none of its requests has needed until now."""
        return self.access.unused(self._identities.by_token(self.token_of(namespace, account)))

    def kubeconfig(self, path: Path | None = None, *, listener: int = 0, token: str = "") -> str:
        """A kubeconfig for one listener; also written to a path, whole and for the owner only.

        It is the administrator's, unless a token (of `token_of`) is given.
        """
        token = token or self.token
        text = kubeconfig(url=self.urls[listener], token=token, name=self.name, authority=self._authority)
        if path is not None:
            write_private(path, text)
        return text

    async def _serve(self, sockets: list[socket.socket]) -> None:
        certificates = self._certificates() if self._tls else None
        if self._journal is not None:
            self._journal.open()
        self._handler = Handler(self._parts)
        # Everything goes to one handler: no Application, whose router alone costs a twentieth of a write.
        server = web.Server(self._handler.answer, request_factory=_request, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_ENDS_WITHIN, handle_signals=False)
        await runner.setup()
        self._runner = runner
        place = self._advertise or self._where[0]
        furnish(self._parts, address=place.address, port=place.port, ranges=self._ranges)
        self._connections = Connections(self._handler, server)
        if self._front is not None:
            await self._front.listen(sockets, certificates, self._connections.made)
            return
        context = tls.context(certificates) if certificates is not None else None
        for sock in sockets:
            await self._connections.listen(sock, context)

    def _certificates(self) -> Path:
        """The directory of new certificates."""
        directory = self._directory
        if directory is None:
            self._own_directory = tempfile.TemporaryDirectory(prefix="porter-lab-")
            directory = Path(self._own_directory.name)
        inside = [str(network[1]) for network in self._ranges]
        addresses = ["127.0.0.1", "::1", *inside, *(one.address for one in self._where)]
        self._authority = tls.certificates(directory, addresses)
        return directory


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    return web.BaseRequest(message, payload, protocol, writer, task, task.get_loop(), client_max_size=MOST_BODY)


def _opened(one: socket.socket | tuple[str, int] | Listen) -> tuple[Listen, socket.socket]:
    if isinstance(one, socket.socket):
        sock, netns = one, ""
    else:
        listen = one if isinstance(one, Listen) else Listen(*one)
        sock, netns = open_socket(listen), listen.netns
    address, port = sock.getsockname()[:2]
    with contextlib.suppress(OSError):
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # what it accepts inherits it
    return Listen(address, port, netns), sock
