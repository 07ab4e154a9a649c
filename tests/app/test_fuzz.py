"""The API against its own description: whatever is sent, no answer is a fault of ours, and none is undocumented.

Bounded, and with the seed of the session, so that it costs seconds and repeats.
"""

from __future__ import annotations

import asyncio
import importlib
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Unsatisfiable

from runner.model import Role
from tests.factories import Site, make_run, waiting_graph

checks: Any = importlib.import_module("schemathesis.checks")
wire: Any = importlib.import_module("schemathesis.specs.openapi.checks")
CHECKS: list[Any] = [
    checks.not_a_server_error,
    wire.content_type_conformance,
    wire.negative_data_rejection,
    wire.response_headers_conformance,
    wire.response_schema_conformance,
    wire.status_code_conformance,
]
EXAMPLES = 8
STREAMS = ("streamEvents", "streamDrawing")
"""A stream of a live run, or of a drawing, does not end; test_events and test_presence have its cases."""


PARTS = 8
"""Tests that the operations are dealt out to, so that each has the time of one."""


def fuzz(url: str, document: dict[str, Any], token: str, part: int) -> int:
    """Every operation of this part with valid and invalid requests. Returns how many were sent."""
    api: Any = schemathesis.openapi.from_dict(document)
    api.config.update(base_url=url)
    refusals = api.config.checks.negative_data_rejection.expected_statuses
    api.config.checks.negative_data_rejection.expected_statuses = [
        *refusals,
        "413",
    ]  # wrong, and larger than we read
    sent = 0
    for result in list(api.get_all_operations())[part::PARTS]:
        operation = result.ok()
        if operation.definition.raw["operationId"] in STREAMS:
            continue
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                verbosity=Verbosity.quiet,
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            )
            def one(case: Any) -> None:
                nonlocal sent
                answer = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=20)
                case.validate_response(answer, checks=CHECKS)
                sent += 1

            with suppress(Unsatisfiable):  # nothing to get wrong in it
                one()
    return sent


@pytest.mark.parametrize("part", range(PARTS))
async def test_no_request_finds_a_fault(site: Site, part: int) -> None:
    await make_run(site.store, waiting_graph())
    document = (await site.client.get("/api/v1/openapi.json")).json()
    sent = await asyncio.to_thread(fuzz, site.url, document, site.tokens[Role.ADMIN], part)
    assert sent > 40
