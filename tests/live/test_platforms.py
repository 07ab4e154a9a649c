"""The platforms themselves: each is up, answers, does what the live tests count on, and leaves nothing behind."""

import http.server
import json
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.live.platforms import Client, Reply
from tests.live.platforms._guard import members
from tests.live.platforms._server import Server
from tests.live.platforms.airflow import AirflowPeer
from tests.live.platforms.n8n import N8nPeer

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], timeout: float = 60) -> T:
    """The first true answer of `probe`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := probe()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return answer


# ---------------------------------------------------------------- n8n


def post(n8n: N8nPeer, workflow: str, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    url = n8n.workflows[workflow].webhook_url
    assert url is not None
    return Client(n8n.base_url).call("POST", url, body, headers)


def finished(n8n: N8nPeer, execution_id: str) -> dict[str, Any]:
    """The execution with its data, once it has ended."""
    client = Client(n8n.base_url, {"X-N8N-API-KEY": n8n.api_key})

    def ended() -> dict[str, Any] | None:
        body = client.need("GET", f"/api/v1/executions/{execution_id}?includeData=true")
        return body if body["status"] in ("success", "error", "crashed", "canceled") else None

    return eventually(ended)


def test_n8n_lists_our_workflows_all_active(n8n: N8nPeer) -> None:
    client = Client(n8n.base_url, {"X-N8N-API-KEY": n8n.api_key})
    listed = {flow["name"]: flow for flow in client.need("GET", "/api/v1/workflows?limit=250")["data"]}
    assert {name: flow["id"] for name, flow in listed.items()} == {
        name: flow.id for name, flow in n8n.workflows.items()
    }
    assert all(flow["active"] for flow in listed.values())
    assert n8n.workflows["schedule-only"].webhook_url is None


def test_n8n_answers_in_the_same_call(n8n: N8nPeer) -> None:
    reply = post(n8n, "sync-answer", {"name": "Ada"})
    execution_id = reply.body["executionId"]
    assert reply.status == 200
    assert reply.body == {"greeting": "hello Ada", "received": {"name": "Ada"}, "executionId": execution_id}
    assert {name.lower(): value for name, value in reply.headers.items()}[
        "x-n8n-execution-id"
    ] == execution_id


def test_n8n_accepts_early_and_ends_later(n8n: N8nPeer) -> None:
    reply = post(n8n, "async-accepted", {"text": "abc", "numbers": [1, 2]})
    assert reply.status == 202
    assert reply.body["workflowId"] == n8n.workflows["async-accepted"].id
    ended = finished(n8n, reply.body["executionId"])
    assert ended["status"] == "success"
    result = ended["data"]["resultData"]["runData"]["Result"][-1]["data"]["main"][0][0]["json"]
    assert result == {"upper": "ABC", "numbers": [1, 2]}


def test_n8n_keeps_the_error_of_a_failed_execution(n8n: N8nPeer) -> None:
    reply = post(n8n, "async-failing", {})
    ended = finished(n8n, reply.body["executionId"])
    assert ended["status"] == "error"
    assert ended["data"]["resultData"]["error"]["message"] == "boom: accepted"
    failed = post(n8n, "failing", {})
    assert (failed.status, failed.body) == (500, {"message": "Error in workflow"})


def test_n8n_calls_back_with_the_token(n8n: N8nPeer) -> None:
    with listener() as (url, received):
        reply = post(
            n8n,
            "async-callback",
            {"callbackUrl": url, "token": "tok-1", "numbers": [1, 2, 39], "delaySeconds": 0.1},
        )
        assert (reply.status, reply.body) == (200, {"message": "Workflow was started"})
        token, body = eventually(lambda: received[0] if received else None)
    assert token == "tok-1"
    assert (body["status"], body["result"]) == ("success", {"sum": 42, "count": 3})
    assert body["workflowId"] == n8n.workflows["async-callback"].id


def test_n8n_guards_a_webhook_by_a_header(n8n: N8nPeer) -> None:
    name, value = n8n.header_auth
    assert post(n8n, "header-auth", {"a": 1}).status == 403
    assert post(n8n, "header-auth", {"a": 1}, {name: "wrong"}).status == 403
    reply = post(n8n, "header-auth", {"a": 1}, {name: value})
    assert (reply.status, reply.body["allowed"], reply.body["received"]) == (200, True, {"a": 1})


@contextmanager
def listener() -> Generator[tuple[str, list[tuple[str | None, Any]]]]:
    """An address on loopback, and what is posted to it: the token header and the JSON body."""
    received: list[tuple[str | None, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            received.append((self.headers["X-Correlation-Token"], body))

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/back", received
        finally:
            server.shutdown()
            thread.join()


# ---------------------------------------------------------------- Airflow


@pytest.fixture
def client(airflow_client: Client) -> Client:
    return airflow_client


def trigger(client: Client, dag: str, conf: Mapping[str, object]) -> str:
    """The path of a new run."""
    run = client.need("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})
    return f"/dags/{dag}/dagRuns/{run['dag_run_id']}"


def outcome(client: Client, run: str) -> str:
    """The final state of a run."""

    def ended() -> str | None:
        state = client.need("GET", run)["state"]
        return state if state in ("success", "failed") else None

    return eventually(ended)


def log_of(client: Client, run: str, task: str, attempt: int) -> str:
    return json.dumps(client.need("GET", f"{run}/taskInstances/{task}/logs/{attempt}")["content"])


def test_airflow_lists_our_dags(airflow: AirflowPeer, client: Client) -> None:
    listed = {dag["dag_id"]: dag["is_paused"] for dag in client.need("GET", "/dags?limit=100")["dags"]}
    assert listed == {dag: dag == "paused_nightly" for dag in airflow.dags}
    assert airflow.version == "3.3.2"


def test_airflow_returns_a_result(client: Client) -> None:
    run = trigger(client, "quick_conf", {"numbers": [1, 2, 39]})
    assert outcome(client, run) == "success"
    result = client.need("GET", f"{run}/taskInstances/process/xcomEntries/return_value")["value"]
    assert result == {"echo": {"numbers": [1, 2, 39]}, "sum": 42}


def test_airflow_tries_again_with_a_log_for_each_try(client: Client) -> None:
    run = trigger(client, "flaky_retry", {})
    assert outcome(client, run) == "success"
    assert "connection refused by upstream-1" in log_of(client, run, "flaky", 1)
    assert "connection refused by upstream-2" in log_of(client, run, "flaky", 2)
    assert "try 3: recovered" in log_of(client, run, "flaky", 3)


def test_airflow_fails_with_the_reason_in_the_log(client: Client) -> None:
    run = trigger(client, "always_fail", {})
    assert outcome(client, run) == "failed"
    assert "field 'amount' is missing" in log_of(client, run, "broken", 1)


def test_airflow_queues_behind_a_serial_run(client: Client) -> None:
    first, second = (trigger(client, "serial_slow", {"seconds": 2}) for _ in range(2))
    eventually(lambda: client.need("GET", first)["state"] == "running")
    assert client.need("GET", second)["state"] == "queued"
    assert [outcome(client, first), outcome(client, second)] == ["success", "success"]


def test_airflow_keeps_a_run_of_a_paused_dag_queued(client: Client) -> None:
    assert client.need("GET", trigger(client, "paused_nightly", {}))["state"] == "queued"


def test_airflow_refuses_a_conf_outside_its_schema(client: Client) -> None:
    refused = client.call(
        "POST", "/dags/typed_params/dagRuns", {"logical_date": None, "conf": {"limit": 101}}
    )
    assert refused.status == 400
    assert "greater than the maximum" in refused.body["detail"]


# ---------------------------------------------------------------- the guard


def test_stop_ends_all_that_a_server_started(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    stubborn = (
        'trap "" TERM; (trap "" TERM; while :; do sleep 60; done) & echo $$; while :; do sleep 60; done'
    )
    server = Server(
        "stubborn", ["/bin/sh", "-c", stubborn], env={"PATH": "/usr/bin:/bin"}, log=log, grace=0.2
    )
    shell = int(eventually(lambda: log.read_text().strip()))
    session = int(subprocess.check_output(["ps", "-o", "sid=", "-p", str(shell)], text=True))
    assert len(members(session)) >= 3
    server.stop()
    assert members(session) == []
