"""The DAGs of the sandbox Airflow, as data and small coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import JsonValue

from providers._base import JsonObject


class TaskError(Exception):
    """What a task raises: `kind` is the exception's class in the sandbox's log."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Context(Protocol):
    """What a running task sees."""

    conf: JsonObject
    attempt: int
    index: int
    run_id: str

    def log(self, message: str, level: str = "info", **data: JsonValue) -> None: ...
    def print(self, message: str) -> None: ...
    def value(self, task: str) -> JsonValue: ...
    def failed(self, task: str) -> bool: ...
    async def nap(self, seconds: float) -> None: ...
    async def post(self, url: str, body: JsonValue, headers: Mapping[str, str] | None = None) -> int: ...


Work = Callable[[Any], Awaitable[JsonValue]]


@dataclass(frozen=True)
class Task:
    """`downstream` are ids; a branch returns the ids that go on; `mapped` runs once per item of conf["items"]."""

    id: str
    work: Work
    downstream: tuple[str, ...] = ()
    retries: int = 0
    operator: str = "@task"
    trigger_rule: str = "all_success"
    mapped: bool = False


@dataclass
class Dag:
    id: str
    description: str
    tasks: tuple[Task, ...]
    tags: tuple[str, ...] = ("sandbox",)
    paused: bool = False
    max_active_runs: int = 16
    schedule: str | None = None
    params: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    stale: bool = False


async def _quick(at: Context) -> JsonValue:
    numbers = at.conf.get("numbers")
    total = sum(n for n in numbers if isinstance(n, int | float)) if isinstance(numbers, list) else 0
    at.log(f"process: got {len(at.conf)} keys")
    return {"echo": at.conf, "sum": total}


def _step(name: str, seconds: float, value: JsonValue = None) -> Work:
    async def work(at: Context) -> JsonValue:
        at.log(f"{name}: started")
        await at.nap(seconds)
        at.log(f"{name}: done")
        return value

    return work


async def _flaky(at: Context) -> JsonValue:
    at.log(f"flaky: attempt {at.attempt} started", attempt=at.attempt)
    at.print(f"stdout of attempt {at.attempt}: \x1b[31mmarker-{at.attempt}\x1b[0m")
    await at.nap(0.3)
    if at.attempt <= 2:
        at.log(f"flaky: attempt {at.attempt} cannot reach its upstream", "warning")
        raise TaskError(
            "ConnectionError", f"attempt {at.attempt}: connection refused by upstream-{at.attempt}"
        )
    at.log(f"flaky: attempt {at.attempt} recovered")
    return {"attempt": at.attempt}


async def _boom(at: Context) -> JsonValue:
    at.print(f"about to fail, attempt {at.attempt}")
    await at.nap(0.2)
    raise TaskError("ValueError", f"bad input: field 'amount' is missing (attempt {at.attempt})")


async def _serial(at: Context) -> JsonValue:
    seconds = at.conf.get("seconds", 2)
    await at.nap(float(seconds) if isinstance(seconds, int | float) else 2)
    return {"slept": seconds}


async def _nothing(at: Context) -> JsonValue:
    at.log("nothing to do")
    return None


async def _callback_work(at: Context) -> JsonValue:
    await at.nap(1)
    if at.conf.get("fail"):
        raise TaskError("RuntimeError", "work failed because conf.fail is set")
    return {"processed": at.conf.get("payload")}


async def _notify(at: Context) -> JsonValue:
    """Post the outcome to the address in conf, with the token; fail if the work failed, so that the run is honest."""
    failed = at.failed("work")
    token = at.conf.get("correlationToken") or at.conf.get("token") or at.conf.get("correlation_token") or ""
    url = at.conf.get("callbackUrl") or at.conf.get("callback_url")
    body: JsonObject = {
        "status": "failed" if failed else "success",
        "dagRunId": at.run_id,
        "result": at.value("work"),
    }
    if isinstance(url, str) and url:
        status = await at.post(url, body, {"X-Correlation-Token": str(token)} if token else None)
        at.print(f"callback answered {status}")
        if not 200 <= status < 300:
            raise TaskError("ConnectionError", f"the callback was answered {status}")
    else:
        at.print("no callbackUrl in conf; nothing sent")
    if failed:
        raise TaskError("AirflowFailException", "work failed (reported to the caller)")
    return body


