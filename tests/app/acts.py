"""What somebody can do by the API, by the route that does it, with the audit line that it leaves, and what a route needs for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.passwords import Passwords
from providers import JsonObject
from runner.breaker import Policy, Word
from runner.model import Role, TriggerInfo
from tests.app.test_callbacks import armed
from tests.app.test_connections import connect
from tests.factories import Site, make_graph, make_run

API = "/api/v1/orchestrator"
LOG = "/api/v1/audit"
CANARY = "canary-4f1c"


class World:
    """A site, and what a change needs to be made to."""

    def __init__(self, site: Site, n8n: JsonObject) -> None:
        self.site, self.n8n = site, n8n

    async def post(self, url: str, **body: Any) -> Any:
        answer = await self.site.client.post(url, json=body)
        assert answer.is_success, (url, answer.text)
        return answer.json() if answer.content else None

    async def orchestrator(self) -> str:
        made = await self.post(API, name="made", definition=make_graph("A>B").to_json())
        return made["id"]

    async def run(self) -> str:
        return str(await make_run(self.site.store))

    async def ended(self) -> str:
        run_id = await self.run()
        await self.post(f"{API}/runs/{run_id}/cancel")
        return run_id

    async def connection(self, *, broken: bool = False) -> str:
        made = await connect(self.site, self.n8n, f"c-{uuid4()}")
        for _ in range(3 * broken):
            word = Word("silent", cause="no answer")
            await self.site.store.breakers.report(UUID(made["id"]), Policy(), word, ago=0.0)
        return made["id"]

    async def letter(self) -> str:
        run_id = await self.ended()
        async with self.site.store.database.begin() as connection:
            return str(
                await connection.scalar(
                    text(
                        "INSERT INTO dead_letter (workspace_id, orchestrator_id, run_id, revision, node_run_id, node_id, "
                        "node_label, code, message) SELECT r.workspace_id, r.orchestrator_id, r.id, 1, n.id, n.node_id, "
                        "'step', 'x', 'x' FROM run r JOIN node_run n ON n.run_id = r.id WHERE r.id = :run LIMIT 1 RETURNING id"
                    ),
                    {"run": run_id},
                )
            )

    async def waiting(self) -> str:
        run_id, _ = await armed(self.site)
        return str(run_id)

    async def rule(self) -> str:
        made = await self.post("/api/v1/redaction/rules", name="mail", kind="preset", value="email")
        return made["rules"][-1]["id"]

    async def token(self) -> str:
        return (await self.post("/api/v1/tokens", name="other", role="viewer"))["id"]

    async def deleted(self) -> str:
        made = await self.orchestrator()
        assert (await self.site.client.delete(f"{API}/{made}")).is_success
        return made


Path_ = Callable[[World], Awaitable[tuple[str, dict[str, Any]]]]


def at(pattern: str, make: Callable[[World], Awaitable[str]] | None = None, **body: Any) -> Path_:
    async def path(world: World) -> tuple[str, dict[str, Any]]:
        return pattern.format(await make(world)) if make else pattern, body

    return path


async def _connecting(world: World) -> tuple[str, dict[str, Any]]:
    body = {"name": "new", "credentials": world.n8n, "allowPrivateNetwork": True}
    return f"{API}/providers/n8n/connect", body


async def _resuming(world: World) -> tuple[str, dict[str, Any]]:
    return f"{API}/runs/{await world.waiting()}/callbacks/wait", {"body": {"x": CANARY}, "reason": "by phone"}


async def _uncommenting(world: World) -> tuple[str, dict[str, Any]]:
    made = await world.orchestrator()
    scope = await world.site.store.access.scope("test")
    said = await world.site.store.comments.create(scope, UUID(str(made)), CANARY)
    return f"{API}/{made}/comments/{said.id}", {}


def _moving(act: str) -> Path_:
    """By its id: what others archived meanwhile is not meant."""

    async def path(world: World) -> tuple[str, dict[str, Any]]:
        run_id = await world.ended()
        if act == "unarchive":
            await world.post(f"{API}/runs/archive", ids=[run_id])
        return f"{API}/runs/{act}", {"ids": [run_id]}

    return path


async def _replaying(world: World) -> tuple[str, dict[str, Any]]:
    """A body that was received by one run goes to another of the same orchestrator."""
    store = world.site.store
    run_id, token = await armed(world.site)
    await store.waits.signal(run_id, token, {"x": CANARY})
    scope = await store.access.scope("test")
    found = await store.history.run(scope, run_id)
    other = await store.runs.create(scope, found.orchestrator_id, {}, trigger=TriggerInfo(by="test"))
    (received,) = await store.inbound.page(scope, limit=1)
    return f"{API}/callbacks/{received.id}/replay", {"runId": str(other), "reason": "again"}


ACTS: dict[tuple[str, str], tuple[str, Path_]] = {
    ("POST", "/api/v1/tokens"): ("token.created", at("/api/v1/tokens", name="ci", role="operator")),
    ("DELETE", "/api/v1/tokens/{id}"): ("token.revoked", at("/api/v1/tokens/{}", World.token)),
    ("POST", API): ("orchestrator.created", at(API, name="new", definition=make_graph("A").to_json())),
    ("PUT", f"{API}/{{id}}"): ("orchestrator.saved", at(f"{API}/{{}}", World.orchestrator, name="renamed")),
    ("DELETE", f"{API}/{{id}}"): ("orchestrator.deleted", at(f"{API}/{{}}", World.orchestrator)),
    ("DELETE", f"{API}/{{id}}/comments/{{commentId}}"): ("comment.deleted", _uncommenting),
    ("POST", f"{API}/{{id}}/restore"): ("orchestrator.restored", at(f"{API}/{{}}/restore", World.deleted)),
    ("POST", f"{API}/{{id}}/run"): (
        "run.started",
        at(f"{API}/{{}}/run", World.orchestrator, inputs={"x": CANARY}),
    ),
    ("POST", f"{API}/{{id}}/test"): (
        "run.tested",
        at(f"{API}/{{}}/test", World.orchestrator, nodeId="A", mode="node", inputs={}),
    ),
    ("POST", f"{API}/runs/{{runId}}/cancel"): ("run.cancelled", at(f"{API}/runs/{{}}/cancel", World.run)),
    ("POST", f"{API}/runs/{{runId}}/retry"): ("run.retried", at(f"{API}/runs/{{}}/retry", World.ended)),
    ("PATCH", f"{API}/runs/{{runId}}"): (
        "run.labelled",
        at(f"{API}/runs/{{}}", World.run, labels={"team": CANARY}),
    ),
    ("POST", f"{API}/runs/archive"): ("run.archived", _moving("archive")),
    ("POST", f"{API}/runs/unarchive"): ("run.unarchived", _moving("unarchive")),
    ("PUT", f"{API}/runs/{{runId}}/keep"): ("run.kept", at(f"{API}/runs/{{}}/keep", World.run, keep=True)),
    ("POST", f"{API}/runs/{{runId}}/reveal"): (
        "payload.revealed",
        at(f"{API}/runs/{{}}/reveal", World.run, part="inputs", reason="asked by the customer"),
    ),
    ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}"): ("run.resumed", _resuming),
    ("POST", f"{API}/callbacks/{{callbackId}}/replay"): ("callback.replayed", _replaying),
    ("POST", f"{API}/dead-letters/drop"): (
        "dead_letter.drop_asked",
        at(f"{API}/dead-letters/drop", filter={}, reason="known"),
    ),
    ("POST", f"{API}/dead-letters/replay"): (
        "dead_letter.replay_asked",
        at(f"{API}/dead-letters/replay", filter={}),
    ),
    ("POST", f"{API}/dead-letters/{{letterId}}/drop"): (
        "dead_letter.dropped",
        at(f"{API}/dead-letters/{{}}/drop", World.letter, reason="known"),
    ),
    ("POST", f"{API}/dead-letters/{{letterId}}/replay"): (
        "dead_letter.replayed",
        at(f"{API}/dead-letters/{{}}/replay", World.letter, acknowledge=True),
    ),
    ("POST", f"{API}/retention/apply"): ("retention.applied", at(f"{API}/retention/apply")),
    ("PUT", f"{API}/{{id}}/retention"): (
        "retention.changed",
        at(f"{API}/{{}}/retention", World.orchestrator, days=30),
    ),
    ("DELETE", f"{API}/{{id}}/retention"): (
        "retention.changed",
        at(f"{API}/{{}}/retention", World.orchestrator),
    ),
    ("POST", f"{API}/providers/{{provider}}/connect"): ("connection.created", _connecting),
    ("PATCH", f"{API}/connections/{{id}}"): (
        "connection.changed",
        at(f"{API}/connections/{{}}", World.connection, name="renamed"),
    ),
    ("DELETE", f"{API}/connections/{{id}}"): (
        "connection.deleted",
        at(f"{API}/connections/{{}}", World.connection),
    ),
    ("POST", f"{API}/connections/{{id}}/breaker/probe"): (
        "connection.probed",
        at(f"{API}/connections/{{}}/breaker/probe", lambda w: w.connection(broken=True)),
    ),
    ("POST", f"{API}/connections/{{id}}/breaker/close"): (
        "connection.breaker_closed",
        at(f"{API}/connections/{{}}/breaker/close", lambda w: w.connection(broken=True)),
    ),
    ("POST", "/api/v1/redaction/rules"): (
        "redaction.rule_added",
        at("/api/v1/redaction/rules", name="card", kind="preset", value="card"),
    ),
    ("DELETE", "/api/v1/redaction/rules/{id}"): (
        "redaction.rule_removed",
        at("/api/v1/redaction/rules/{}", World.rule),
    ),
    ("PUT", "/api/v1/redaction/reveal"): (
        "redaction.reveal_role_set",
        at("/api/v1/redaction/reveal", role="editor"),
    ),
}
"""What changes something, the line it leaves, and how it is asked."""

PASSWORD = "a quiet rotund heron"


async def _person(world: World) -> str:
    """A member of the workspace; their account's id."""
    scope = await world.site.store.access.scope("test")
    made = await world.site.store.accounts.create(
        email=f"{uuid4()}@example.org",
        name="Bo",
        workspace_id=scope.workspace_id,
        role=Role.VIEWER,
        password_hash=await Passwords().hash(PASSWORD),
    )
    return str(made)


