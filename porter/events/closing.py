"""What is open until it is closed, and closes itself at the end of a `with`."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self


class Closing(AbstractContextManager["Closing"]):
    """Close it, or use it in a `with`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
