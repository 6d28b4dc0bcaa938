"""What the leader writes: the state that is wanted is compared with the newest view, and only the difference is sent.

Level-triggered: it keeps the newest wish for every object and compares again whenever the wish or the view changes.
It decides nothing, writes nothing while this process does not lead, and nothing for a Service that has changed since
the decision was made.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from porter.cluster.conditions import announced
from porter.cluster.connection import Connection
from porter.cluster.eip_publication import EipPublication
from porter.cluster.eip_publisher import EipPublisher
from porter.cluster.errands import Errands, Job
from porter.cluster.node_lease import Wall, utc_now, whole_seconds
from porter.cluster.notes import Notes
from porter.cluster.outbox import Outbox, Sent
from porter.cluster.own_word import OwnWord
from porter.cluster.pace import Pace
from porter.cluster.publication import Patch, plan_service
from porter.cluster.repeats import Repeats
from porter.cluster.timings import PublishTimings
from porter.cluster.views import EipView, ServiceView
from porter.cluster.watch import Watch
from porter.cluster.wishes import ServiceWish
from porter.events.entries import EipPublished, Published, PublishFailed
from porter.model.assignment import Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Eip, Service

Outcome: TypeAlias = Published | EipPublished | PublishFailed

_MOST_STEPS = 6  # comparisons, each with a patch or two, in one go; then the job waits like any other


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
        self._services = services
        self._leads = leads
        self._report = report
        self._wall = wall
        self._timings = timings or PublishTimings()
        pace = Pace(clock=clock, per_second=self._timings.per_second, burst=self._timings.burst)
        self._notes = Notes(
            connection,
            node=node,
            pace=pace,
            after=lambda: self._errands.at_work,
            longest=self._timings.event_wait,
        )
        self._wishes: dict[str, ServiceWish] = {}
        self._errands = Errands(
            do=self._do,
            may=lambda job: job[0] == "announced" or leads(),
            lane=self._lane,
            locks=self._locks,
            complain=lambda job, sentence: report(PublishFailed(what=_subject(job), error=sentence)),
            throttled=lambda job, seconds: pace.close(job[1], seconds),
            timings=self._timings,
        )
        repeats = Repeats(clock=clock, first=self._timings.undone_wait, longest=self._timings.undone_longest)
        self._outbox = Outbox(connection, pace=pace, errands=self._errands, repeats=repeats)
        self._pools = EipPublisher(
            self._outbox,
            self._errands,
            eips=eips,
            leads=leads,
            report=report,
            clock=clock,
            now=self._now,
            every=self._timings.eip_every,
        )
        self._own_word = OwnWord(
            connection,
            services=services,
            pace=pace,
            now=self._now,
            due=lambda key: self._errands.put(("announced", key)),
        )
        self._own_words = 0

    # -- wishes

    def want_service(self, key: ServiceKey, service: Service | None, assignments: Sequence[Assignment]) -> None:
        """Publish this from now on; no assignments: take off what Porter wrote. The newest wish for a key wins.

        `service` is the value that the decision was made from: nothing is written while the API shows a Service that
        asks for something else, until a wish for that one comes.
        """
        if service is None and key not in self._services.mirror.views:
            self._wishes.pop(key, None)  # it is gone, and was before its end was decided
            return
        before = self._wishes.get(key)
        wish = self._wishes[key] = ServiceWish(service=service, assignments=tuple(assignments))
        if wish.is_news_after(before):
            self._errands.put(("service", key))

    def want_eip(self, publication: EipPublication) -> None:
        """Publish this Eip's status from now on. The newest wish wins."""
        self._pools.want(publication)

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
        self._pools.compare()
        for key in self._wishes:
            self._errands.put(("service", key))

    def service_seen(self, key: str, view: ServiceView | None) -> None:
        """The view of a Service changed: compare again."""
        self._own_word.seen(key, view)
        if view is None:
            self._wishes.pop(key, None)
            self._outbox.forget(("service", key))
        elif key in self._wishes:
            self._errands.put(("service", key))

    def eip_seen(self, name: str, view: EipView | None) -> None:
        """The view of an Eip changed: compare again."""
        self._pools.seen(name, view)

    @property
    def writes(self) -> int:
        """How many patches were accepted."""
        return self._outbox.writes + self._own_words

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

    async def flush(self, seconds: float) -> None:
        """Send the Events that wait, for so many seconds at most. Call it when `run` has ended."""
        await self._notes.flush(seconds)

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
                await self._pools.publish(job[1])
            case "announced":
                self._own_words += await self._own_word.write(job[1])
                self._errands.forget(job)

    async def _publish_service(self, job: Job, key: ServiceKey) -> None:
        taken: list[Patch] = []
        locks = set(self._locks(job))
        for _ in range(_MOST_STEPS):
            await self._outbox.turn()  # first of all: while it waits, what is wanted and what is shown may change
            if not locks.issuperset(self._locks(job)):  # and another may be at work on the address: queue again
                self._outbox.pass_on()
                self._errands.put(job)
                return
            found = self._service_patches(job, key, wrote=bool(taken))
            if found is None:
                self._outbox.pass_on()
                return
            view, patches = found
            sent = await self._outbox.send_in_turn(
                job,
                self._services,
                view,
                patches,
                taken=partial(self._took, taken, view),
                still=partial(self._is_still_so, key, view, self._wishes[key]),
            )
            if sent is Sent.GONE:
                return
        self._errands.put_later(job, self._timings.first_wait)

    def _took(self, taken: list[Patch], view: ServiceView, patch: Patch) -> None:
        taken.append(patch)
        for note in patch.notes:
            self._notes.tell(view, note, self._wall())

    def _is_still_so(self, key: str, view: ServiceView, wish: ServiceWish, version: str) -> bool:
        """Tell whether a second patch may follow a first one that has made a version: all else is as it was."""
        shown = self._services.mirror.views.get(key)
        same = shown is not None and (shown is view or shown.version == version)
        return same and self._leads() and self._wishes.get(key) is wish

    def _service_patches(self, job: Job, key: ServiceKey, *, wrote: bool) -> tuple[ServiceView, list[Patch]] | None:
        """The patches towards what is wanted, and what they were made for; None: not now, or not at all."""
        view, wish = self._services.mirror.views.get(key), self._wishes.get(key)
        if wish is None:
            return None
        if view is None:
            self._wishes.pop(key, None)
            self._outbox.forget(job)
            return None
        if not self._still_as_decided(key, wish):
            return None
        patches = list(plan_service(view, wish.service, wish.assignments, now=self._now()))
        if not patches:
            self._errands.settle(job)  # own answers were taken in on the way, and are no reason to compare again
            if wrote:
                self._report(wish.published(key))
            return None
        if not self._leads() or self._outbox.holds_back(job, patches[0]):
            return None
        return view, patches

    def _still_as_decided(self, key: str, wish: ServiceWish) -> bool:
        known = self._services.mirror.known.get(key)
        return known is None or wish.fits(known)

    # -- small parts

    def _now(self) -> str:
        return whole_seconds(self._wall())


def _subject(job: Job) -> str:
    kind, key = job
    match kind:
        case "service":
            return f"Service {key}"
        case "eip":
            return f"Eip {key}"
        case "announced":
            return f"Service {key}, condition Announced"
