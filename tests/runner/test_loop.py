"""No kind of node blocks the event loop (004-33): asyncio's own watchdog listens while all of them run."""

from __future__ import annotations

import asyncio
import logging

import pytest

from runner.engine import Engine
from runner.model import Scope
from runner.node import catalogue
from runner.store import Store
from tests.faults.bench import begin as started
from tests.faults.bench import drawing, mapper, until
from tests.faults.bench import run_row as state
from tests.receiver import Receiver

LIMIT = 1.0
"""Seconds. Far above what any step takes on a busy machine, far below what a blocking call, a bomb or a wait would."""


async def test_no_kind_of_node_blocks_the_loop(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    inner = await store.orchestrators.create(scope, "inner", "", drawing({"m": mapper("input", "x")}))
    graph = drawing(
        {
            "bomb": (
                "RemoteWebhook",
                {
                    "url": receiver.url + "/ok",
                    "bodyTemplate": "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
                    "onError": "continue",
                },
            ),
            "map": ("DataMapper", {"mappings": [{"from": "input.rows[*].id", "to": "ids"}]}),
            "choose": ("Condition", {"rules": [{"left": "data.ids", "operator": "isNotEmpty"}]}),
            "delay": ("Delay", {"duration": 5}),
            "flow": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ data }}"}),
            "wait": ("WaitForCallback", {"timeout": 5, "onTimeout": "continue"}),
        },
        "bomb>map",
        "map>choose",
        "choose:true>delay",
        "delay>flow",
        "flow>wait",
    )
    assert {n.type for n in graph.nodes} == set(catalogue()), "a new kind belongs into this drawing"
    loop.slow_callback_duration = LIMIT
    loop.set_debug(True)
    try:
        with caplog.at_level(logging.WARNING, logger="asyncio"):
            run_id = await started(
                store, scope, graph, {"rows": [{"id": n, "text": "x" * 100} for n in range(5000)]}
            )

            async def ended() -> bool:
                await engine.run_until_idle()
                return (await state(store, run_id)).finished_at is not None

            await until(ended, 30)
    finally:
        loop.set_debug(False)
    assert (await state(store, run_id)).state == "COMPLETED"
    slow = [
        record.message
        for record in caplog.records
        if "took" in record.message and "Executing" in record.message
    ]
    assert not slow, slow