async def _invitation(world: World) -> str:
    return (await world.post("/api/v1/invitations", email="bo@example.org", role="viewer"))["id"]


async def _secret(world: World) -> str:
    return (await world.post("/api/v1/signing-secrets", name=f"s-{uuid4()}"))["id"]


async def _published(world: World) -> str:
    made = await world.orchestrator()
    await world.post(f"{API}/{made}/publish")
    return made


async def _comment(world: World) -> tuple[str, dict[str, Any]]:
    made = await world.orchestrator()
    said = await world.post(f"{API}/{made}/comments", text=CANARY)
    return f"{API}/{made}/comments/{said['id']}", {}


async def _extending(world: World) -> tuple[str, dict[str, Any]]:
    run_id = await world.waiting()
    async with world.site.store.database.begin() as connection:
        await connection.execute(
            text("UPDATE wait SET state = 'parked', deadline_at = clock_timestamp() + interval '1 hour'")
        )
    return f"{API}/runs/{run_id}/callbacks/wait/extend", {"seconds": 60}


async def _testing(world: World) -> tuple[str, dict[str, Any]]:
    return f"{API}/runs/{await world.waiting()}/callbacks/wait/test", {
        "body": {"x": CANARY},
        "reason": "a try",
    }


ACTS.update(
    {
        ("PATCH", "/api/v1/people/{id}"): (
            "member.role_changed",
            at("/api/v1/people/{}", _person, role="editor"),
        ),
        ("DELETE", "/api/v1/people/{id}"): ("member.removed", at("/api/v1/people/{}", _person)),
        ("POST", "/api/v1/invitations"): (
            "member.invited",
            at("/api/v1/invitations", email="new@example.org", role="viewer"),
        ),
        ("DELETE", "/api/v1/invitations/{id}"): (
            "member.uninvited",
            at("/api/v1/invitations/{}", _invitation),
        ),
        ("POST", "/api/v1/signing-secrets"): (
            "signing_secret.created",
            at("/api/v1/signing-secrets", name="stripe", secret=f"{CANARY}-{CANARY}-{CANARY}"),
        ),
        ("POST", "/api/v1/signing-secrets/{id}/rotate"): (
            "signing_secret.rotated",
            at("/api/v1/signing-secrets/{}/rotate", _secret, keepOldSeconds=60),
        ),
        ("DELETE", "/api/v1/signing-secrets/{id}"): (
            "signing_secret.deleted",
            at("/api/v1/signing-secrets/{}", _secret),
        ),
        ("POST", f"{API}/{{id}}/publish"): (
            "orchestrator.published",
            at(f"{API}/{{}}/publish", World.orchestrator, message=CANARY),
        ),
        ("POST", f"{API}/{{id}}/unpublish"): (
            "orchestrator.unpublished",
            at(f"{API}/{{}}/unpublish", _published),
        ),
        ("DELETE", f"{API}/{{id}}/comments/{{commentId}}"): ("comment.deleted", _comment),
        ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}/extend"): ("run.wait_extended", _extending),
        ("POST", f"{API}/runs/{{runId}}/callbacks/{{nodeId}}/test"): ("run.resumed", _testing),
    }
)

