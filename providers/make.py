"""Make (API v2): scenarios over teams, blueprints as graphs, runs by API and by webhook.

Facts: developers.make.com (scenarios, logs, hooks, pagination; copies of 2026-04), integromat/make-typescript-sdk for
shapes, integromat/make-skills for what `/run` does not start. Where they are silent the code says so in a note.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, SecretStr

from providers import (
    Account,
    BadJson,
    Connection,
    Execution,
    Finds,
    Frozen,
    Http,
    JsonObject,
    LeftOut,
    Page,
    Preview,
    Provider,
    Rejected,
    RemoteNotFound,
    RemoteWorkflow,
    StartOptions,
    Trigger,
    Unauthorized,
    now,
    read_json,
)
from providers._make_blueprint import fingerprint, graph, schema
from providers._make_runs import MakeRuns
from providers._make_wire import MakeApi
from providers._shape import moment, nothing_started, obj, objects, text, whole

_CLOSED = "no permission"
_COUNTED = 5
"""Pages a connection test counts at most: the organization's limit may be 30 requests a minute."""


class MakeConnection(Connection):
    base_url: str = Field(
        title="API address",
        description="The API of your zone, for example https://eu1.make.com/api/v2; the zone is in the address bar of Make.",
        examples=["https://eu1.make.com/api/v2"],
    )
    api_key: SecretStr = Field(
        title="API token",
        description="Profile > API in Make: a token with scenarios:read, scenarios:write, scenarios:run, hooks:read, teams:read, "
        "organizations:read and user:read. An OAuth access token works too.",
    )
    team_id: Annotated[int | None, BeforeValidator(lambda v: None if v == "" else v)] = Field(
        default=None,
        title="Team id",
        description="The number in the address of the team's page in Make. Empty: every team the token can see.",
    )


