"""What can go wrong in the runner. The class says whether to try again.

RunnerError
    GraphError              the drawing cannot run
    NodeError               a node failed; `retry` says whether its retry policy may try again
    StoreError
        NotFound            no such row in this workspace
        Conflict            the row is not in a state that allows this
            OutputsMissing  a test lacks what stands before its node
        NotYours            it is somebody else's, and only they may do this
        InputsInvalid       the inputs of a run do not match its input schema
        Stale               somebody saved a newer revision
        LostClaim           another worker took over: throw the result away
        Unreachable         the database does not answer
        ArchiveUnwritable       purged runs cannot be put aside, so they are not purged
    VaultError              a secret cannot be opened or sealed
Held                        no fault, and no answer to anybody: the node has to wait for its connection
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from runner.model import Failure, Problem


class RunnerError(Exception):
    """Root of this layer. `code` is a stable word, `hint` says what to do next."""

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint


class GraphError(RunnerError):
    """The drawing cannot run; `problems` says where."""

    code = "definition-invalid"

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message, hint="Mend the listed problems and save again.")
        self.problems = tuple(problems)


class NodeError(RunnerError):
    """A node did not do its work.

    `retry` True: nothing was started, or repeating is safe; the node's retry policy decides. `after` is the least wait in
    seconds before that. `timed_out` True: the outcome is unknown or late, so the node is TIMED_OUT, never FAILED.
    """

    code = "node-failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        retry: bool = False,
        after: float = 0.0,
        timed_out: bool = False,
        cause: JsonValue = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry = retry
        self.after = after
        self.timed_out = timed_out
        self.cause = cause

    def failure(self, node_id: str) -> Failure:
        return Failure(
            code=self.code, message=self.message, hint=self.hint, node_id=node_id, cause=self.cause
        )


class StoreError(RunnerError):
    code = "store"


class NotFound(StoreError):
    """There is no such thing in this workspace."""

    code = "not-found"


class Conflict(StoreError):
    """It is not in a state that allows this."""

    code = "conflict"


class OutputsMissing(Conflict):
    """A test lacks outputs of nodes before its target; `problems` names them."""

    code = "outputs-missing"

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message, hint="Run it, pin data, or use the last run.")
        self.problems = tuple(problems)


class NotYours(StoreError):
    """It is in this workspace, but somebody else's: only they may do this."""

    code = "not-yours"


class InputsInvalid(StoreError):
    """A run's inputs do not match the definition's input schema; `errors` are pairs of a JSON Pointer and a sentence."""

    code = "inputs-invalid"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            f"the inputs do not match the input schema: {errors[0][1]}", hint="Mend the listed inputs."
        )
        self.errors = tuple(errors)


class Stale(StoreError):
    """Somebody saved a newer revision; `revision` is the current one."""

    code = "stale-revision"

    def __init__(self, message: str, *, revision: int) -> None:
        super().__init__(message, hint="Load the newest revision, compare, and save again with its ETag.")
        self.revision = revision


class LostClaim(StoreError):
    """Another worker took this node over, or the run ended. The result must be thrown away."""

    code = "lost-claim"


class Unreachable(StoreError):
    """The database does not answer. Nothing was written, unless it was the commit that broke: nobody knows how that ended."""

    code = "database-unreachable"


class Contended(Unreachable):
    """Two transactions waited for each other and this one gave way. Nothing was written: the same again will do."""


class ArchiveUnwritable(StoreError):
    """The folder for purged runs cannot be written. Nothing was purged."""

    code = "archive-unwritable"


class VaultError(RunnerError):
    """A secret cannot be sealed or opened; the message names the key id, never a secret."""

    code = "vault"


class Held(Exception):
    """The node may not call its connection now, and nothing was sent: it is parked and goes on by itself.

    `why`: "outage" (the breaker is open; until the next probe), "pause" (the platform asked to be left alone until then),
    "limit" (as many steps as may call it do so already)."""

    def __init__(
        self,
        message: str,
        *,
        why: Literal["outage", "pause", "limit"],
        connection_id: UUID,
        until: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.why: Literal["outage", "pause", "limit"] = why
        self.connection_id = connection_id
        self.until = until
