"""What connecting and changing a connection have in common: the test first, who may open which network, the answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue
from starlette.requests import Request

from app.problems import Forbidden, Invalid
from app.state import State
from providers import Account, Connection, Frozen, JsonObject, LeftOut, ProviderError
from runner.credentials import BadCredentials, Merged, addresses, origins, parse, references, reveal
from runner.model import Failure, Role, Scope
from runner.platforms import exposed, failure_of
from runner.store.connections import ConnectionRow
from runner.wire import Timestamp

NAME_LIMIT = 200
PROBLEM_CODES = frozenset(
    {
        "unauthorized",
        "forbidden",
        "not-found",
        "unreachable",
        "tls",
        "timeout",
        "rate-limited",
        "bad-response",
    }
)
ProblemCode = Literal[
    "unauthorized", "forbidden", "not-found", "unreachable", "tls", "timeout", "rate-limited", "bad-response"
]
_NEAREST: Mapping[str, str] = {
    "blocked": "unreachable",
    "credentials-missing": "unauthorized",
    "credentials-invalid": "unauthorized",
}


class Force(Frozen):
    force: bool = Field(default=False, description="Do it although the test fails, or although it is in use.")


class BreakerAnswer(Frozen):
    """Whether the platform counts as out of order. `open`: steps are held until `probeAt`, when one test is made; `half_open`:
    it is being made. `cause`: what the last fault was. `held`: steps that wait."""

    state: Literal["closed", "open", "half_open"]
    since: Timestamp | None = Field(description="Null while it is closed.")
    probe_at: Timestamp | None
    cause: str | None
    held: int


class LimitsAnswer(Frozen):
    """Over all workers; null: as the provider's kind says."""

    in_flight: int | None
    per_minute: int | None


class UseAnswer(Frozen):
    """From which role on it may be put into drawings, and from which on runs may be started that call with it."""

    draw: Literal[Role.EDITOR, Role.ADMIN]
    start: Literal[Role.OPERATOR, Role.EDITOR, Role.ADMIN]


class ConnectionAnswer(Frozen):
    """`credentials` has every field that is set, with `***` in the place of a secret. `secretsDate`: when a person entered its
    secrets last, null where nobody kept it; `secretsExpire`: when they stop working by themselves, null where that cannot be
    told. `leftOut`: what its list of workflows does not hold, and why."""

    id: UUID
    provider: str
    name: str
    workspace_id: UUID
    status: Literal["ACTIVE", "INACTIVE", "FAILING"]
    base_url: str
    credentials: JsonObject
    allow_private_network: bool
    account: str | None
    workflows: int | None
    last_sync: Timestamp | None
    last_checked: Timestamp | None
    last_error: Failure | None
    left_out: tuple[LeftOut, ...]
    breaker: BreakerAnswer
    limits: LimitsAnswer
    use: UseAnswer
    secrets_date: Timestamp | None
    secrets_expire: Timestamp | None
    created_date: Timestamp
    updated_date: Timestamp


class TestProblem(Frozen):
    """Why the test failed. `code` is one of eight words; `message` says it in full."""

    code: ProblemCode
    message: str
    hint: str | None = None


class TestAnswer(Frozen):
    ok: bool
    latency_ms: int
    account: str | None = None
    workflows: int | None = None
    version: str | None = None
    warnings: tuple[str, ...] = ()
    problem: TestProblem | None = None


class TestRefused(Invalid):
    """The platform does not accept the credentials, or cannot be reached."""

    code = "connection-test-failed"

    def __init__(self, problem: TestProblem) -> None:
        super().__init__([("/credentials", f"{problem.code}: {problem.message}")], problem.message)
        hint = problem.hint or "Mend the credentials or the address."
        self.hint = f"{hint} Or send ?force=true to keep them untested."


def answer_of(row: ConnectionRow) -> ConnectionAnswer:
    return ConnectionAnswer(
        id=row.id,
        provider=row.provider,
        name=row.name,
        workspace_id=row.workspace_id,
        status=row.status,
        base_url=row.base_url,
        credentials=row.credentials,
        allow_private_network=row.allow_private_network,
        account=row.account,
        workflows=row.workflow_count,
        last_sync=row.last_sync_at,
        last_checked=row.last_checked_at,
        last_error=None if row.last_error is None else Failure.model_validate(row.last_error),
        left_out=row.left_out,
        breaker=_breaker(row),
        limits=LimitsAnswer(in_flight=row.max_in_flight, per_minute=row.max_per_minute),
        use=UseAnswer.model_validate({"draw": row.draw_role, "start": row.start_role}),
        secrets_date=row.secrets_at,
        secrets_expire=row.secrets_expire_at,
        created_date=row.created_at,
        updated_date=row.updated_at,
    )


def _breaker(row: ConnectionRow) -> BreakerAnswer:
    """What is held still drains after it closed; why it was open then does not matter any more."""
    is_open = row.breaker.state != "closed"
    return BreakerAnswer(
        state=row.breaker.state,
        since=row.breaker.opened_at if is_open else None,
        probe_at=row.breaker.probe_at if row.breaker.state == "open" else None,
        cause=row.cause if is_open else None,
        held=row.held,
    )


