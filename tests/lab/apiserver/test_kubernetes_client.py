"""The `kubernetes` Python client against the server: its Watch, its informer and its leader election, under churn.

They run for PORTER_CHURN_SECONDS, by default 15; try 60 by hand after a change of watches.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
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

SECONDS = float(os.environ.get("PORTER_CHURN_SECONDS") or 15)
NAMES = [f"web-{number}" for number in range(30)]


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


def test_watch_and_informer_end_with_what_the_server_has_after_churn_without_an_error(
    server: Running, api: client.CoreV1Api
) -> None:
    errors: list[Any] = []
    watched: dict[str, str] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=follow, args=(api, stop, watched, errors))
    informer = SharedInformer(api.list_namespaced_service, namespace="default")
    informer.add_event_handler("ERROR", lambda error: errors.append(error) if status(error) != 410 else None)
    watcher.start()
    informer.start()
    with Churn(server) as churn:
        time.sleep(SECONDS)
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


class Lock(LeaseLock):  # type: ignore[misc]  # the client has no types
    """A lock whose holder can be cut off from the server."""

    def __init__(self, api: Any, identity: str) -> None:
        super().__init__("leader", "default", identity)
        self.api_instance = api
        self.cut = False

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """Renew, unless cut off."""
        return False if self.cut else bool(super().update(name, namespace, updated_record))


def test_the_clients_leader_election_hands_over_and_never_has_two_leaders(server: Running) -> None:
    leading: dict[str, bool] = {"a": False, "b": False}
    seen: list[str] = []
    both: list[bool] = []

    def began(me: str) -> None:
        leading[me] = True
        seen.append(me)
        both.append(all(leading.values()))

    def run(me: str, lock: Lock) -> None:
        settings = electionconfig.Config(
            lock,
            lease_duration=3,
            renew_deadline=2,
            retry_period=1,
            onstarted_leading=lambda *_: began(me),
            onstopped_leading=lambda: leading.update({me: False}),
        )
        leaderelection.LeaderElection(settings).run()

    with configured(server) as made:
        settings = made.configuration
        client.Configuration.set_default(settings)  # LeaseLock makes a client of its own, whatever it is given later
        try:
            locks = {name: Lock(client.CoordinationV1Api(made), name) for name in leading}
        finally:
            client.Configuration.set_default(None)
        threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in locks.items()]
        for thread in threads:
            thread.start()
        until(lambda: len(seen) == 1)
        first = seen[0]
        locks[first].cut = True
        until(lambda: len(seen) == 2)
        after = dict(leading)
        locks[seen[1]].cut = True
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    assert seen[1] != first
    assert after == {first: False, seen[1]: True}
    assert both == [False, False]


def until(look: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not look():
        assert time.monotonic() < limit
        time.sleep(0.02)
