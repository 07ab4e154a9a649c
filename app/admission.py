"""How many starts of runs one process takes in hand at once. One that is over that is refused before anything is read or
stored, so that overload costs its sender a moment and nobody their work (G21)."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from starlette.requests import HTTPConnection

_PLACE = "baton.place"
"""Where the scope of a request keeps its place."""


class Admission:
    """`most` places; `taken` of them are in use."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def enter(self, request: HTTPConnection[Any]) -> Place | None:
        """A place for this request; None when all are taken."""
        return None if self.taken >= self.most else Place(self, request)


class Place:
    """Held until the block ends or it is left."""

    def __init__(self, admission: Admission, request: HTTPConnection[Any]) -> None:
        self._admission: Admission | None = admission
        admission.taken += 1
        request.scope[_PLACE] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        if self._admission is not None:
            self._admission.taken -= 1
            self._admission = None


def started(request: HTTPConnection[Any]) -> None:
    """The run is stored: what its request waits for now takes no place."""
    request.scope[_PLACE].leave()
