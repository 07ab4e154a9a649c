"""RemoteWebhook as a plain webhook: what is repeated, what never is, and what an outcome nobody knows is called."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from providers.sandbox._asgi import Ask, Reply
from tests.receiver import Receiver
from tests.runner.nodes.drive import Drive, deaf
from tests.serving import served

QUICK: dict[str, Any] = {"retryDelay": 10, "retryBackoff": "fixed", "bodyTemplate": "{{ data }}"}


async def call(drive: Drive, url: str, **config: Any) -> Any:
    return await drive.one("RemoteWebhook", {"url": url, **QUICK, **config}, {"n": 1})


async def test_what_never_arrived_is_tried_again_and_then_failed(drive: Drive) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ran = await call(drive, f"http://127.0.0.1:{free.getsockname()[1]}", retryAttempts=2)
    assert (ran.node.state, ran.node.error["code"]) == ("FAILED", "unreachable")
    assert [a.outcome for a in ran.attempts] == ["retry", "retry", "failed"]


async def test_what_may_have_arrived_is_never_repeated(drive: Drive) -> None:
    async with deaf() as receiver:
        ran = await call(drive, receiver.url, retryAttempts=3)
    assert receiver.requests == 1
    assert ran.node.state == "TIMED_OUT"
    assert "may have been accepted" in ran.row.error["hint"]


@pytest.mark.parametrize(
    "safe", [{"idempotent": True}, {"method": "GET"}, {"method": "PUT"}, {"method": "DELETE"}]
)
async def test_what_may_be_repeated_is(drive: Drive, safe: dict[str, Any]) -> None:
    async with deaf() as receiver:
        ran = await call(drive, receiver.url, retryAttempts=2, **safe)
    assert receiver.requests == 3
    assert ran.node.state == "TIMED_OUT"  # still nobody knows


async def test_no_answer_in_time_is_timed_out_not_failed(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/hang", timeout=80)
    receiver.released.set()
    assert (ran.node.state, ran.row.error["code"], len(receiver.got)) == ("TIMED_OUT", "timeout", 1)


@pytest.mark.parametrize(("status", "calls"), [(500, 3), (503, 3), (502, 1), (504, 1)])
async def test_an_own_5xx_is_tried_again_a_gateways_is_not(
    drive: Drive, receiver: Receiver, status: int, calls: int
) -> None:
    """The receiver's 500 says that it did not do it; a gateway's says nothing of what is behind it."""
    ran = await call(drive, f"{receiver.url}/status/{status}", retryAttempts=2)
    assert len(receiver.got) == calls
    assert ran.node.state == ("TIMED_OUT" if calls == 1 else "FAILED")
    assert len({ask.headers["idempotency-key"] for ask in receiver.got}) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "rejected"), (401, "unauthorized"), (403, "forbidden"), (404, "not-found"), (302, "bad-response")],
)
async def test_a_no_is_a_no(drive: Drive, receiver: Receiver, status: int, code: str) -> None:
    ran = await call(drive, f"{receiver.url}/status/{status}", retryAttempts=3)
    assert (ran.node.state, ran.row.error["code"], len(receiver.got)) == ("FAILED", code, 1)


class Busy(Receiver):
    """Says 429 once, asking for a second of patience."""

    def __init__(self) -> None:
        super().__init__()
        self.route("POST", "/busy", self._busy)

    async def _busy(self, ask: Ask) -> Reply:
        self.got.append(ask)
        if len(self.got) == 1:
            return Reply(429, {"message": "slow down"}, headers={"Retry-After": "1"})
        return Reply(200, {"ok": True})


async def test_retry_after_is_honoured(drive: Drive) -> None:
    busy = Busy()
    async with served(busy) as url:
        ran = await call(drive, url + "/busy", retryAttempts=1)
    assert ran.row.output == {"ok": True}
    (retrying,) = ran.of("node.retrying")
    assert retrying.data["delaySeconds"] == 1.0 and retrying.data["code"] == "rate-limited"
    first, second = ran.attempts
    assert (second.started_at - first.started_at).total_seconds() >= 1.0


async def test_only_the_chosen_faults_are_retried(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/status/503", retryAttempts=3, retryOn=["rate-limited"])
    assert ran.node.state == "FAILED" and len(receiver.got) == 1


async def test_waits_double_with_jitter(drive: Drive, receiver: Receiver) -> None:
    ran = await call(
        drive, receiver.url + "/status/503", retryAttempts=3, retryDelay=40, retryBackoff="exponential"
    )
    waits = [e.data["delaySeconds"] for e in ran.of("node.retrying")]
    assert len(waits) == 3
    for number, seconds in enumerate(waits):
        assert 0.8 <= seconds / (0.04 * 2**number) <= 1.2


async def test_the_overall_limit_cuts_a_call(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/hang", deadline=120)
    receiver.released.set()
    assert (ran.node.state, ran.row.error["code"]) == ("TIMED_OUT", "deadline")


async def test_the_overall_limit_ends_retries(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/status/503", retryAttempts=100, retryDelay=60, deadline=300)
    assert ran.node.state in ("TIMED_OUT", "FAILED") and 2 <= len(receiver.got) <= 8


@pytest.mark.parametrize(("path", "output"), [("/ok", {"echo": {"n": 1}}), ("/text", "plain words")])
async def test_the_answer_is_the_output(drive: Drive, receiver: Receiver, path: str, output: Any) -> None:
    assert (await call(drive, receiver.url + path)).row.output == output


async def test_headers_are_rendered_and_cannot_be_split(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/ok", headers={"X-Number": "{{ input.n }}"})
    assert ran.node.state == "COMPLETED" and receiver.got[0].headers["x-number"] == "1"
    config = {"url": receiver.url + "/ok", "headers": {"X-Evil": "{{ input.x }}"}, **QUICK}
    ran = await drive.one("RemoteWebhook", config, {"x": "a\r\nX-Injected: 1"})
    assert ran.node.state == "FAILED" and len(receiver.got) == 1


async def test_the_request_as_sent_is_in_the_history(drive: Drive, receiver: Receiver) -> None:
    ran = await call(drive, receiver.url + "/ok", headers={"Authorization": "Bearer secret-of-mine"})
    (attempt,) = ran.attempts
    (exchange,) = attempt.exchanges
    assert exchange["request"]["url"] == receiver.url + "/ok" and exchange["response"]["status"] == 200
    assert "secret-of-mine" not in str(attempt.exchanges)
