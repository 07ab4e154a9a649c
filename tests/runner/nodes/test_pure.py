"""DataMapper, Condition, Delay and WaitForCallback, run for real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runner.model import NodeState
from tests.faults.bench import drawing, mapper, node_rows, token_of
from tests.runner.nodes.drive import Drive


def mapping(*pairs: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"mappings": [{"from": a, "to": b, **more} for a, b in pairs]}


# ------------------------------------------------------------------------------------------------ DataMapper


async def test_paths_arrays_defaults_and_types(drive: Drive) -> None:
    config = {
        "mappings": [
            {"from": "input.user.name", "to": "output.fullName"},
            {"from": "input.items[*].id", "to": "ids"},
            {"from": "input.items[0].id", "to": "first.id", "type": "string"},
            {"from": "input.none", "to": "kept", "default": {"a": 1}},
            {"from": "input.total", "to": "total", "type": "number"},
        ]
    }
    inputs = {"user": {"name": "Ada"}, "items": [{"id": 7}, {"id": 8}], "total": "12.5"}
    ran = await drive.one("DataMapper", config, inputs)
    assert ran.row.output == {
        "fullName": "Ada",
        "ids": [7, 8],
        "first": {"id": "7"},
        "kept": {"a": 1},
        "total": 12.5,
    }
    assert not [e for e in ran.events if e.level == "warning"]


async def test_a_missing_source_is_null_and_a_warning(drive: Drive) -> None:
    ran = await drive.one("DataMapper", mapping(("input.gone", "x")), {})
    assert ran.row.output == {"x": None}
    (warning,) = [e for e in ran.events if e.level == "warning"]
    assert "input.gone" in warning.message and warning.node_id == "t"


async def test_a_value_that_cannot_be_converted_fails_and_names_the_mapping(drive: Drive) -> None:
    ran = await drive.one("DataMapper", mapping(("input.x", "y"), type="number"), {"x": "many"})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "mapping")
    assert "input.x → y" in ran.row.error["message"]


async def test_braces_inside_data_come_out_unchanged(drive: Drive) -> None:
    ran = await drive.one("DataMapper", mapping(("input.x", "x")), {"x": "{{ input.secret }}", "secret": 1})
    assert ran.row.output == {"x": "{{ input.secret }}"}


# ------------------------------------------------------------------------------------------------ Condition


@pytest.mark.parametrize(
    ("config", "inputs", "port", "words"),
    [
        (
            {"rules": [{"left": "input.n", "operator": "greater", "right": 5}]},
            {"n": 7},
            "true",
            ["input.n", "7", "5"],
        ),
        (
            {"rules": [{"left": "input.n", "operator": "greater", "right": 5}]},
            {"n": 3},
            "false",
            ["input.n", "3"],
        ),
        (
            {"match": "any", "rules": [{"left": "input.a", "right": 1}, {"left": "input.b", "right": 2}]},
            {"a": 0, "b": 2},
            "true",
            ["Rule 2", "input.b"],
        ),
        (
            {"rules": [{"left": "input.a", "right": 1}, {"left": "input.b", "right": 2}]},
            {"a": 1, "b": 3},
            "false",
            ["Rule 2", "input.b", "3"],
        ),
        ({"rules": [{"left": "input.gone", "operator": "exists"}]}, {}, "false", ["is missing"]),
        ({"expression": "{{ input.n > 100 }}"}, {"n": 150}, "true", ["{{ input.n > 100 }}", "True"]),
        ({"expression": "{{ input.word }}"}, {"word": "no"}, "false", ["no"]),
    ],
)
async def test_the_history_says_which_rule_decided(
    drive: Drive, config: dict[str, Any], inputs: dict[str, Any], port: str, words: list[str]
) -> None:
    ran = await drive.one("Condition", config, inputs)
    assert (ran.node.port, ran.row.output) == (port, inputs)
    (told,) = [line for line in ran.lines if line.startswith(f"{port}: ")]
    assert all(word in told for word in words), told


async def test_what_has_no_order_fails_and_names_the_rule(drive: Drive) -> None:
    config = {"rules": [{"left": "input.x", "operator": "greater", "right": 5}]}
    ran = await drive.one("Condition", config, {"x": [1]})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "rule")
    assert ran.row.error["message"].startswith("rule 1:")


# ------------------------------------------------------------------------------------------------ Delay


async def test_a_delay_ends_not_early_and_passes_its_data_on(drive: Drive) -> None:
    ran = await drive.one("Delay", {"duration": 120}, {"x": 1})
    assert ran.row.output == {"x": 1}
    assert (ran.node.finished_at - ran.node.started_at) >= timedelta(milliseconds=120)


async def test_a_delay_until_a_moment_from_a_template(drive: Drive) -> None:
    moment = datetime.now(UTC) + timedelta(milliseconds=400)
    ran = await drive.one("Delay", {"until": "{{ input.at }}"}, {"at": moment.isoformat()})
    assert ran.row.state == "COMPLETED" and ran.node.finished_at >= moment


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2020-01-01"])
async def test_a_moment_in_the_past_waits_no_longer(drive: Drive, moment: str) -> None:
    assert (await drive.one("Delay", {"until": moment}, {})).row.state == "COMPLETED"


async def test_no_moment_is_a_clear_failure(drive: Drive) -> None:
    ran = await drive.one("Delay", {"until": "{{ input.at }}"}, {"at": "soon"})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "bad-moment")


# ------------------------------------------------------------------------------------------------ WaitForCallback


async def test_nobody_called_and_the_run_goes_on(drive: Drive) -> None:
    graph = drawing(
        {"t": ("WaitForCallback", {"timeout": 50, "onTimeout": "continue"}), "z": mapper("input.n")}, "t>z"
    )
    ran = await drive.graph(graph, {"n": 4})
    assert (ran.node.state, ran.row.output) == (NodeState.COMPLETED, {"end": 4})


async def test_a_body_against_the_schema_leaves_the_wait_open(drive: Drive) -> None:
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    run_id = await drive.start(drawing({"t": ("WaitForCallback", {"schema": schema})}))
    await drive.engine.run_until_idle()
    token = await token_of(drive.store, drive.scope, run_id, "t")
    verdict = await drive.store.waits.signal(run_id, token, {"id": "seven"})
    assert verdict.kind == "invalid" and [p.pointer for p in verdict.problems] == ["/id"]
    await drive.engine.run_until_idle()
    assert (await node_rows(drive.store, run_id))["t"].work == "parked"
    assert (await drive.store.waits.signal(run_id, token, {"id": 7})).kind == "accepted"
    assert (await drive.end(run_id)).row.output == {"id": 7}


# ------------------------------------------------------------------------------------------------ every kind


async def test_a_disabled_node_hands_its_data_on(drive: Drive) -> None:
    graph = drawing(
        {"a": mapper("input.n"), "t": ("Delay", {"duration": 60_000}), "z": mapper("data.end")}, "a>t", "t>z"
    )
    off = [
        n.model_copy(update={"data": n.data.model_copy(update={"disabled": n.id == "t"})})
        for n in graph.nodes
    ]
    ran = await drive.graph(graph.model_copy(update={"nodes": tuple(off)}), {"n": 3})
    assert ran.row.output == {"end": 3}


async def test_an_output_over_the_limit_fails_its_node(drive: Drive) -> None:
    config = mapping(*((f"input.x{i}", f"x{i}") for i in range(1)))
    ran = await drive.one("DataMapper", config, {"x0": "y" * (5 * 1024 * 1024 + 1)})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "output-too-large")
