"""What a node may do to the world, wired to the store, the vault and the platforms, and recorded as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue

from providers import EgressGuard, Exchange, Http, JsonObject, Provider
from runner import tokens
from runner.breaker import heard
from runner.context import context_of
from runner.errors import Held, NodeError, RunnerError
from runner.model import RemoteLink, Role, Scope
from runner.outages import Outages
from runner.platforms import Platforms
from runner.redaction import Redactor, masked_exchange
from runner.secret_stores import SecretStoreDown
from runner.store import Store
from runner.store.claims import Claim
from runner.store.connections import ConnectionRow
from runner.store.events import Entry
from runner.store.outcome import Story

_FLUSH_AFTER = 1.0
_FLUSH_LINES = 200


class NodeEffects:
    """The effects of one call of a node. `story()` is what to record with its outcome; `aclose()` ends the flushing."""

    def __init__(
        self,
        store: Store,
        platforms: Platforms,
        outages: Outages,
        http: Http,
        claim: Claim,
        hidden: tuple[str, ...],
        unstored: Redactor | None,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._outages = outages
        self._http = http
        self._claim = claim
        self._hidden = hidden
        self._unstored = unstored
        self._lines: list[Entry] = []
        self._link: RemoteLink | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._used: dict[UUID, Provider[Any]] = {}
        self._called: dict[UUID, ConnectionRow] = {}
        self._began = 0.0
        self.scope = Scope(claim.workspace_id, claim.started_by, Role.OPERATOR)

    async def provider(self, name: str, connection_id: UUID | None) -> tuple[Provider[Any], UUID]:
        try:
            self._platforms.kind(name)
            row = await self._store.connections.resolve(self.scope, name, connection_id)
            found = await self._platforms.of(self.scope, row)
        except RunnerError as error:
            passing = isinstance(error, SecretStoreDown)
            raise NodeError(error.message, code=error.code, hint=error.hint, retry=passing) from error
        if row.id not in self._called:
            await self._outages.admit(row, self._claim)
            self._called[row.id] = row
            self._began = time.monotonic()
        self._used[row.id] = found
        return found, row.id

    async def held(self, exchanges: Sequence[Exchange]) -> Held | None:
        """Tell what the calls say of the platform. Held: it is out of order now, and the next call would be held."""
        if len(self._called) != 1:  # of several, nobody could say whose the last answer was
            return None
        row = next(iter(self._called.values()))
        breaker = await self._outages.tell(row, exchanges, self._began)
        if breaker.state == "closed":
            return None
        silent = heard(exchanges)
        why = f": {silent.cause}" if silent is not None and silent.kind != "answers" else ""
        return Held(
            self.redact(f"is held: {row.name} is out of order{why}"),
            why="outage",
            connection_id=row.id,
            until=breaker.probe_at,
        )

    def http(self) -> Http:
        return self._http

    async def start_run(self, flow_id: UUID, inputs: JsonObject) -> UUID:
        try:
            return await self._store.runs.create_child(
                self.scope,
                flow_id,
                inputs,
                parent=self._claim.node_run_id,
                depth=self._claim.depth,
                labels=self._claim.labels,
            )
        except RunnerError as error:
            raise NodeError(error.message, code=error.code, hint=error.hint) from error

    async def link(self, link: RemoteLink) -> None:
        self._link = link

    async def log(
        self,
        message: str,
        *,
        level: Literal["debug", "info", "warning", "error"] = "info",
        data: JsonValue = None,
        source: str = "baton",
        at: datetime | None = None,
    ) -> None:
        message, data = self.redact(message), self.redacted(data)
        if self._unstored is not None:
            message, data = self._unstored.text(message), self._unstored.value(data)
        self._lines.append(Entry("log", message, self._claim.spec.id, level, source, data, at))
        if len(self._lines) >= _FLUSH_LINES:
            await self._flush()
        elif self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_later())

    async def aclose(self) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._flusher
            self._flusher = None
        for connection_id, provider in self._used.items():
            with contextlib.suppress(
                RunnerError
            ):  # this process still has it, and keeps it after the next call
                await self._store.connections.keep_renewed(self.scope, connection_id, provider)

    def story(self, exchanges: list[Exchange], given: JsonValue) -> Story:
        """What happened so far and is not written yet, callback tokens masked; in calls, what is not to be stored too."""
        lines, self._lines = self._lines, []
        calls: list[Any] = [self.redacted(_exchange(e)) for e in exchanges]  # pyright: ignore[reportArgumentType] -- objects stay objects
        if self._unstored is not None:
            calls = [masked_exchange(each, self._unstored) for each in calls]
        return Story(
            lines=lines,
            exchanges=calls,
            input=self.redacted(given),
            remote=self._link,
        )

    def redact(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return text

    def redacted(self, value: JsonValue) -> JsonValue:
        """`value` with every callback token of the run masked: none of them may be readable in the database."""
        if not self._hidden:
            return value
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(k): self.redacted(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.redacted(v) for v in value]
        return value

    async def _flush(self) -> None:
        lines, self._lines = self._lines, []
        try:
            await self._store.settling.tell(self._claim.run_id, lines)
        except RunnerError:
            self._lines = lines + self._lines

    async def _flush_later(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_AFTER)
            if self._lines:
                await asyncio.shield(self._flush())


def scope_of(claim: Claim, seed: bytes | None, public_url: str) -> dict[str, JsonValue]:
    """What templates and paths of this node may read: see docs/reference/templates.md."""
    wiring = claim.definition.wiring
    callbacks: JsonObject | None = None
    if seed is not None:
        base = f"{public_url}/api/v1/orchestrator/callback/{claim.run_id}"
        callbacks = {}
        for node, spec in wiring.nodes.items():
            if spec.type == "WaitForCallback":
                token = tokens.callback_token(seed, node)
                callbacks[node] = {"token": token, "url": f"{base}?token={token}"}
    found = context_of(
        wiring,
        claim.spec.id,
        inputs=claim.inputs,
        outputs=claim.outputs,
        live=claim.live,
        run={
            "id": str(claim.run_id),
            "orchestratorId": str(claim.definition.orchestrator_id),
            "labels": dict(claim.labels),
        },
        callbacks=callbacks,
    )
    if claim.spec.id in claim.node_inputs:
        found["data"] = claim.node_inputs[claim.spec.id]
    return found


def plain_http(allow: Any) -> Http:
    """The client of plain webhooks, shared by a process."""
    return Http(EgressGuard(allow), in_flight=256)


def _exchange(exchange: Exchange) -> Mapping[str, Any]:
    return {
        "request": {
            "method": exchange.method,
            "url": exchange.url,
            "headers": exchange.headers,
            "body": exchange.body,
            "at": exchange.started_at.isoformat(),
        },
        "response": None
        if exchange.status is None
        else {
            "status": exchange.status,
            "headers": exchange.answer_headers,
            "body": exchange.answer,
            "seconds": exchange.seconds,
        },
        "error": exchange.error,
    }
