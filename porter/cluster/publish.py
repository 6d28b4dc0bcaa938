"""What the leader writes: the state that is wanted is compared with the newest view, and only the difference is sent.

Level-triggered: it keeps the newest wish for every object and compares again whenever the wish or the view changes.
It decides nothing, writes nothing while this process does not lead, and nothing for a Service that has changed since
the decision was made.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from porter.cluster.conditions import announced
from porter.cluster.connection import Connection
from porter.cluster.eip_publication import EipPublication, plan_eip
from porter.cluster.errands import Errands, Job
from porter.cluster.errors import ConflictError, NotFoundError
from porter.cluster.node_lease import Wall, utc_now
from porter.cluster.notes import Notes
from porter.cluster.own_word import OwnWord
from porter.cluster.publication import Patch, plan_service
from porter.cluster.repeats import SENTENCE, Repeats
from porter.cluster.timings import PublishTimings
from porter.cluster.views import EipView, ServiceView
from porter.cluster.watch import Watch
from porter.cluster.wishes import ServiceWish
from porter.events.entries import EipPublished, Published, PublishFailed
from porter.model.assignment import Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Eip, Service

Outcome: TypeAlias = Published | EipPublished | PublishFailed

_MOST_STEPS = 6  # patches and conflicts in one go; then the job waits like any other


class Publisher:
    """Writes Services, Eips and Events. One event loop; every method but `run` returns at once."""

    def __init__(
        self,
        connection: Connection,
        *,
        node: NodeName,
        services: Watch[Service, ServiceView],
        eips: Watch[Eip, EipView],
        leads: Callable[[], bool],
        report: Callable[[Outcome], None],
        clock: Callable[[], float],
        wall: Wall = utc_now,
        timings: PublishTimings | None = None,
    ) -> None:
        self._connection = connection
        self._services = services
        self._eips = eips
        self._leads = leads
        self._report = report
        self._clock = clock
        self._wall = wall
        self._timings = timings or PublishTimings()
        self._notes = Notes(connection, node=node)
        self._wishes: dict[str, ServiceWish] = {}
        self._pools: dict[str, EipPublication] = {}
        self._errands = Errands(
            do=self._do,
            may=lambda job: job[0] == "announced" or leads(),
            lane=self._lane,
            locks=self._locks,
            complain=lambda job, sentence: report(PublishFailed(what=_subject(job), error=sentence)),
            timings=self._timings,
        )
        self._repeats = Repeats(
            clock=clock,
            first=self._timings.undone_wait,
            longest=self._timings.undone_longest,
        )
        self._own_word = OwnWord(
            connection,
            services=services,
            now=self._now,
            due=lambda key: self._errands.put(("announced", key)),
        )
        self._eip_at: dict[str, float] = {}
        self.writes = 0
        """How many patches were accepted."""

    # -- wishes

    def want_service(self, key: ServiceKey, service: Service | None, assignments: Sequence[Assignment]) -> None:
        """Publish this from now on; no assignments: take off what Porter wrote. The newest wish for a key wins.

        `service` is the value that the decision was made from: nothing is written while the API shows a Service that
        asks for something else, until a wish for that one comes.
        """
        self._wishes[key] = ServiceWish(service=service, assignments=tuple(assignments))
        self._errands.put(("service", key))

    def want_eip(self, publication: EipPublication) -> None:
        """Publish this Eip's status from now on. The newest wish wins."""
        self._pools[publication.name] = publication
        self._errands.put(("eip", publication.name))

    def announced(self, key: ServiceKey, *, answers: bool, message: str) -> None:
        """Write the condition Announced: this node answers for the Service, or cannot. Needs no leadership."""
        self._own_word.say(key, announced(answers=answers, message=message))

    def says_nothing(self, key: ServiceKey) -> None:
        """Take back what `announced` wanted and is not written yet."""
        self._own_word.say_nothing(key)

    def lead(self, leads: bool) -> None:  # noqa: FBT001 - it is the callback of a property
        """Leadership was gained or lost: compare everything, or stop."""
        if not leads:
            self._errands.drop(lambda job: job[0] != "announced")
            return
        for name in self._pools:
            self._errands.put(("eip", name))
        for key in self._wishes:
            self._errands.put(("service", key))

    def service_seen(self, key: str, view: ServiceView | None) -> None:
        """The view of a Service changed: compare again."""
        self._own_word.seen(key, view)
        if view is None:
            self._wishes.pop(key, None)
            self._forget(("service", key))
        elif key in self._wishes:
            self._errands.put(("service", key))

    def eip_seen(self, name: str, view: EipView | None) -> None:
        """The view of an Eip changed: compare again."""
        if view is None:
            self._pools.pop(name, None)
            self._forget(("eip", name))
        elif name in self._pools:
            self._errands.put(("eip", name))

    @property
    def busy(self) -> bool:
        """Something waits to be compared or written."""
        return self._errands.busy or self._notes.busy

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._notes.run())
                for _ in range(self._timings.at_once):
                    tasks.create_task(self._errands.work())
        finally:
            self._errands.stop()

    # -- how jobs are kept apart

    def _lane(self, job: Job) -> str:
        """A burst of new Services in one namespace holds up neither changes of others nor other namespaces."""
        kind, key = job
        if kind != "service":
            return kind
        view = self._services.mirror.views.get(key)
        state = "known" if view is not None and view.ingress else "new"
        return f"{state} {key.partition('/')[0]}"

    def _locks(self, job: Job) -> list[str]:
        """What a job touches: its object, and every address that is written to it or taken off."""
        kind, key = job
        if kind == "eip":
            return [f"eip {key}"]
        view = self._services.mirror.views.get(key)
        wish = self._wishes.get(key)
        written = [one.address for one in wish.assignments if one.address is not None] if wish is not None else []
        return [f"service {key}", *written, *(view.ips if view is not None else ())]

    # -- one object

    async def _do(self, job: Job) -> None:
        match job[0]:
            case "service":
                await self._publish_service(job, ServiceKey(job[1]))
            case "eip":
                await self._publish_eip(job, job[1])
            case "announced":
                self.writes += await self._own_word.write(job[1])
                self._errands.forget(job)

    async def _publish_service(self, job: Job, key: ServiceKey) -> None:
        wrote = False
        for _ in range(_MOST_STEPS):
            view, wish = self._services.mirror.views.get(key), self._wishes.get(key)
            if wish is None or not self._leads():
                return
            if view is None:
                self._wishes.pop(key, None)
                self._forget(job)
                return
            if not self._still_as_decided(key, wish):
                return
            patches = plan_service(view, wish.service, wish.assignments, now=self._now())
            if not patches:
                self._errands.forget(job)
                if wrote:
                    self._report(wish.published(key))
                return
            if self._undone(job, patches[0]):
                return
            wrote = await self._send_service(job, view, patches[0]) or wrote
        self._errands.put_later(job, self._timings.first_wait)

    def _still_as_decided(self, key: str, wish: ServiceWish) -> bool:
        known = self._services.mirror.known.get(key)
        return known is None or wish.fits(known)

    async def _send_service(self, job: Job, view: ServiceView, patch: Patch) -> bool:
        """Send one patch; return whether it was accepted. After a conflict the newest state has been taken in."""
        body = patch.body | {"metadata": {**patch.body.get("metadata", {}), "resourceVersion": view.version}}
        try:
            answer = await self._connection.request("PATCH", patch.path, body=body, content_type=patch.content_type)
        except ConflictError:
            self._services.observe(await self._connection.request("GET", view.path))
            return False
        except NotFoundError:
            return False  # it is gone: the watch will say so
        self._accepted(job, patch)
        self._services.observe(answer)
        for note in patch.notes:
            self._notes.tell(view, note, self._wall())
        return True

    async def _publish_eip(self, job: Job, name: str) -> None:
        for _ in range(_MOST_STEPS):
            view, wanted = self._eips.mirror.views.get(name), self._pools.get(name)
            if wanted is None or not self._leads():
                return
            if view is None:
                self._forget(job)
                return
            patch = plan_eip(view, wanted, now=self._now())
            if patch is None:
                self._errands.forget(job)
                return
            early = self._eip_at.get(name, -self._timings.eip_every) + self._timings.eip_every - self._clock()
            if early > 0:
                self._errands.put_later(job, early)
                return
            if self._undone(job, patch):
                return
            body = patch.body | {"metadata": {**patch.body.get("metadata", {}), "resourceVersion": view.version}}
            self._eip_at[name] = self._clock()
            try:
                answer = await self._connection.request("PATCH", patch.path, body=body, content_type=patch.content_type)
            except ConflictError:
                self._eip_at.pop(name, None)
                self._eips.observe(await self._connection.request("GET", view.path))
                continue
            except NotFoundError:
                return
            self._accepted(job, patch)
            self._eips.observe(answer)
            if patch.path == view.path:
                self._eip_at.pop(name, None)  # an old finalizer is gone; the status comes at once
                continue
            self._report(EipPublished(eip=wanted.name, usage=len(wanted.used), ready=wanted.pool.ready))
        self._errands.put_later(job, self._timings.first_wait)

    # -- small parts

    def _accepted(self, job: Job, patch: Patch) -> None:
        self.writes += 1
        self._repeats.accepted(job, patch)

    def _undone(self, job: Job, patch: Patch) -> bool:
        """Tell whether this very patch was accepted a short while ago; then it waits, longer each time."""
        wait = self._repeats.wait(job, patch)
        if not wait:
            return False
        self._errands.tell(job, SENTENCE)
        self._errands.put_later(job, wait)
        return True

    def _forget(self, job: Job) -> None:
        self._errands.forget(job)
        self._repeats.forget(job)
        self._eip_at.pop(job[1], None)

    def _now(self) -> str:
        return self._wall().strftime("%Y-%m-%dT%H:%M:%SZ")


def _subject(job: Job) -> str:
    kind, key = job
    match kind:
        case "service":
            return f"Service {key}"
        case "eip":
            return f"Eip {key}"
        case "announced":
            return f"Service {key}, condition Announced"
