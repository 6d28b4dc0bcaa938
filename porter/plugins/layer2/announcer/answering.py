"""The thread that answers: it receives, looks up and sends, and does nothing else. One for all NICs and families.

What it touches is changed by itself alone, between two frames and on behalf of the main thread (`between_frames`). So
there is no lock on the way of a frame, and when the main thread's call returns, no answer from before it is on its way:
whoever took an address out of a table and waited is silent about it.
"""

import os
import select
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable
from typing import NoReturn, TypeVar

from .family import News, Responder
from .port import Port
from .tally import KERNEL, UNSENT, Tally

T = TypeVar("T")
_MOST_AT_ONCE = 64  # frames of one socket before others, and the main thread, have their turn
_PATIENCE = 30.0  # seconds


class Door:
    """One open socket and who answers there. Belongs to the answering thread; counts what could not be sent."""

    def __init__(self, port: Port, responder: Responder) -> None:
        self.port = port
        self.responder = responder
        self.unsent = 0
        self.noticed = False
        """The main thread was told that the responder has news, and has not taken them yet."""

    def take(self) -> News:
        """Return the responder's news, and tell of the next."""
        self.noticed = False
        return self.responder.take()

    def counted(self) -> Tally:
        """Return what became of the frames of this socket so far."""
        dropped = self.responder.dropped + Counter({UNSENT: self.unsent, KERNEL: self.port.lost()})
        return Tally(answered=self.responder.answered, dropped=dropped)


class Answering:
    """Starts as a daemon and ends with the process. A bug in it ends the process: the agent starts another one."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._doors: dict[int, Door] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._called = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._called, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    def start(self) -> None:
        """Begin. The thread has the rights that the calling one has at this moment."""
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a responder has news; `heard` resets it."""
        return self._news

    def heard(self) -> None:
        """Take note that the news are looked at. In the main thread, before they are taken."""
        os.eventfd_read(self._news)

    def open(self, door: Door) -> None:
        """Answer there from now on."""
        self.between_frames(lambda: self._open(door))

    def close(self, door: Door) -> Tally:
        """Close the socket, for good, and return its counts: silent when this returns."""
        return self.between_frames(lambda: self._close(door))

    def between_frames(self, call: Callable[[], T]) -> T:
        """Have the answering thread run this, which must be quick, before its next frame, and wait for the result."""
        results: list[T] = []
        done = threading.Lock()
        done.acquire()

        def run() -> None:
            results.append(call())
            done.release()

        self._calls.append(run)
        os.eventfd_write(self._called, 1)
        if not done.acquire(timeout=_PATIENCE):
            raise RuntimeError(f"the answering thread does not come to an end of its frames in {_PATIENCE:g} s")
        return results[0]

    def _open(self, door: Door) -> None:
        self._doors[door.port.fileno()] = door
        self._epoll.register(door.port.fileno(), select.EPOLLIN)

    def _close(self, door: Door) -> Tally:
        counted = door.counted()
        del self._doors[door.port.fileno()]
        door.port.close()  # and so it leaves the epoll
        return counted

    def _run(self) -> NoReturn:
        try:
            self._answer()
        except BaseException:  # noqa: BLE001 - a process that cannot answer must not look as if it did
            traceback.print_exc(file=sys.stderr)
        os._exit(70)  # EX_SOFTWARE of sysexits.h

    def _answer(self) -> NoReturn:
        poll, doors = self._epoll.poll, self._doors
        while True:
            for descriptor, _ in poll():
                door = doors.get(descriptor)
                if door is not None:
                    self._serve(door)
                elif descriptor == self._called:
                    self._obey()

    def _serve(self, door: Door) -> None:
        """Answer what has come in there. On the way of a frame nothing is made but the answer itself."""
        receive, size, send = door.port.receive, door.port.size, door.port.send
        hear = door.responder.hear
        for _ in range(_MOST_AT_ONCE):
            try:
                frame = receive(size)
            except BlockingIOError:
                return
            except OSError:
                return  # ENETDOWN, once, when the link goes down; the notification of it follows
            answer = hear(frame)
            if answer is not None:
                try:
                    send(answer)
                except OSError:
                    door.unsent += 1  # the link is down, or its queue is full: the asker asks again
            elif door.responder.has_news and not door.noticed:
                door.noticed = True
                os.eventfd_write(self._news, 1)

    def _obey(self) -> None:
        os.eventfd_read(self._called)
        while self._calls:
            self._calls.popleft()()