OWN: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("PATCH", "/api/v1/account"): ("account.changed", {"name": "Another Name"}),
    ("PUT", "/api/v1/account/password"): (
        "account.password_changed",
        {"new": PASSWORD, "email": "owner@example.org"},
    ),
    ("DELETE", "/api/v1/account/sessions"): ("session.ended", {}),
    ("DELETE", "/api/v1/account/sessions/{id}"): ("session.ended", {}),
    ("POST", "/api/v1/account/tokens"): ("token.created", {"name": "mine", "role": "viewer"}),
    ("DELETE", "/api/v1/account/tokens/{id}"): ("token.revoked", {}),
    ("POST", "/api/v1/workspaces"): ("workspace.created", {"name": "Second"}),
    ("PATCH", "/api/v1/workspaces/{id}"): ("workspace.renamed", {"name": "First"}),
    ("POST", "/sign-out"): ("session.ended", {}),
}
"""What the server's owner does in a browser."""

CHANGES_NOTHING = {
    ("POST", f"{API}/render"),
    ("POST", f"{API}/map"),
    ("POST", f"{API}/check"),
    ("POST", f"{API}/graph"),
    ("POST", f"{API}/{{id}}/sample"),
    ("PUT", f"{API}/{{id}}/people/{{tabId}}"),
    ("POST", f"{API}/{{id}}/plan"),
    ("POST", f"{API}/runs/{{runId}}/retry/plan"),
    ("POST", f"{API}/providers/{{provider}}/test"),
    ("POST", f"{API}/{{id}}/publish/check"),
    ("POST", "/api/v1/redaction/preview"),
    ("POST", "/api/v1/sign-on/issuers/{name}/test"),
}
TOLD_ELSEWHERE = {
    (
        "POST",
        f"{API}/callback/{{runId}}",
    ): "a program's act, with no account: the run's history and the inbox have it",
    ("POST", f"{API}/{{id}}/comments"): "a comment itself says who wrote it and when",
    ("PATCH", f"{API}/{{id}}/comments/{{commentId}}"): "its thread says so, and the text names its author",
    ("PUT", f"{API}/{{id}}/people/{{tabId}}"): "who has a drawing open, for as long as they have",
    ("PUT", "/api/v1/session/workspace"): "which workspace one's own session looks at",
    ("DELETE", "/api/v1/account/identities/{id}"): "identity.unlinked: in test_oidc, which has an issuer",
    ("POST", "/sign-in"): "session.opened and sign_in.refused: below",
    ("POST", "/setup"): "account.set_up: below",
    ("POST", "/invitation"): "member.added: below",
    ("POST", "/forgot"): "it sends a letter, and tells nobody whether there is an account",
    ("POST", "/reset"): "account.password_reset: below",
    ("POST", f"{API}/sandbox"): "it makes connections and an orchestrator, each with its own line",
}
