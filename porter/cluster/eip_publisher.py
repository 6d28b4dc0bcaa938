"""The leader's writes to Eips: their status, seldom enough, and the finalizers that older versions left."""

from collections.abc import Callable

from porter.cluster.eip_publication import EipPublication, plan_eip
from porter.cluster.errands import Errands
from porter.cluster.outbox import Outbox, Sent
from porter.cluster.publication import Patch
from porter.cluster.views import EipView
from porter.cluster.watch import Watch
from porter.events.entries import EipPublished
from porter.model.objects import Eip

_MOST_STEPS = 6  # patches and conflicts in one go; then the Eip waits like any other


class EipPublisher:
    """The newest wish for every Eip. See `Publisher`, which calls it."""

    def __init__(
        self,
        outbox: Outbox,
        errands: Errands,
        *,
        eips: Watch[Eip, EipView],
        leads: Callable[[], bool],
        report: Callable[[EipPublished], None],
        clock: Callable[[], float],
        now: Callable[[], str],
        every: float,
    ) -> None:
        """`every`: an Eip's status changes with each of its Services, and is not written more often than this."""
        self._outbox = outbox
        self._errands = errands
        self._eips = eips
        self._leads = leads
        self._report = report
        self._clock = clock
        self._now = now
        self._every = every
        self._wishes: dict[str, EipPublication] = {}
        self._written_at: dict[str, float] = {}

    def want(self, publication: EipPublication) -> None:
        """Publish this Eip's status from now on. The newest wish wins."""
        if publication.name not in self._eips.mirror.views:
            return  # it is gone, and was before this was decided
        self._wishes[publication.name] = publication
        self._errands.put(("eip", publication.name))

    def compare(self) -> None:
        """Compare everything: this agent has come to lead."""
        for name in self._wishes:
            self._errands.put(("eip", name))

    def seen(self, name: str, view: EipView | None) -> None:
        """The view of an Eip changed: compare again."""
        if view is None:
            self._wishes.pop(name, None)
            self._outbox.forget(("eip", name))
            self._written_at.pop(name, None)
        elif name in self._wishes:
            self._errands.put(("eip", name))

    async def publish(self, name: str) -> None:
        """Write what is missing. Raises ClusterError."""
        for _ in range(_MOST_STEPS):
            await self._outbox.turn()
            found = self._missing(name)
            if found is None:
                self._outbox.pass_on()
                return
            view, wanted, patch = found
            self._written_at[name] = self._clock()
            match await self._outbox.send(("eip", name), self._eips, view, patch):
                case Sent.TAKEN if patch.path == view.path:  # an old finalizer is gone: the status comes at once
                    self._written_at.pop(name, None)
                case Sent.TAKEN:
                    self._report(EipPublished(eip=wanted.name, usage=len(wanted.used), ready=wanted.pool.ready))
                case Sent.STALE:
                    self._written_at.pop(name, None)
                case Sent.GONE:
                    return
        self._errands.put_later(("eip", name), self._every)

    def _missing(self, name: str) -> tuple[EipView, EipPublication, Patch] | None:
        """The next patch towards what is wanted, and what it was made for; None: not now, or not at all."""
        view, wanted = self._eips.mirror.views.get(name), self._wishes.get(name)
        if wanted is None or view is None or not self._leads():
            return None
        patch = plan_eip(view, wanted, now=self._now())
        if patch is None:
            self._errands.forget(("eip", name))
            return None
        early = self._written_at.get(name, -self._every) + self._every - self._clock()
        if early > 0:
            self._errands.put_later(("eip", name), early)
            return None
        return None if self._outbox.holds_back(("eip", name), patch) else (view, wanted, patch)
