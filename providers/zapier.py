"""Zapier, in the two ways that are honest: webhooks the user registers, and the partner API on top of them.

Facts: help.zapier.com article 8496288690317 (webhooks), docs.zapier.com/powered-by-zapier (API). Zapier answers a webhook
with success whatever stands behind it, so that a call alone proves nothing: results come by callback or by the API.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from pydantic import JsonValue, SecretStr

from providers import (
    Account,
    BadResponse,
    Execution,
    ExecutionState,
    Finds,
    Http,
    JsonObject,
    NotSupported,
    Page,
    Preview,
    PreviewNode,
    Provider,
    ProviderError,
    Rejected,
    RemoteNotFound,
    RemoteWorkflow,
    StartOptions,
    Trigger,
    Unauthorized,
    Unavailable,
    Verb,
    now,
)
from providers._shape import digest, headers, nothing_started, obj, query, text, whole
from providers._zapier_api import ZapierApi, failure
from providers._zapier_connection import API, ZapierConnection, ZapierHook
from providers._zapier_list import ZapList
from providers._zapier_runs import FIELD, ZapierRuns, first_wait, token
from providers._zapier_zaps import Zap, chain

_UNKNOWABLE = (
    "Zapier took the call. It answers so for every webhook address, also where the Zap is switched off or gone: whether a "
    "Zap ran, and how it ended, cannot be known from here. Let the Zap's last step POST to callbackUrl to know."
)


class Zapier(Provider[ZapierConnection], Finds):
    """With webhooks alone: list and start, and nothing is known afterwards (ACCEPTED). With tokens of the partner API also
    every Zap, its steps, and runs found by a token in the payload.

    `renewed()` gives the fields of the connection to store after tokens were renewed (a refresh token may be good for one
    use), None when they are unchanged. Ask after every call; the new tokens are hidden from everything `http` reports.
    """

    name = "zapier"
    title = "Zapier"
    in_flight = 4

    def __init__(self, connection: ZapierConnection, http: Http) -> None:
        super().__init__(connection, http)
        secret = connection.client_secret
        client = (
            (connection.client_id, secret.get_secret_value()) if connection.client_id and secret else None
        )
        self.api = ZapierApi(
            connection.base_url,
            connection.token_url,
            http,
            access=_open(connection.access_token),
            refresh=_open(connection.refresh_token),
            client=client,
        )
        self.runs = ZapierRuns(self.api, http, links=connection.base_url.rstrip("/") == API)
        self._hooks = connection.named()
        self.zaps = ZapList(self.api, self._hooks)
        for hook in connection.hooks:
            address = self.connection.address(hook)
            http.hide(address)
            http.hide("/".join(urlsplit(address).path.strip("/").split("/")[-2:]))

    def renewed(self) -> dict[str, str] | None:
        return self.api.renewed()

    def offers(self) -> frozenset[Verb]:
        found = {Verb.LIST, Verb.EXECUTE} if self._hooks else {Verb.LIST}
        return frozenset(found | ({Verb.PREVIEW, Verb.POLL} if self.api.usable else set()))

    # ------------------------------------------------------------ check, list, preview

    async def check(self) -> Account:
        if not self.api.usable:
            if not self._hooks:
                raise Rejected(
                    "there is nothing to connect to: register a webhook or enter tokens", sent=False
                )
            return Account(
                label=f"{len(self._hooks)} webhooks at {urlsplit(self.connection.hooks_base_url).hostname}",
                workflows=len(self._hooks),
                warnings=(
                    "Zapier has no way to test a webhook without starting its Zap: nothing was called.",
                ),
            )
        label = "a Zapier account"
        warnings: list[str] = []
        try:
            profile = await self.api.get("/v1/profiles/me")
            label = text(profile.get("email")) or text(profile.get("full_name")) or label
        except Unauthorized as error:
            if error.code != "forbidden":
                raise  # only the scope profile is missing
        try:
            await self.api.get("/v2/zap-runs", [("limit", "1")])
        except Rejected as error:
            if error.code == "unauthorized":
                raise
            warnings.append(
                f"Runs cannot be followed with this token ({error.message}); only callbacks tell results."
            )
        page = await self.list_workflows()
        return Account(label=label, workflows=len(page.items), warnings=tuple(warnings))

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """One page: Zaps and webhooks can only be matched when all are known."""
        zaps = await self.zaps.all(fresh=True) if self.api.usable else []
        taken: set[str] = set()
        items: list[RemoteWorkflow] = []
        for zap in zaps:
            ref = self.zaps.hook_of(zap, zaps)
            taken |= {ref} if ref else set()
            items.append(self.zaps.workflow(zap, ref))
        items += [_hook_workflow(ref, hook) for ref, hook in self._hooks.items() if ref not in taken]
        return Page(items=tuple(items))

    async def preview(self, ref: str) -> Preview:
        if self.api.usable:
            zaps = await self.zaps.all()
            for zap in zaps:
                hook = self.zaps.hook_of(zap, zaps)
                if ref in (zap.id, hook):
                    nodes, edges = chain(zap)
                    shown = self.zaps.workflow(zap, hook).model_copy(update={"id": ref})
                    return Preview(
                        workflow=shown,
                        nodes=nodes,
                        edges=edges,
                        fingerprint=zap.fingerprint(),
                        fetched_at=now(),
                    )
        if ref not in self._hooks:
            raise RemoteNotFound(f"Zapier shows no Zap {ref[:80]!r}", sent=False)
        catch = PreviewNode(id="1", label="Catch Hook", type="hook", app="Webhooks by Zapier")
        unseen = PreviewNode(
            id="note", label="The steps behind a webhook are not visible from here", type="note"
        )
        return Preview(
            workflow=_hook_workflow(ref, self._hooks[ref]),
            nodes=(catch, unseen),
            edges=(),
            fingerprint=digest([ref, "catch-hook"]),
            fetched_at=now(),
        )

    # ------------------------------------------------------------ execute, poll, find

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        with nothing_started():
            hook, zap = await self._target(ref)
        body: JsonObject = dict(payload) if isinstance(payload, dict) else {}
        notes: list[str] = []
        if payload is not None and not isinstance(payload, dict):
            body["data"] = payload
            notes.append("Sent as the field data: a webhook of Zapier takes one object.")
        memo: JsonObject = {}
        began = now()
        if self.api.usable:
            field = FIELD
            while field in body:
                field += "_"
            memo = {"token": token(key), "since": began.astimezone(UTC).isoformat(), "polls": 0}
            memo["zap"] = zap.number if zap else whole(hook.zap_id)
            body[field] = memo["token"]
        answer = await self._call(hook, body, key, options)
        memo["requestId"] = text(answer.get("request_id")) or text(answer.get("id"))
        follows = self.api.usable
        return Execution(
            id=None,
            workflow_id=ref,
            state=ExecutionState.RUNNING if follows else ExecutionState.ACCEPTED,
            match="none",
            note=" ".join(notes if follows else [*notes, _UNKNOWABLE]) or None,
            started_at=began,
            poll_after=first_wait() if follows else None,
            memo=memo,
        )

    async def _call(self, hook: ZapierHook, body: JsonObject, key: str, options: StartOptions) -> JsonObject:
        """One POST to the webhook; what Zapier answered, {} for the silent kind."""
        method = (options.method or "POST").upper()
        sent = headers({"X-Baton-Key": key, "Idempotency-Key": key}, options.headers)
        url = self.connection.address(hook)
        if method in ("GET", "HEAD"):
            answer = await self.http.call(
                method, url, params=query(body), headers=sent, timeout=options.timeout
            )
        else:
            answer = await self.http.call(method, url, json=body, headers=sent, timeout=options.timeout)
        if not answer.ok:
            raise failure(answer, self.http)
        try:
            said = obj(answer.json()) if answer.body.strip() else {}
        except BadResponse:
            said = {}
        status = text(said.get("status"))
        if status not in (None, "success"):
            raise Rejected(f"Zapier's webhook answered {status!r}", status=answer.status)
        return said

    async def poll(self, execution: Execution) -> Execution:
        if not self.api.usable and execution.state is not ExecutionState.ACCEPTED:
            raise NotSupported("A webhook of Zapier tells nothing about its run; that takes the partner API.")
        return execution if execution.state.final else await self.runs.poll(execution)

    async def find(self, ref: str, *, key: str, since: datetime) -> Execution | None:
        """Exact, by the token of `key`. Raises NotSupported without the partner API: then nothing can be known."""
        if not self.api.usable:
            raise NotSupported("Whether Zapier took the call cannot be known without the partner API.")
        hook, zap = await self._target(ref)
        return await self.runs.find(ref, key, since, zap.number if zap else whole(hook.zap_id))

    # ------------------------------------------------------------ matching

    async def _target(self, ref: str) -> tuple[ZapierHook, Zap | None]:
        """The webhook that starts `ref`, and its Zap where it can be known. Raises Rejected when Zapier would take the
        call and nothing would run."""
        if not self._hooks:
            raise NotSupported("No webhook is registered, and Zapier's API cannot start a Zap.", sent=False)
        direct = (
            ref if ref in self._hooks else next((r for r, h in self._hooks.items() if h.zap_id == ref), None)
        )
        zaps: list[Zap] = []
        if self.api.usable:
            try:
                zaps = await self.zaps.all()
            except ProviderError as error:
                if direct is None or not isinstance(error, Unavailable):
                    raise  # the webhook is known and does not need the API
        for zap in zaps:
            hook = self.zaps.hook_of(zap, zaps)
            if ref == zap.id or (hook is not None and hook == direct):
                why = self.zaps.why_not(zap, hook)
                if hook is None or why is not None:
                    raise Rejected(f"this Zap cannot be started: {why}", sent=False)
                return self._hooks[hook], zap
        if direct is None:
            raise RemoteNotFound(
                f"Zapier shows no Zap {ref[:80]!r}, and no webhook has that name", sent=False
            )
        return self._hooks[direct], None


def _hook_workflow(ref: str, hook: ZapierHook) -> RemoteWorkflow:
    trigger = Trigger(kind="webhook", method="POST")
    return RemoteWorkflow(id=ref, name=hook.name, active=True, executable=True, trigger=trigger)


def _open(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