async def _typed(at: Context) -> JsonValue:
    return {name: at.conf.get(name) for name in ("customer", "limit", "mode", "note")}


async def _route(at: Context) -> JsonValue:
    amount = at.conf.get("amount", 0)
    large = isinstance(amount, int | float) and amount >= 1000
    return ["manual_review" if large else "auto_approve"]


async def _items(at: Context) -> JsonValue:
    items = at.conf.get("items")
    return items if isinstance(items, list) else [1, 2, 3]


async def _square(at: Context) -> JsonValue:
    items = at.value("items")
    item = items[at.index] if isinstance(items, list) else None
    if not isinstance(item, int):
        raise TaskError("TypeError", f"not a number: {item!r}")
    return item * item


async def _swallowed(at: Context) -> JsonValue:
    raise TaskError("OSError", "disk full")


def sample_dags() -> list[Dag]:
    typed: dict[str, JsonObject] = {
        "customer": {
            "value": "acme",
            "schema": {"type": "string", "minLength": 2, "title": "Customer"},
            "description": "Customer key",
        },
        "limit": {
            "value": 10,
            "schema": {"type": "integer", "minimum": 1, "maximum": 100},
            "description": None,
        },
        "mode": {"value": "fast", "schema": {"enum": ["fast", "full"]}, "description": None},
        "note": {"value": None, "schema": {"type": ["null", "string"]}, "description": None},
    }
    return [
        Dag("quick_conf", "One task: conf in, result out", (Task("process", _quick),)),
        Dag(
            "slow_report",
            "Three tasks in a row, one second each",
            (
                Task("extract", _step("extract", 0.9), ("transform",)),
                Task("transform", _step("transform", 0.9), ("load",)),
                Task("load", _step("load", 0.9, {"rows": 42})),
            ),
        ),
        Dag(
            "flaky_retry",
            "Fails twice with different errors, then recovers",
            (
                Task("prepare", _step("prepare", 0.1, "ready"), ("flaky",)),
                Task("flaky", _flaky, ("finish",), retries=3),
                Task("finish", _step("finish", 0.1, {"attempts": 3})),
            ),
        ),
        Dag(
            "always_fail",
            "Both tries fail; the task after it never runs",
            (Task("boom", _boom, ("never",), retries=1), Task("never", _nothing)),
        ),
        Dag(
            "serial_slow",
            "One run at a time: the others wait in the queue",
            (Task("sleep", _serial),),
            max_active_runs=1,
        ),
        Dag(
            "paused_nightly",
            "Paused: its runs wait until somebody unpauses it",
            (Task("nightly", _nothing),),
            paused=True,
            schedule="0 2 * * *",
        ),
        Dag(
            "callback_chain",
            "Posts its result to conf.callbackUrl",
            (
                Task("prepare", _step("prepare", 0.5), ("work",)),
                Task("work", _callback_work, ("notify",)),
                Task("notify", _notify, trigger_rule="all_done"),
            ),
        ),
        Dag("typed_params", "A typed trigger form", (Task("show", _typed),), params=typed),
        Dag(
            "order_branching",
            "Two branches and a join",
            (
                Task("route", _route, ("auto_approve", "manual_review"), operator="@task.branch"),
                Task("auto_approve", _step("auto", 0.1, "auto"), ("ship",)),
                Task("manual_review", _step("manual", 0.3, "manual"), ("ship",)),
                Task(
                    "ship", _step("ship", 0.1, {"shipped": True}), trigger_rule="none_failed_min_one_success"
                ),
            ),
        ),
        Dag(
            "mapped_tasks",
            "One task per item of conf.items",
            (Task("items", _items, ("square",)), Task("square", _square, mapped=True)),
        ),
        Dag(
            "swallowed_failure",
            "A task fails, the last one does not mind: Airflow calls it a success",
            (
                Task("write", _swallowed, ("tidy",)),
                Task("tidy", _step("tidy", 0.1, "tidy"), trigger_rule="all_done"),
                Task("count", _step("count", 0.1, 7)),
            ),
        ),
    ]