class Make(Provider[MakeConnection], Finds):
    """On-demand and scheduled scenarios run by API and are followed exactly, with outputs. Webhook scenarios run by their
    hook's address, which answers without an execution id: their run is found by time window and marked likely."""

    name = "make"
    title = "Make"
    in_flight = 4

    def __init__(self, connection: MakeConnection, http: Http) -> None:
        super().__init__(connection, http)
        self.api = MakeApi(connection.base_url, connection.api_key.get_secret_value(), http)
        self.runs = MakeRuns(self.api, http)

    # ------------------------------------------------------------ check and list

    async def check(self) -> Account:
        label = "a Make account"
        try:
            user = obj((await self.api.get("/users/me")).get("authUser"))
            label = " ".join(filter(None, (text(user.get("name")), text(user.get("email"))))) or label
        except Unauthorized as error:
            if error.code != "forbidden":
                raise  # only the scope user:read is missing: the token may still be good
        warnings = await self._missing_scopes()
        count, cursor = 0, None
        for _ in range(_COUNTED):
            page = await self.list_workflows(cursor=cursor)
            count, cursor = count + len(page.items), page.cursor
            warnings += [
                f"{part.kind.capitalize()} {part.name} is left out: {part.why}." for part in page.left_out
            ]
            if cursor is None:
                break
        return Account(label=label, workflows=None if cursor else count, warnings=tuple(warnings))

    async def _missing_scopes(self) -> list[str]:
        try:
            answer = await self.api.get("/users/me/current-authorization")
        except Rejected:
            return []
        granted = obj(answer.get("authorization")).get("scope")
        if not isinstance(granted, list):
            return []
        needed = ("scenarios:read", "scenarios:write", "scenarios:run", "hooks:read")
        return [f"The token lacks the scope {scope}." for scope in needed if scope not in granted]

    async def _teams(self) -> tuple[dict[int, str], tuple[LeftOut, ...]]:
        """The teams to list with their names, and the organizations that are closed to this token."""
        if self.connection.team_id is not None:
            return {self.connection.team_id: str(self.connection.team_id)}, ()
        found: dict[int, str] = {}
        closed: list[LeftOut] = []
        refused: Unauthorized | None = None
        organizations = await self.api.pages("/organizations", "organizations")
        for organization in organizations:
            if (number := whole(organization.get("id"))) is None:
                continue
            try:
                teams = await self.api.pages("/teams", "teams", [("organizationId", str(number))])
            except Unauthorized as error:
                if error.code != "forbidden":
                    raise
                refused = error
                name = text(organization.get("name")) or str(number)
                closed.append(LeftOut(kind="organization", name=name, of=len(organizations), why=_CLOSED))
                continue
            for item in teams:
                if (team := whole(item.get("id"))) is not None:
                    found[team] = text(item.get("name")) or str(team)
        if refused is not None and not found:
            raise refused
        return dict(sorted(found.items())), tuple(closed)

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """Team after team, sorted by id. A team that is closed to this token is left out; all of them closed is a refusal."""
        left_out: tuple[LeftOut, ...] = ()
        if cursor is None:
            teams, left_out = await self._teams()
            mark = _Mark(teams=tuple(teams.items()), of=len(teams))
        else:
            mark = _Mark.read(cursor)
        if not mark.teams:
            return Page(items=(), left_out=left_out)
        number, name = mark.teams[0]
        team = str(number)
        params = [("teamId", team), ("pg[sortBy]", "id"), ("pg[sortDir]", "asc")]
        try:
            found, following = await self.api.page("/scenarios", "scenarios", params, mark.offset)
        except Unauthorized as error:
            if error.code != "forbidden" or mark.closed + 1 == mark.of:
                raise
            closed = LeftOut(kind="team", name=name, of=mark.of, why=_CLOSED)
            return Page(items=(), cursor=mark.following(None, closed=1), left_out=(*left_out, closed))
        hooks: dict[int, JsonObject] | None = {}
        if any(whole(s.get("hookId")) for s in found):
            try:
                listed = objects((await self.api.get("/hooks", [("teamId", team)])).get("hooks"))
                hooks = {number: hook for hook in listed if (number := whole(hook.get("id"))) is not None}
            except Unauthorized:
                hooks = None
        items: list[RemoteWorkflow] = []
        for scenario in found:
            if text(scenario.get("id")) is None:
                continue
            number = whole(scenario.get("hookId"))
            hook = None if number is None or hooks is None else hooks.get(number, {})
            items.append(self._workflow(scenario, hook))
        return Page(items=tuple(items), cursor=mark.following(following), left_out=left_out)

    # ------------------------------------------------------------ preview

    async def preview(self, ref: str) -> Preview:
        scenario = await self._scenario(ref)
        drawn = obj((await self.api.get(f"/scenarios/{ref}/blueprint")).get("response"))
        interface = await self._interface(ref) or {}
        nodes, edges = graph(obj(drawn.get("blueprint")))
        return Preview(
            workflow=self._workflow(scenario, await self._hook_shown(scenario)),
            nodes=nodes,
            edges=edges,
            inputs=schema(interface.get("input")),
            outputs=schema(interface.get("output")),
            fingerprint=fingerprint(drawn, interface),
            fetched_at=now(),
        )

    async def _hook_shown(self, scenario: JsonObject) -> JsonObject | None:
        number = whole(scenario.get("hookId"))
        if number is None:
            return None
        try:
            return await self.runs.hook(number)
        except RemoteNotFound:
            return {"gone": True}
        except Unauthorized:
            return None

    # ------------------------------------------------------------ execute and poll

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        with nothing_started():
            scenario = await self._scenario(ref)
            if why := _off(scenario):
                raise Rejected(f"this scenario cannot be started: {why}", hint="Look at it in Make.")
            number = whole(scenario.get("hookId"))
            hook = None if number is None else await self.runs.hook(number)
            if why := _unstartable(scenario, hook):
                raise Rejected(f"this scenario cannot be started from here: {why}")
            interface = await self._interface(ref) if hook is None else None
        if hook is not None:
            return await self.runs.call_hook(ref, scenario, hook, payload, key=key, options=options)
        return await self.runs.run(ref, scenario, interface, payload, key=key, options=options)

    async def poll(self, execution: Execution) -> Execution:
        return await self.runs.poll(execution)

    async def find(self, ref: str, *, key: str, since: datetime) -> Execution | None:
        """The first run of the scenario that began after `since`: likely ours, since Make's history does not show `key`.

        Raises Unavailable while an absent row proves nothing yet (Make shows runs some seconds late).
        """
        return await self.runs.find(ref, await self._scenario(ref), since)

    async def _scenario(self, ref: str) -> JsonObject:
        if not (ref.isascii() and ref.isdigit()):
            raise RemoteNotFound(
                f"{ref[:80]!r} is not the id of a Make scenario: those are numbers", sent=False
            )
        return obj((await self.api.get(f"/scenarios/{ref}")).get("scenario"))

    async def _interface(self, ref: str) -> JsonObject | None:
        """What the scenario declares as inputs and outputs; None where the token may not read it."""
        try:
            return obj((await self.api.get(f"/scenarios/{ref}/interface")).get("interface"))
        except (Unauthorized, RemoteNotFound):
            return None

    def _workflow(self, scenario: JsonObject, hook: JsonObject | None) -> RemoteWorkflow:
        ref = text(scenario.get("id")) or ""
        reason = _off(scenario)
        if reason is None and scenario.get("hookId") and hook is None:
            reason = "its hook's address cannot be read: the token lacks the scope hooks:read"
        reason = reason or _unstartable(scenario, hook)
        return RemoteWorkflow(
            id=ref,
            name=text(scenario.get("name")) or f"Scenario {ref}",
            active=_active(scenario),
            executable=reason is None,
            reason=reason,
            trigger=_trigger(scenario, hook),
            folder=text(scenario.get("folderId")),
            updated_at=moment(scenario.get("lastEdit")),
            url=self.runs.link(scenario),
        )


