"""The `kubernetes` Python client against the server: its Watch, its informer and its leader election, under churn.

They run together, for a minute; PORTER_CHURN_SECONDS says otherwise.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Self

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes.watch import Watch

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.conftest import Running

SECONDS = float(os.environ.get("PORTER_CHURN_SECONDS") or 60)
NAMES = [f"web-{number}" for number in range(30)]
PACE = 0.005  # seconds between two writes: all clients and the server are threads of one process, and share its time
LEASE, RENEWS, RETRIES = 5, 2, 1  # seconds, as the client's leader election has them: whole ones


@pytest.fixture
def server(start: Callable[[ApiServer], Running]) -> Running:
    return start(ApiServer(tls=False, bookmark_every=0.5, history=200))


@pytest.fixture
def api(server: Running) -> Iterator[client.CoreV1Api]:
    with configured(server) as made:
        yield client.CoreV1Api(made)


def configured(server: Running) -> Any:
    settings = client.Configuration()
    config.load_kube_config_from_dict(yaml.safe_load(server.server.kubeconfig()), client_configuration=settings)
    return client.ApiClient(settings)


class Churn:
    """Services that come, change and go, by one writer with a client of its own."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.errors: list[Exception] = []
        self.writes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        rng = random.Random(7)
        there: set[str] = set()
        with configured(self._server) as made:
            core = client.CoreV1Api(made)
            try:
                while not self._stop.is_set():
                    name = rng.choice(NAMES)
                    body: dict[str, Any] = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
                    if name not in there:
                        core.create_namespaced_service("default", body)
                        there.add(name)
                    elif rng.random() < 0.2:
                        core.delete_namespaced_service(name, "default")
                        there.discard(name)
                    else:
                        body["metadata"]["annotations"] = {"turn": str(self.writes)}
                        core.patch_namespaced_service(name, "default", body)
                    self.writes += 1
                    time.sleep(PACE)
                    if self.writes % 500 == 0:
                        self._server.forget_history()
            except ApiException as error:
                self.errors.append(error)


def state(items: Any) -> dict[str, str]:
    return {item.metadata.name: item.metadata.resource_version for item in items if item.metadata.name in NAMES}


def follow(api: client.CoreV1Api, stop: threading.Event, found: dict[str, str], errors: list[Exception]) -> None:
    """List, then watch from there; again when the version is too old, as a client must."""
    while not stop.is_set():
        listed = api.list_namespaced_service("default")
        found.clear()
        found.update(state(listed.items))
        watch = Watch()
        try:
            version = listed.metadata.resource_version
            for event in watch.stream(
                api.list_namespaced_service, "default", resource_version=version, timeout_seconds=2
            ):
                name = event["object"].metadata.name
                if event["type"] == "DELETED":
                    found.pop(name, None)
                else:
                    found[name] = event["object"].metadata.resource_version
        except ApiException as error:
            if error.status != 410:
                errors.append(error)


class EndedError(Exception):
    """The test is over: the client's candidates know no end of their own."""


class Lock(LeaseLock):  # type: ignore[misc]  # the client has no types
    """A lock whose holder can be cut off from the server, and told that it is over."""

    def __init__(self, api: Any, identity: str) -> None:
        super().__init__("leader", "default", identity)
        self.api_instance = api
        self.cut = self.over = False

    def get(self, name: str, namespace: str) -> Any:
        """Read it, unless it is over."""
        if self.over:
            raise EndedError
        return super().get(name, namespace)

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """Renew, unless cut off."""
        return False if self.cut else bool(super().update(name, namespace, updated_record))


