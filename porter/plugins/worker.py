"""One plugin in one thread: started, told its newest wanted set, and tried again with a pause when it fails.

Whatever the plugin does, raise, hang or call sys.exit, stays in here and becomes a sentence.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from porter.model.assignment import Announcement
from porter.plugins.api import Counting, ProtocolPlugin
from porter.plugins.reports import PluginHost
from porter.plugins.watchdog import Watchdog

FIRST_PAUSE: Final = 0.25
LAST_PAUSE: Final = 30.0

Failed = Callable[[str | None], None]
"""Called with what went wrong, or None when it is well again."""


class Worker:
    """Calls one plugin. Every method returns at once but `join`."""

    def __init__(self, plugin: ProtocolPlugin, host: PluginHost, *, watchdog: Watchdog, failed: Failed) -> None:
        self._plugin = plugin
        self._host = host
        self._watchdog = watchdog
        self._failed = failed
        self._news = threading.Condition()
        self._wanted: tuple[Announcement, ...] = ()
        self._pending = False
        self._stopping = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"plugin {plugin.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def want(self, announcements: Sequence[Announcement]) -> None:
        """Have the plugin announce exactly these. An equal set is no news; a newer one replaces one not yet taken."""
        wanted = tuple(sorted(announcements, key=lambda each: (each.address, each.nic)))
        with self._news:
            if wanted != self._wanted:
                self._wanted = wanted
                self._pending = True
                self._host.want(wanted)
                self._news.notify()

    def again(self) -> None:
        """Have the plugin apply its set once more, if there is anything in it."""
        with self._news:
            if self._wanted:
                self._pending = True
                self._news.notify()

    def stop(self) -> None:
        """Have the plugin stop, after the call that it is in."""
        with self._news:
            self._stopping = True
            self._news.notify()

    def join(self, timeout: float) -> bool:
        """Wait until the plugin has ended, and tell whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def counters(self) -> Mapping[str, int]:
        """Return what the plugin counts, nothing where it counts nothing or fails to. May block for a moment."""
        if not isinstance(self._plugin, Counting):
            return {}
        try:
            return {str(name): int(count) for name, count in self._plugin.counters().items()}
        except Exception:  # noqa: BLE001 - a stranger's code; what it counts is not worth a complaint
            return {}

    @property
    def stopped(self) -> bool:
        """Its `stop` was called and has succeeded: nothing is announced any more."""
        return self._stopped

    def _run(self) -> None:
        pause = FIRST_PAUSE
        started = False
        while self._wait_for_news(needed=started):
            if not started:
                started = self._call("start", lambda: self._plugin.start(self._host))
                done = started
            else:
                with self._news:
                    wanted, self._pending = self._wanted, False
                done = self._call("apply", lambda wanted=wanted: self._plugin.apply(wanted))  # type: ignore[misc]
            if done:
                pause = FIRST_PAUSE
                continue
            with self._news:
                self._pending = self._pending or started
            self._rest(pause)
            pause = min(pause * 2, LAST_PAUSE)
        self._stopped = self._call("stop", self._plugin.stop)

    def _wait_for_news(self, *, needed: bool) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._stopping or self._pending or not needed)
            return not self._stopping

    def _rest(self, pause: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._stopping, pause)

    def _call(self, what: str, call: Callable[[], None]) -> bool:
        try:
            with self._watchdog.watching(
                lambda: self._failed(f"{what} hangs: no end after {self._watchdog.limit:g} s")
            ):
                call()
        except BaseException as error:  # noqa: BLE001 - the one place where a stranger's code may fail in any way
            self._failed(_sentence(what, error))
            return False
        self._failed(None)
        return True


def _sentence(what: str, error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"{what} called sys.exit({error.code!r})"
    return f"{what} raised {type(error).__name__}: {error}".rstrip(": ")