def _active(scenario: JsonObject) -> bool:
    """`islinked` is the old name of `isActive`."""
    active = scenario.get("isActive")
    return bool(scenario.get("islinked") if active is None else active)


def _off(scenario: JsonObject) -> str | None:
    if scenario.get("isinvalid") is True:
        return "Make marks it as invalid; open it in Make and repair it"
    if scenario.get("isPaused") is True:
        return "Make has paused it"
    return None if _active(scenario) else "it is switched off in Make"


def _unstartable(scenario: JsonObject, hook: JsonObject | None) -> str | None:
    """Make's own tools state that `/run` starts nothing where the first module is instant (make-skills, operations)."""
    instant = obj(scenario.get("scheduling")).get("type") == "immediately"
    if hook is None:
        waits = instant and not scenario.get("hookId")
        return (
            "it starts on an event in an app, and Make's API does not start such scenarios" if waits else None
        )
    if hook.get("gone") is True:
        return "its webhook was deleted in Make"
    kind = text(hook.get("typeName"))
    return None if kind in (None, "gateway-webhook") else f"it starts on an event of {kind}"


def _trigger(scenario: JsonObject, hook: JsonObject | None) -> Trigger:
    kind = text(obj(scenario.get("scheduling")).get("type"))
    if scenario.get("hookId"):
        custom = hook is None or text(hook.get("typeName")) in (None, "gateway-webhook")
        return Trigger(kind="webhook", method="POST") if custom else Trigger(kind="event")
    if kind == "immediately":
        return Trigger(kind="event")
    return Trigger(kind="api" if kind in (None, "on-demand") else "schedule")


class _Mark(Frozen):
    """Where a listing stands: the teams still to come, the offset in the first of them, how many there are in all, and how many
    of those before were closed."""

    teams: tuple[tuple[int, str], ...]
    of: int
    offset: int = Field(default=0, ge=0)
    closed: int = 0

    @classmethod
    def read(cls, cursor: str) -> _Mark:
        """Raises Rejected for a cursor that is not ours."""
        try:
            mark = cls.model_validate(read_json(base64.urlsafe_b64decode(cursor.encode())))
        except (ValueError, BadJson):
            mark = cls(teams=(), of=0)
        if not mark.teams:
            raise Rejected("this is not a cursor of Make's list", sent=False)
        return mark

    def following(self, offset: int | None, *, closed: int = 0) -> str | None:
        """The cursor of the next page: at `offset` of the same team, or, without one, at the next team."""
        teams = self.teams if offset is not None else self.teams[1:]
        if not teams:
            return None
        further = _Mark(teams=teams, of=self.of, offset=offset or 0, closed=self.closed + closed)
        return base64.urlsafe_b64encode(further.model_dump_json().encode()).decode()
