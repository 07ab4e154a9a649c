"""Airflow's REST API as it travels: which version answers, how to log in, and what its errors mean.

Facts: observed on Airflow 3.3.2 (API v2) and 2.11.2 (API v1); other versions from the OpenAPI files in their wheels.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from pydantic import JsonValue

from providers._airflow_connection import AirflowConnection
from providers._base import JsonObject
from providers._errors import BadResponse, ProviderError, RemoteNotFound, Unauthorized
from providers._http import Answer, Http, error_from
from providers._shape import obj, short, text

_READ = 20.0
"""Seconds for a read: a crowded Airflow 3.2 or 3.3 may freeze for longer, and then waiting on does not help it."""
_PAGE = 100
"""Both APIs silently cap longer pages ([api] maximum_page_limit)."""
_MAX_PAGES = 100
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Dialect:
    """One of the two APIs. `version` is Airflow's own, None where it is not told."""

    api: Literal["v1", "v2"]
    version: str | None

    @property
    def health(self) -> str:
        return "/monitor/health" if self.api == "v2" else "/health"

    @property
    def oldest_first(self) -> str:
        return "run_after" if self.api == "v2" else "execution_date"

    def at_least(self, major: int, minor: int) -> bool:
        match = _VERSION.match(self.version or "")
        return match is not None and (int(match[1]), int(match[2])) >= (major, minor)

    def trigger(self, run_id: str, conf: JsonObject, note: str) -> JsonObject:
        """v2 demands `logical_date` and takes null for "none"; v1 refuses null and means "now" when it is absent."""
        body: JsonObject = {"dag_run_id": run_id, "conf": conf}
        return {**body, "logical_date": None, "note": note} if self.api == "v2" else body

    def page(self, site: str, dag: str, run: str | None = None) -> str:
        """The address of a DAG or a run for people."""
        place = f"{site}/dags/{quote(dag, safe='')}"
        if run is None:
            return place if self.api == "v2" else f"{place}/grid"
        end = (
            f"/runs/{quote(run, safe='')}" if self.api == "v2" else f"/grid?dag_run_id={quote(run, safe='')}"
        )
        return place + end

    def task_page(self, site: str, dag: str, run: str, task: str, index: int, attempt: int) -> str:
        """The address of one try of a task for people; `index` -1: it is no mapped one."""
        if self.api == "v1":
            which = f"&task_id={quote(task, safe='')}" + (f"&map_index={index}" if index >= 0 else "")
            return f"{self.page(site, dag, run)}{which}&tab=logs"
        which = f"/tasks/{quote(task, safe='')}" + (f"/mapped/{index}" if index >= 0 else "")
        return f"{self.page(site, dag, run)}{which}" + (f"?try_number={attempt}" if attempt else "")


def path(*parts: str | int) -> str:
    """The parts as one path, each percent-encoded: run ids hold `+` and `:`. `~` would mean "all of them" to Airflow."""
    for part in parts:
        if part in ("", "~", ".", ".."):
            raise RemoteNotFound(f"{part!r} is not an id in Airflow", sent=False)
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


