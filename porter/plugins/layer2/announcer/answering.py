"""The thread that answers on one NIC in one family: it receives, looks up and sends, and does nothing else.

It waits in `recv` itself: an epoll before it would cost a fifth of the time of an answer. One lock guards a frame from
the lookup to the answer on the wire. So when `replace` returns, no answer from the old table is on its way: whoever
took an address out of the table is silent about it.
"""

import os
import sys
import threading
from collections import Counter
from socket import MSG_DONTWAIT

from .family import News, Table
from .port import Port
from .responder import Responder
from .tally import KERNEL, UNSENT, Tally

_REST = 1.0  # seconds after an error of the socket, unless the main thread knows better


class Answering:
    """One open socket, who answers there, and the thread. Its methods are for the main thread.

    A bug in the thread ends the process: one that cannot answer must not look as if it did. The agent starts another.
    """

    def __init__(self, port: Port, responder: Responder, *, news: int) -> None:
        """`news`: an eventfd that is written when the responder has news to `take`."""
        self._port = port
        self._responder = responder
        self._news = news
        self._lock = threading.Lock()
        self._unsent = 0
        self._told = False
        self._ended = False
        self._ups = 0
        """How often the link came up again."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    @property
    def port(self) -> Port:
        """The socket, for its filter and for what is said unasked."""
        return self._port

    def start(self) -> None:
        """Begin. The thread has the rights that the calling one has at this moment."""
        self._thread.start()

    def replace(self, table: Table) -> None:
        """Answer from this table, whole, from now on."""
        with self._lock:
            self._responder.replace(table)
            news = self._has_untold_news()
        if news:
            os.eventfd_write(self._news, 1)

    @property
    def has_news(self) -> bool:
        """There is something to `take`."""
        return self._told

    def take(self) -> News:
        """Return what other hosts said, and tell of what they say next."""
        with self._lock:
            self._told = False
            return self._responder.take()

    def count(self) -> Tally:
        """Return what became of the frames of this socket so far."""
        with self._lock:
            counts = self._responder.dropped + Counter({UNSENT: self._unsent, KERNEL: self._port.lost()})
            return Tally(answered=self._responder.answered, dropped=counts)

    def go_on(self) -> None:
        """Do not rest: the link is up again."""
        with self._changed:
            self._ups += 1
            self._changed.notify()

    def end(self) -> Tally:
        """Hear and say nothing more, and return the counts.

        The thread may wait for a frame still; the socket is deaf meanwhile, and closed by the thread when it ends.
        """
        self.replace(Table())
        self._port.let_through_nothing()
        counted = self.count()
        with self._changed:
            self._ended = True  # from here on the socket is the thread's
            self._changed.notify()
        return counted

    def _run(self) -> None:
        try:
            self._answer()
        except BaseException:  # noqa: BLE001 - whatever it is, see above
            sys.excepthook(*sys.exc_info())
            os._exit(os.EX_SOFTWARE)
        self._port.close()

    def _answer(self) -> None:
        receive, size, send = self._port.receive, self._port.size, self._port.send
        hear, lock = self._responder.hear, self._lock
        while not self._ended:
            ups = self._ups
            try:
                frame = receive(size)
            except BlockingIOError:
                continue  # nothing came for long: it looks whether it has ended
            except OSError:
                self._rest(ups)  # ENETDOWN, once, when the link goes down or the NIC is gone
                continue
            with lock:
                answer = hear(frame)
                if answer is not None:
                    try:
                        send(answer, MSG_DONTWAIT)
                    except OSError:
                        self._unsent += 1  # the link is down, or its queue is full: the asker asks again
                    continue
                news = self._has_untold_news()
            if news:
                os.eventfd_write(self._news, 1)

    def _has_untold_news(self) -> bool:
        """Tell whether the main thread is to be told that there is news; it then is. With the lock only."""
        untold = not self._told and self._responder.has_news
        self._told |= untold
        return untold

    def _rest(self, ups: int) -> None:
        """Wait until the link came up since it had done so this often, or for a while: it may have been another error.

        Who rests can be told to end; who is in recv again may stay there until its time limit.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._ups != ups, _REST)
