"""n8n's public API: the key, the error texts, the server's clock, and finding an execution by the call that made it.

Facts, observed on n8n 2.41: the unfiltered list leaves out what is `running`; `Authorization: Bearer` is refused; an
execution moves new → running → ended, so asking in that order misses none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import JsonValue

from providers import (
    Answer,
    BadJson,
    BadResponse,
    Http,
    JsonObject,
    ProviderError,
    error_from,
    now,
    read_json,
)
from providers._n8n_result import calls
from providers._shape import obj, objects, text

CALL_HEADER = "X-Baton-Call"
KEY_HEADER = "X-Baton-Key"
_MOST = 500


@dataclass
class Scan:
    """What a search saw. `row` is the execution with its data; `other` are ids proven to be somebody else's."""

    row: JsonObject | None = None
    unreadable: list[JsonObject] = field(default_factory=list[JsonObject])
    other: set[str] = field(default_factory=set[str])


class Api:
    """Calls under `<root>/api/v1`. Raises ProviderErrors whose text holds no secret."""

    def __init__(self, http: Http, root: str, key: str) -> None:
        self._http = http
        self._root = f"{root}/api/v1"
        self._headers = {"X-N8N-API-KEY": key}
        self._ahead = timedelta()

    def server_time(self, ours: datetime) -> datetime:
        """`ours` on n8n's clock, as far as its answers have told; within about a second."""
        return ours + self._ahead

    async def get(self, path: str, *params: tuple[str, str]) -> JsonObject:
        answer = await self._http.get(f"{self._root}{path}", headers=self._headers, params=params)
        self._learn_clock(answer)
        return self._read(answer)

    async def post(self, path: str, body: JsonValue) -> JsonObject:
        answer = await self._http.call("POST", f"{self._root}{path}", headers=self._headers, json=body)
        return self._read(answer)

    async def execution(self, execution_id: str, *, data: bool = False) -> JsonObject:
        """One execution. Raises RemoteNotFound, BadResponse when its data is too large to read."""
        return await self.get(f"/executions/{execution_id}", *((("includeData", "true"),) if data else ()))

    async def search(
        self,
        workflow_id: str,
        since: datetime,
        header: str,
        value: str,
        *,
        skip: frozenset[str] = frozenset(),
    ) -> Scan:
        """The oldest execution of a workflow, started after `since` (n8n's clock), whose call carried `header: value`.

        Raises BadResponse when there are more than 500 to look through: then nothing can be ruled out.
        """
        scan = Scan(other=set(skip))
        after = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows: dict[str, JsonObject] = {}
        # A queued execution has no start time yet, so no time filter would let it through.
        for filters in (
            (("status", "new"),),
            (("status", "running"), ("startedAfter", after)),
            (("startedAfter", after),),
        ):
            cursor: str | None = None
            while len(rows) <= _MOST:
                more = (("cursor", cursor),) if cursor else ()
                page = await self.get(
                    "/executions", ("workflowId", workflow_id), ("limit", "100"), *filters, *more
                )
                rows.update(
                    (row_id, row) for row in objects(page.get("data")) if (row_id := text(row.get("id")))
                )
                if (cursor := text(page.get("nextCursor"))) is None:
                    break
        if len(rows) > _MOST:
            raise BadResponse(
                f"n8n shows more than {_MOST} executions of this workflow since {after}", sent=True
            )
        for row_id in sorted(rows.keys() - skip, key=lambda i: (len(i), i)):
            try:
                row = await self.execution(row_id, data=True)
                headers = calls(row)
            except BadResponse:
                row, headers = rows[row_id], None
            except ProviderError as error:
                if error.status != 404:
                    raise
                continue  # ended between the two reads, and not saved
            if headers is None:
                scan.unreadable.append(row)
            elif any(call.get(header.lower()) == value for call in headers):
                scan.row = row
                break
            else:
                scan.other.add(row_id)
        return scan

    def _learn_clock(self, answer: Answer) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except (TypeError, ValueError):
            return
        if theirs.tzinfo is None:
            return
        ahead = theirs - now()
        self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta()

    def _read(self, answer: Answer) -> JsonObject:
        if answer.ok:
            if "html" in answer.headers.get("content-type", ""):
                raise BadResponse(
                    "a web page answers where n8n's public API should be",
                    hint="Check the address: it is what opens n8n in the browser, without what follows the path prefix.",
                    status=answer.status,
                )
            value = answer.json()
            if not isinstance(value, dict):
                raise BadResponse("n8n's answer is not the documented object", status=answer.status)
            return value
        hint = {
            401: "Check the API key (n8n: Settings → n8n API) and that the address is this server's.",
            403: "The API key lacks a scope. It needs workflow:list, workflow:read, execution:list, execution:read, execution:stop.",
        }.get(answer.status)
        words = message_of(answer)
        if answer.status == 404 and words == "not found":
            hint = "Check the address: it is what opens n8n in the browser. The public API may also be switched off."
        raise error_from(answer, self._http.redact(f"n8n: {words}"), hint=hint)


def message_of(answer: Answer) -> str:
    """n8n's own error text, or what can be said instead (some errors are HTML pages)."""
    try:
        body = obj(read_json(answer.body))
    except BadJson:
        body = {}
    words = text(body.get("message"))
    if words:
        return words[:500]
    if "html" in answer.headers.get("content-type", "") or not answer.body.strip():
        return f"answered {answer.status}"
    return answer.text.strip()[:200]