class Candidates:
    """Two that compete by the client's leader election; who leads is cut off from the server again and again."""

    def __init__(self, made: Any) -> None:
        client.Configuration.set_default(
            made.configuration
        )  # LeaseLock makes a client of its own, whatever it is given
        try:
            self._locks = {name: Lock(client.CoordinationV1Api(made), name) for name in ("a", "b")}
        finally:
            client.Configuration.set_default(None)
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in self._locks]
        self.leading = dict.fromkeys(self._locks, False)
        self.seen: list[str] = []
        """Who began to lead, one after the other."""
        self.both: list[bool] = []
        """At each beginning, whether both lead."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for lock in self._locks.values():
            lock.over = True
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def hand_over(self) -> None:
        """Cut off who leads, until the other one does."""
        until(lambda: bool(self._leaders()))
        name, before = self._leaders()[0], len(self.seen)
        self._locks[name].cut = True
        until(lambda: len(self.seen) > before)
        self._locks[name].cut = False

    def _leaders(self) -> list[str]:
        return [name for name, leads in self.leading.items() if leads]

    def _run(self, me: str) -> None:
        settings = electionconfig.Config(
            self._locks[me],
            lease_duration=LEASE,
            renew_deadline=RENEWS,
            retry_period=RETRIES,
            onstarted_leading=lambda *_: self._began(me),
            onstopped_leading=lambda: self.leading.update({me: False}),
        )
        with contextlib.suppress(EndedError):
            while True:
                leaderelection.LeaderElection(settings).run()

    def _began(self, me: str) -> None:
        self.leading[me] = True
        self.seen.append(me)
        self.both.append(all(self.leading.values()))


def test_watch_informer_and_election_go_on_through_churn_without_an_error(
    server: Running, api: client.CoreV1Api
) -> None:
    """In the end Watch and informer have what the server has, and there were never two leaders."""
    errors: list[Any] = []
    watched: dict[str, str] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=follow, args=(api, stop, watched, errors))
    informer = SharedInformer(api.list_namespaced_service, namespace="default")
    informer.add_event_handler("ERROR", lambda error: errors.append(error) if status(error) != 410 else None)
    watcher.start()
    informer.start()
    end = time.monotonic() + SECONDS
    with configured(server) as made, Churn(server) as churn, Candidates(made) as candidates:
        while time.monotonic() < end:
            candidates.hand_over()
    last = state(api.list_namespaced_service("default").items)
    limit = time.monotonic() + 10
    while not (watched.items() >= last.items() and state(informer.cache.list()) == last) and time.monotonic() < limit:
        time.sleep(0.05)
    seen, cached = {name: watched[name] for name in watched if name in NAMES}, state(informer.cache.list())
    met = list(errors)
    stop.set()
    threading.Thread(target=informer.stop, daemon=True).start()  # it cuts its own watch, and calls that an error
    api.create_namespaced_service("default", {"metadata": {"name": "end"}, "spec": {"ports": [{"port": 80}]}})
    watcher.join(10)

    assert (churn.errors, met) == ([], [])
    assert churn.writes > 100
    assert seen == cached == last
    assert len(candidates.seen) > 2
    assert all(one != other for one, other in pairwise(candidates.seen)), candidates.seen
    assert not any(candidates.both)


def status(error: Any) -> int:
    return int(getattr(error, "status", 0) or 0)


def test_two_that_write_one_lease_by_its_version_never_both_hold_it(server: Running) -> None:
    """The ground that leader election stands on: of two writes over one version, one is a conflict."""
    holders: list[str] = []
    both: list[list[str]] = []
    won: dict[str, int] = {"a": 0, "b": 0}
    conflicts: list[int] = []
    end = time.monotonic() + 3

    def compete(me: str) -> None:
        with configured(server) as made:
            leases = client.CoordinationV1Api(made)
            while time.monotonic() < end:
                lease = leases.read_namespaced_lease("one", "default")
                if lease.spec.holder_identity:
                    continue
                lease.spec.holder_identity = me
                try:
                    held = leases.replace_namespaced_lease("one", "default", lease)
                except ApiException as error:
                    conflicts.append(error.status)
                    continue
                holders.append(me)
                if len(holders) > 1:
                    both.append(list(holders))
                won[me] += 1
                holders.remove(me)
                held.spec.holder_identity = ""
                leases.replace_namespaced_lease("one", "default", held)

    with configured(server) as made:
        body = {"metadata": {"name": "one"}, "spec": {"leaseDurationSeconds": 1}}
        client.CoordinationV1Api(made).create_namespaced_lease("default", body)
    threads = [threading.Thread(target=compete, args=(name,)) for name in won]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert both == []
    assert set(conflicts) <= {409}
    assert min(won.values()) > 5
    assert conflicts, "they never met: nothing was tested"


def until(look: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not look():
        assert time.monotonic() < limit
        time.sleep(0.02)