def may_open_private(scope: Scope, wanted: bool | None) -> None:
    """Raises Forbidden: opening private networks is an admin's decision (threats T12)."""
    if wanted and scope.role is not Role.ADMIN:
        raise Forbidden(
            "Only an admin may allow a connection to call private networks.",
            hint="Ask an admin to connect it, or the operator to add the network to BATON_EGRESS_ALLOW.",
        )


def changes_refused(scope: Scope, row: ConnectionRow) -> None:
    """Raises Forbidden: who may not put it into a drawing may not give it another address or take it away either."""
    if not scope.role.includes(row.draw_role):
        raise Forbidden(f"The connection {row.name} may be changed from the role {row.draw_role} on.")


def may_refer(scope: Scope, given: Mapping[str, JsonValue], row: ConnectionRow | None = None) -> None:
    """Raises Forbidden: who points a connection at a secret store decides where that secret is sent, without having known it.
    What `row` refers to already may be sent back as it is."""
    known = frozenset[str]() if row is None else references(row.credentials)
    if scope.role is not Role.ADMIN and references(dict(given)) - known:
        raise Forbidden(
            "Only an admin may have a connection use a secret store.",
            hint="Enter the secret itself, or ask an admin to connect it.",
        )


async def values_of(request: Request[State], *given: Mapping[str, JsonValue]) -> dict[str, str]:
    """The value of every reference, as it is now. Raises SecretMissing and SecretStoreDown."""
    secrets, used = request.state["platforms"].secrets, references([dict(each) for each in given])
    secrets.forget(used)
    return await secrets.values(used)


def moved_refused(scope: Scope, row: ConnectionRow, merged: Merged, *, private: bool) -> None:
    """Raises Forbidden: an admin opened private networks for one address; that does not go along by an editor's hand."""
    if private and scope.role is not Role.ADMIN and origins(merged.shown) != origins(row.credentials):
        raise Forbidden(
            "Only an admin may give another address to a connection that may call private networks."
        )
    if (
        scope.role is not Role.ADMIN
        and merged.referring
        and origins(merged.shown) != origins(row.credentials)
    ):
        raise Forbidden("Only an admin may send what stands in a secret store to another address.")


async def exposed_refused(
    scope: Scope, credentials: Mapping[str, JsonValue], *, private: bool, force: bool
) -> None:
    """Raises Invalid where credentials would travel in the clear over the internet, unless an admin ticked it."""
    if scope.role is Role.ADMIN and (private or force):
        return
    where = addresses(credentials)
    if (address := await exposed(where.values())) is not None:
        field = next(name for name, value in where.items() if value == address)
        raise Invalid(
            [
                (
                    f"/credentials/{field}",
                    "http:// to a public host sends the credentials in the clear: use https://",
                )
            ],
            "The address is not secure. An admin may take it all the same, with ?force=true.",
        )


@contextmanager
def fits() -> Generator[None]:
    """Credentials that do not fit the provider's form are a fault of the request."""
    try:
        yield
    except BadCredentials as error:
        faults = [(f"/credentials{pointer}", detail) for pointer, detail in error.faults]
    else:
        return
    raise Invalid(faults, "The credentials do not fit.")


@dataclass(frozen=True)
class Attempt:
    """What a test found: the answer, what to store of it, and the credentials as they are after it (tokens may be new)."""

    answer: TestAnswer
    account: Account | None
    failure: Failure | None
    connection: Connection


async def attempt(
    request: Request[State],
    provider: str,
    connection: Connection,
    *,
    private: bool,
    stored: tuple[Scope, UUID] | None = None,
) -> Attempt:
    """Try the credentials with harmless reads. `stored` says whose they are, so that renewed tokens are kept there."""
    began = time.monotonic()
    account, failure = None, None
    async with request.state["platforms"].trial(provider, connection, private=private) as trial:
        try:
            account = await trial.check()
        except ProviderError as error:
            failure = failure_of(error)
        if stored is not None:
            await request.state["store"].connections.keep_renewed(*stored, trial)
        if fields := trial.renewed():
            connection = parse(type(connection), {**reveal(connection), **fields})
    latency = round((time.monotonic() - began) * 1000)
    if account is None:
        problem = None if failure is None else told(failure)
        answer = TestAnswer(ok=False, latency_ms=latency, problem=problem)
    else:
        answer = TestAnswer(
            ok=True,
            latency_ms=latency,
            account=account.label,
            workflows=account.workflows,
            version=account.version,
            warnings=account.warnings,
        )
    return Attempt(answer, account, failure, connection)


async def tested(
    request: Request[State], provider: str, connection: Connection, *, private: bool, force: bool
) -> Attempt:
    """The test before credentials are kept. Raises TestRefused when it fails, unless `force`."""
    found = await attempt(request, provider, connection, private=private)
    if found.answer.problem is not None and not force:
        raise TestRefused(found.answer.problem)
    return found


def told(failure: Failure) -> TestProblem:
    """The failure in the words the test may answer with."""
    code: Any = _NEAREST.get(failure.code, failure.code)
    return TestProblem(
        code=code if code in PROBLEM_CODES else "bad-response", message=failure.message, hint=failure.hint
    )
