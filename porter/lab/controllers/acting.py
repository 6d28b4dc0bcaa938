"""The loops of the controllers: look at the caches, ask the pure plans, write what is missing."""

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import aiohttp

from porter.lab.controllers import endpoints, podgc, readiness, workloads
from porter.lab.controllers.endpoints import MANAGED_BY, MANAGER
from porter.lab.following import Api, Cache, RefusedError, key_of
from porter.lab.given import HOLDER
from porter.lab.kube import CONFLICT, NOT_FOUND, TOO_MANY, Object
from porter.lab.node.kubelet import LEASES
from porter.lab.trigger import Trigger

_LOOK = 0.5  # seconds between two looks at the leases
_OWN = ("kube-system", "kube-controller-manager")
_STALL = 2.0  # seconds without a look: this process itself stood still, so nobody else is to blame


class Controllers:
    """The caches of all kinds in use, and the three loops over them."""

    def __init__(self, api: Api, *, grace: timedelta) -> None:
        self._api = api
        self._chance = random.Random()
        self._silence = readiness.Silence(grace=grace)
        self._absence = podgc.Absence(grace=grace)
        self._workloads, self._endpoints = Trigger(), Trigger()
        self._nodes = Cache(api, "Node", changed=self._workloads.changed)
        self._deployments = Cache(api, "Deployment", changed=self._workloads.changed)
        self._daemon_sets = Cache(api, "DaemonSet", changed=self._workloads.changed)
        self._pods = Cache(api, "Pod", changed=self._pods_changed)
        self._services = Cache(api, "Service", changed=self._endpoints.changed)
        self._slices = Cache(api, "EndpointSlice", changed=self._endpoints.changed)
        self._leases = Cache(api, "Lease", namespace=LEASES, changed=lambda: None)

    @property
    def _caches(self) -> tuple[Cache, ...]:
        return (
            *(self._nodes, self._deployments, self._daemon_sets, self._pods),
            *(self._services, self._slices, self._leases),
        )

    async def run(self) -> None:
        """Follow the API and act, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for cache in self._caches:
                tasks.create_task(cache.follow())
            for cache in self._caches:
                await cache.complete.wait()
            tasks.create_task(self._workloads.run(self._reconcile_workloads))
            tasks.create_task(self._endpoints.run(self._reconcile_endpoints))
            tasks.create_task(self._watch_leases())

    def _pods_changed(self) -> None:
        self._workloads.changed()
        self._endpoints.changed()

    async def _reconcile_workloads(self) -> None:
        owners = [*self._deployments.all(), *self._daemon_sets.all()]
        orphans = workloads.orphans(self._pods.all(), owners)
        await one_by_one(
            *(functools.partial(self._delete_pod, pod) for pod in orphans),
            *(functools.partial(self._reconcile_workload, workload) for workload in owners),
        )

    async def _reconcile_workload(self, workload: Object) -> None:
        plan = workloads.plan(workload, self._pods.all(), self._nodes.all(), chance=self._chance)
        for pod in plan.create:
            self._pods.learn(await self._api.create(pod))
        for pod in plan.delete:
            await self._delete_pod(pod)
        known = workload.get("status", {})
        if any(known.get(part) != value for part, value in plan.status.items()):
            cache = self._deployments if workload["kind"] == "Deployment" else self._daemon_sets
            change = {"status": _dated(plan.status)}
            cache.learn(await self._api.patch(workload["kind"], key_of(workload), change, part="status"))

    async def _delete_pod(self, pod: Object) -> None:
        """Delete a pod and do not count it again, whatever the watch has brought so far."""
        await self._api.delete("Pod", key_of(pod), uid=pod["metadata"]["uid"])
        gone = {**pod, "metadata": {"deletionTimestamp": _now(), **pod["metadata"]}}
        if key_of(pod) in self._pods.objects:
            self._pods.presume(gone)

    async def _reconcile_endpoints(self) -> None:
        pods = self._pods.all()
        wanted = {
            key_of(piece): piece for service in self._services.all() for piece in endpoints.slices_of(service, pods)
        }
        over = [
            key
            for key, found in sorted(self._slices.objects.items())
            if key not in wanted and (found["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER
        ]
        await one_by_one(
            *(functools.partial(self._reconcile_slice, piece) for _, piece in sorted(wanted.items())),
            *(functools.partial(self._api.delete, "EndpointSlice", key) for key in over),
        )

    async def _reconcile_slice(self, piece: Object) -> None:
        found = self._slices.objects.get(key_of(piece))
        if found is None:
            await self._create_slice(piece)
        elif endpoints.differs(piece, found):
            kept = dict.fromkeys(found["metadata"].get("labels") or {})  # None takes a label away
            labels = {**kept, **piece["metadata"]["labels"]}
            change = {"endpoints": piece["endpoints"], "ports": piece["ports"], "metadata": {"labels": labels}}
            self._slices.learn(await self._api.patch("EndpointSlice", key_of(piece), change))

    async def _create_slice(self, piece: Object) -> None:
        try:
            self._slices.learn(await self._api.create(piece))
        except RefusedError as refused:
            if refused.code not in {CONFLICT, NOT_FOUND}:  # the watch brings it, or its Service has just gone
                raise

    async def _watch_leases(self) -> None:
        last = time.monotonic()
        while True:
            now = time.monotonic()
            held = await self._hold()
            if not held or now - last > _STALL:
                self._silence.forgive(now=now)
            last = now
            self._silence.observe(self._leases.all(), now=now)
            silent = {node["metadata"]["name"]: False for node in self._nodes.all()}
            silent = {name: self._silence.is_silent(name, now=now) for name in silent}
            with contextlib.suppress(RefusedError, aiohttp.ClientError, TimeoutError, OSError):
                await self._mark(silent)
                if held:
                    await self._collect(now=now)
            await asyncio.sleep(_LOOK)

    async def _hold(self) -> bool:
        """Renew the controllers' own Lease: while that cannot be done, no node is to blame for doing no better.

        A real controller manager ends when it cannot renew its Lease, and the one that follows knows nothing yet.
        """
        spec = {"holderIdentity": HOLDER, "leaseDurationSeconds": 15, "renewTime": _now(micro=True)}
        try:
            try:
                await self._api.patch("Lease", _OWN, {"spec": spec})
            except RefusedError as refused:
                if refused.code != NOT_FOUND:
                    raise
                metadata = {"namespace": _OWN[0], "name": _OWN[1]}
                await self._api.create(
                    {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
                )
        except (RefusedError, aiohttp.ClientError, TimeoutError, OSError):
            return False
        return True

    async def _mark(self, silent: dict[str, bool]) -> None:
        for node in self._nodes.all():
            conditions = readiness.not_ready(node, at=_now()) if silent.get(node["metadata"]["name"]) else None
            if conditions is not None:
                change: Object = {"status": {"conditions": conditions}}
                self._nodes.learn(await self._api.patch("Node", key_of(node), change, part="status"))
        for node in self._nodes.all():
            taints = readiness.taints(node)
            if taints is not None:
                self._nodes.learn(await self._api.patch("Node", key_of(node), {"spec": {"taints": taints or None}}))
        for pod, conditions in readiness.pods_to_unready(self._pods.all(), silent, at=_now()):
            change = {"status": {"conditions": conditions}}
            self._pods.learn(await self._api.patch("Pod", key_of(pod), change, part="status"))

    async def _collect(self, *, now: float) -> None:
        """Take away the pods that no kubelet will."""
        for pod in self._absence.lost(self._pods.all(), self._nodes.all(), now=now):
            if pod.get("status", {}).get("phase") not in {"Failed", "Succeeded"}:
                change: Object = {"status": {"phase": "Failed"}}
                self._pods.learn(await self._api.patch("Pod", key_of(pod), change, part="status"))
            await self._api.delete("Pod", key_of(pod), uid=pod["metadata"]["uid"], grace=0)


async def one_by_one(*acts: Callable[[], Awaitable[None]]) -> None:
    """Do one after another. An object that is refused keeps nothing else back; the first refusal is raised in the end.

    A server that is overloaded or fails is left alone at once.
    """
    refusals = []
    for act in acts:
        try:
            await act()
        except RefusedError as refused:
            if refused.code == TOO_MANY or refused.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            refusals.append(refused)
    if refusals:
        raise refusals[0]


def _now(*, micro: bool = False) -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _dated(status: Object) -> Object:
    """Give the conditions that are new their times."""
    if "conditions" not in status:
        return status
    now = {"lastUpdateTime": _now(), "lastTransitionTime": _now()}
    return {**status, "conditions": [{**now, **condition} for condition in status["conditions"]]}
