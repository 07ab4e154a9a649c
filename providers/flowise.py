"""Flowise: chatflows of one server, asked by its prediction call; the answer is the result.

Facts: docs.flowiseai.com, API reference (Prediction, Chatflows): `Authorization: Bearer <key>`; a prediction without
streaming answers when the flow has ended, so there is nothing to poll.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from pydantic import Field, JsonValue, SecretStr

from providers import (
    Account,
    Answer,
    BadResponse,
    Connection,
    Execution,
    ExecutionState,
    JsonObject,
    Page,
    Provider,
    RemoteWorkflow,
    StartOptions,
    Trigger,
    error_from,
)
from providers._shape import headers, moment, nothing_started, obj, objects, short, text


class FlowiseConnection(Connection):
    base_url: str = Field(
        title="Address",
        description="Of the Flowise server, with its path prefix if it has one.",
        examples=["https://flowise.example.com"],
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="Flowise > API keys. May be empty for public chatflows."
    )


class Flowise(Provider[FlowiseConnection]):
    """Every flow is executable; `execute` returns when the flow has answered."""

    name = "flowise"
    title = "Flowise"

    async def check(self) -> Account:
        return Account(label=self.connection.base_url, workflows=len(await self._flows()))

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """All chatflows and agentflows at once: Flowise does not page them."""
        return Page(items=tuple(_workflow(flow) for flow in await self._flows()))

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        """`payload` with a `question` is the whole body of the prediction; anything else is asked as the question."""
        asked: JsonObject = (
            payload
            if isinstance(payload, dict) and "question" in payload
            else {"question": _question(payload)}
        )
        answer = await self.http.call(
            "POST",
            self._url(f"prediction/{quote(ref, safe='')}"),
            headers=headers({**self._auth(), "Idempotency-Key": key, "X-Baton-Key": key}, options.headers),
            json=asked,
            timeout=options.timeout,
        )
        if not answer.ok:
            raise error_from(answer, self.http.redact(_reason(answer)))
        output = answer.json()
        return Execution(
            id=text(obj(output).get("chatMessageId")),
            workflow_id=ref,
            state=ExecutionState.SUCCEEDED,
            match="exact" if text(obj(output).get("chatMessageId")) else "none",
            output=output,
        )

    async def _flows(self) -> list[JsonObject]:
        with nothing_started():
            answer = await self.http.get(self._url("chatflows"), headers=self._auth())
            if not answer.ok:
                raise error_from(
                    answer, self.http.redact(_reason(answer)), hint="Check the API key and the address."
                )
            found = answer.json()
            if not isinstance(found, list):
                raise BadResponse(
                    "the list of chatflows is not a list", hint="Is this the address of a Flowise server?"
                )
            return objects(found)

    def _url(self, path: str) -> str:
        return f"{self.connection.base_url.rstrip('/')}/api/v1/{path}"

    def _auth(self) -> dict[str, str]:
        key = self.connection.api_key
        return {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}


def _workflow(flow: JsonObject) -> RemoteWorkflow:
    ref = text(flow.get("id")) or ""
    return RemoteWorkflow(
        id=ref,
        name=text(flow.get("name")) or ref,
        active=True,
        executable=True,
        trigger=Trigger(kind="api", method="POST", path=f"/api/v1/prediction/{ref}"),
        tags=tuple(tag for tag in (text(flow.get("category")) or "").split(";") if tag),
        updated_at=moment(flow.get("updatedDate")),
    )


def _question(payload: JsonValue) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)


def _reason(answer: Answer) -> str:
    try:
        body = obj(answer.json())
    except BadResponse:
        body = {}
    return short(text(body.get("message")) or text(body.get("error")) or f"it answered {answer.status}")
