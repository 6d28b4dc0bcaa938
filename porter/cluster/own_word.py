"""What this node itself writes on Services: whether it announces their addresses. Needs no leadership.

It says a thing once, and once more when the leader asks this node, by the status Unknown, what became of it.
"""

from collections.abc import Callable

from porter.cluster.conditions import UNKNOWN, author, same, written
from porter.cluster.connection import STRATEGIC_PATCH, Connection
from porter.cluster.errors import ConflictError, NotFoundError
from porter.cluster.pace import Pace
from porter.cluster.views import ConditionView, ServiceView
from porter.cluster.watch import Watch
from porter.model.names import ServiceKey
from porter.model.objects import Service


class OwnWord:
    """The newest word for every Service of which this node announces an address, or cannot."""

    def __init__(
        self,
        connection: Connection,
        *,
        services: Watch[Service, ServiceView],
        pace: Pace,
        now: Callable[[], str],
        due: Callable[[ServiceKey], None],
    ) -> None:
        """`due` is called when something is to be written: have `write` called soon, and again when it raises."""
        self._connection = connection
        self._services = services
        self._pace = pace
        self._now = now
        self._due = due
        self._words: dict[str, ConditionView] = {}

    def say(self, key: ServiceKey, word: ConditionView) -> None:
        """Have this written, unless the Service shows it already."""
        self._words[key] = word
        self._due(key)

    def say_nothing(self, key: ServiceKey) -> None:
        """Take back what is not written yet: the Service is another node's now."""
        self._words.pop(key, None)

    def seen(self, key: str, view: ServiceView | None) -> None:
        """Take note of the Service as the API shows it now."""
        word = self._words.get(key)
        if view is None:
            self._words.pop(key, None)
        elif word is not None:
            shown = view.condition(word.type)
            if shown is not None and shown.status == UNKNOWN and author(shown) == author(word):
                self._due(ServiceKey(key))

    async def write(self, key: str) -> bool:
        """Write what is to be said, if it is not shown; tell whether something was written. Raises ClusterError."""
        await self._pace.turn()
        found = self._missing(key)
        if found is None:
            self._pace.back()
            return False
        word, view = found
        body = {"metadata": {"uid": view.uid}, "status": {"conditions": [written(word, view, self._now())]}}
        path = f"{view.path}/status"
        lists = self._services.mirror.lists
        try:
            answer = await self._connection.request("PATCH", path, body=body, content_type=STRATEGIC_PATCH)
        except (NotFoundError, ConflictError):
            return False  # gone, or another one of that name
        await self._services.take_answer(answer, path=view.path, lists=lists)
        return True

    def _missing(self, key: str) -> tuple[ConditionView, ServiceView] | None:
        """The word that the Service does not show, and the Service."""
        word, view = self._words.get(key), self._services.mirror.views.get(key)
        if word is None or view is None:
            return None
        shown = view.condition(word.type)
        return None if shown is not None and same(shown, word) else (word, view)