class AirflowApi:
    """Calls to one Airflow. The version is asked once; the login is shared by all tasks and renewed when it is refused."""

    def __init__(self, connection: AirflowConnection, http: Http) -> None:
        self.site = connection.base_url
        self._connection = connection
        self._http = http
        self._asking = asyncio.Lock()
        self._dialect: Dialect | None = None
        self._login: str | None = None
        if connection.username is not None and connection.password is not None:
            pair = f"{connection.username}:{connection.password.get_secret_value()}"
            self._basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
            http.hide(self._basic.removeprefix("Basic "))

    def redact(self, said: str) -> str:
        return self._http.redact(said)

    async def dialect(self) -> Dialect:
        async with self._asking:
            if self._dialect is None:
                self._dialect = await self._probe()
        return self._dialect

    async def get(
        self, where: str, params: Sequence[tuple[str, str]] = (), *, accept: str = "application/json"
    ) -> Answer:
        """A successful answer to a read, which may be repeated while the fault passes."""
        return await self._authorized("GET", where, params=params, accept=accept)

    async def read(self, where: str, params: Sequence[tuple[str, str]] = ()) -> JsonObject:
        return obj((await self.get(where, params)).json())

    async def every(self, where: str, key: str, params: Sequence[tuple[str, str]] = ()) -> list[JsonObject]:
        """The objects under `key` of all pages, up to 10,000."""
        found: list[JsonObject] = []
        for _ in range(_MAX_PAGES):
            page = [("limit", str(_PAGE)), ("offset", str(len(found))), *params]
            body = await self.read(where, page)
            rows = body.get(key)
            new = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            found += new
            total = body.get("total_entries")
            if not new or not isinstance(total, int) or len(found) >= total:
                break
        return found

    async def write(
        self,
        method: str,
        where: str,
        body: JsonValue,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> JsonObject:
        """A successful answer to a request that is sent once; only a refused login is renewed and the request said again."""
        answer = await self._authorized(method, where, json=body, headers=headers, timeout=timeout)
        return obj(answer.json()) if answer.body else {}

    # ------------------------------------------------------------ authorization

    async def _authorized(
        self,
        method: str,
        where: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        timeout: float = _READ,
    ) -> Answer:
        dialect = await self.dialect()
        url = f"{self.site}/api/{dialect.api}{where}"
        used = await self._credentials(dialect)
        for last in (False, True):
            sent = {**(headers or {}), "Accept": accept, "Authorization": used}
            if method == "GET":
                answer = await self._http.get(url, params=params, headers=sent, timeout=timeout)
            else:
                answer = await self._http.call(method, url, headers=sent, json=json, timeout=timeout)
            if answer.ok:
                return answer
            # A refused login is refused before anything is done, so saying the request again is safe, a POST included.
            if last or used.startswith("Basic ") or self._connection.token or not _login_refused(answer):
                break
            used = await self._credentials(dialect, instead_of=used)
        raise self.failure(answer)

    async def _credentials(self, dialect: Dialect, *, instead_of: str | None = None) -> str:
        """The Authorization header. One login at a time; whoever waited for it takes its result."""
        if self._connection.token is not None:
            return f"Bearer {self._connection.token.get_secret_value()}"
        if dialect.api == "v1":
            return self._basic
        async with self._asking:
            if self._login is None or self._login == instead_of:
                self._login = f"Bearer {await self._log_in()}"
            return self._login

    async def _log_in(self) -> str:
        assert self._connection.password is not None
        body: JsonObject = {
            "username": self._connection.username,
            "password": self._connection.password.get_secret_value(),
        }
        try:
            answer = await self._http.call("POST", f"{self.site}/auth/token", json=body, timeout=_READ)
        except ProviderError as error:
            error.sent = False  # a login starts nothing
            raise
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            raise BadResponse(
                "this Airflow has no login for programs (POST /auth/token)",
                hint="Use a token from whoever runs it instead of user and password.",
                status=answer.status,
                sent=False,
            )
        if not answer.ok:
            raise self.failure(answer)
        token = text(obj(answer.json()).get("access_token"))
        if token is None:
            raise BadResponse("the login answered without a token", status=answer.status, sent=False)
        self._http.hide(token)
        return token

    # ------------------------------------------------------------ versions

    async def _probe(self) -> Dialect:
        """GET /api/v2/version, then v1: no credentials needed on a stock Airflow, a token is shown where one is given."""
        wanted = self._connection.api_version
        answer: Answer | None = None
        for api in ("v2", "v1"):
            if wanted not in (None, api):
                continue
            token = self._connection.token
            headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
            answer = await self._http.get(f"{self.site}/api/{api}/version", headers=headers, timeout=_READ)
            if answer.ok and (version := _version(answer)) is not None:
                return Dialect(api, version)
            if answer.status in (401, 403) and wanted == api:
                return Dialect(api, None)  # hidden behind a login of its own; the first real call will tell
            if answer.status in (401, 403, 429) or answer.status >= 500:
                raise self.failure(answer)
        assert answer is not None
        if 300 <= answer.status < 400:
            raise error_from(answer, f"{self.site} redirects to another address")
        found = "Airflow" if wanted is None else f"an Airflow with the API {wanted}"
        raise BadResponse(
            f"{self.site} does not answer like {found} ({answer.status})",
            hint="Use the address of the Airflow web page, with its path and without /api/v2.",
            status=answer.status,
            sent=False,
        )

    # ------------------------------------------------------------ errors

    def failure(self, answer: Answer) -> ProviderError:
        """The error of an unsuccessful answer, in Airflow's words. What it repeats of our input is left out."""
        # A refused conf is followed by a paragraph that repeats the schema and the value.
        said = short(self._http.redact(_detail(answer).split("\n\n")[0]), 1000)
        if answer.status == 401:
            return error_from(answer, f"Airflow refuses the credentials: {said}")
        if answer.status == 403 and _login_refused(answer):
            return Unauthorized(f"Airflow refuses the token: {said}", status=403, sent=False)
        if answer.status == 403 and "/api/v1/" in answer.url:
            # A stock 2.x treats whoever it does not know as the role Public, so both cases read the same.
            return Unauthorized(
                f"Airflow refuses: {said}",
                hint="User or password is wrong, basic_auth is not among Airflow's [api] auth_backends, or the role may not do this.",
                status=403,
                sent=False,
            )
        if answer.status == 403:
            return error_from(
                answer,
                f"Airflow does not allow it: {said}",
                hint="Use a user with the role User, Op or Admin.",
            )
        return error_from(answer, f"Airflow says: {said}")


def _login_refused(answer: Answer) -> bool:
    return answer.status == 401 or (answer.status == 403 and "invalid jwt" in _detail(answer).lower())


def _version(answer: Answer) -> str | None:
    try:
        return text(obj(answer.json()).get("version"))
    except BadResponse:
        return None


def _detail(answer: Answer) -> str:
    """The reason in an error body of either API: `detail` as text, object or list, else `title`, `error`, the status."""
    try:
        body = obj(answer.json())
    except BadResponse:
        body = {}
    detail = body.get("detail")
    said: str | None = text(detail)
    if isinstance(detail, dict):
        said = ": ".join([word for key in ("reason", "message") if (word := text(detail.get(key)))])
    elif isinstance(detail, list):
        said = "; ".join([_invalid(obj(item)) for item in detail[:5]])
    status = f"{answer.status} {_phrase(answer.status)}".strip()
    return said or text(body.get("title")) or text(body.get("error")) or status


def _invalid(item: JsonObject) -> str:
    loc = item.get("loc")
    place = ".".join(str(part) for part in loc) if isinstance(loc, list) else ""
    return f"{place}: {text(item.get('msg')) or 'not valid'}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
