"""All Zaps of an account, and which registered webhook starts which of them."""

from __future__ import annotations

import time

from providers import JsonObject, Rejected, RemoteWorkflow, Trigger
from providers._shape import obj, objects, text, whole
from providers._zapier_api import ZapierApi
from providers._zapier_connection import ZapierHook
from providers._zapier_zaps import Zap, merged

_FRESH = 30.0
"""Seconds a list of Zaps is used again for previews and starts: the API allows 60 requests a minute."""


class ZapList:
    def __init__(self, api: ZapierApi, hooks: dict[str, ZapierHook]) -> None:
        self._api = api
        self._hooks = hooks
        self._listed: tuple[float, list[Zap]] | None = None

    def hook_of(self, zap: Zap, zaps: list[Zap]) -> str | None:
        """The registered webhook of `zap`: by its id, else by its title where only one Zap bears it."""
        ids = {zap.id, str(zap.number)}
        for ref, hook in self._hooks.items():
            if hook.zap_id is not None and hook.zap_id in ids:
                return ref
        title = zap.title.casefold()
        if sum(other.title.casefold() == title for other in zaps) > 1:
            return None
        named = (r for r, h in self._hooks.items() if h.zap_id is None and h.name.strip().casefold() == title)
        return next(named, None)

    def why_not(self, zap: Zap, hook: str | None) -> str | None:
        if not zap.on:
            return "it is switched off in Zapier, which would take the call and run nothing"
        if zap.catches() is False:
            app = zap.steps[0].app or "an app"
            return f"it starts on an event in {app}, not on a webhook"
        if hook is None:
            return "its webhook address is not registered here, and Zapier's API does not reveal it; add it to the connection"
        return None

    def workflow(self, zap: Zap, hook: str | None) -> RemoteWorkflow:
        reason = self.why_not(zap, hook)
        webhook = zap.catches() or (zap.catches() is None and hook is not None)
        return RemoteWorkflow(
            id=zap.id,
            name=zap.title,
            active=zap.on,
            executable=reason is None,
            reason=reason,
            trigger=Trigger(kind="webhook", method="POST") if webhook else Trigger(kind="event"),
            updated_at=zap.updated_at,
            url=zap.url,
        )

    async def all(self, *, fresh: bool = False) -> list[Zap]:
        if not fresh and self._listed is not None and time.monotonic() - self._listed[0] < _FRESH:
            return self._listed[1]
        refused: Rejected | None = None
        editions: list[list[JsonObject]] = []
        for path, key, extra in (
            ("/v2/zaps", "data", [("expand", "steps.action")]),
            ("/v1/zaps", "objects", []),
        ):
            try:
                editions.append(await self._pages(path, key, extra))
            except Rejected as error:
                if error.code == "unauthorized":
                    raise
                refused = refused or error  # one edition may be closed to this token
                editions.append([])
        if refused is not None and not any(editions):
            raise refused
        zaps = merged(*editions)
        self._listed = (time.monotonic(), zaps)
        return zaps

    async def _pages(self, path: str, key: str, extra: list[tuple[str, str]]) -> list[JsonObject]:
        """All of them, by offset: the `next` links are absolute and could lead a token elsewhere."""
        found: dict[str, JsonObject] = {}
        offset = 0
        while True:
            body = await self._api.get(path, [("limit", "100"), ("offset", str(offset)), *extra])
            items = {ref: item for item in objects(body.get(key)) if (ref := text(item.get("id")))}
            offset += len(objects(body.get(key)))
            total = whole(obj(body.get("meta")).get("count")) or whole(body.get("count")) or 0
            more = obj(body.get("links")).get("next") or body.get("next") or total > offset
            if not more or items.keys() <= found.keys():
                return [*{**found, **items}.values()]
            found |= items
