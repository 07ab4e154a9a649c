"""Every problem a drawing can have: its code, its node, its field, and whether it keeps the drawing from running."""

from __future__ import annotations

from typing import Any

import pytest

from runner.check import check, ports_of
from runner.model import Graph, Problem
from runner.node import catalogue
from tests.faults.bench import drawing, mapper

ID = "01890000-0000-7000-8000-000000000000"
TOKEN = {"mode": "token"}
HOOK: dict[str, Any] = {"url": "https://example.com/hook"}


def only(graph: Graph) -> Problem:
    (problem,) = check(graph)
    return problem


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("RemoteWebhook", {"provider": "n8n", "workflowId": "w1"}),
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ data | tojson }}", "headers": {"X": "{{ run.id }}"}}),
        ("LocalFlow", {"flowId": ID}),
        ("LocalFlow", {"flowId": "any", "baseURL": "https://flowise.example.com"}),
        ("DataMapper", {"mappings": [{"from": "input.a[*].b", "to": "output.c[0].d", "type": "integer"}]}),
        (
            "WaitForCallback",
            {"timeout": 1000, "onTimeout": "continue", "schema": {"type": "object"}, "auth": TOKEN},
        ),
        ("Condition", {"expression": "{{ data.total > 100 }}"}),
        (
            "Condition",
            {"rules": [{"left": "data.total", "operator": "greater", "right": 100}], "match": "any"},
        ),
        ("Delay", {"duration": 1000}),
        ("Delay", {"until": "{{ input.at }}"}),
    ],
)
def test_a_good_node_has_no_problem(kind: str, config: dict[str, Any]) -> None:
    assert check(drawing({"t": (kind, config)})) == ()


def test_every_kind_there_is_was_checked_above() -> None:
    assert set(catalogue()) == {
        "RemoteWebhook",
        "LocalFlow",
        "DataMapper",
        "WaitForCallback",
        "Condition",
        "Delay",
    }


@pytest.mark.parametrize(
    ("kind", "config", "code", "field"),
    [
        # what the model says
        ("Delay", {"duration": -1}, "config", "duration"),
        ("Delay", {"duration": "soon"}, "config", "duration"),
        ("Delay", {"duration": 1, "speed": 2}, "config", "speed"),
        ("DataMapper", {"mappings": [{"from": "a"}]}, "config", "mappings.0.to"),
        (
            "DataMapper",
            {"mappings": [{"from": "a", "to": "b", "type": "colour"}]},
            "config",
            "mappings.0.type",
        ),
        ("RemoteWebhook", HOOK | {"method": "BREW"}, "config", "method"),
        ("RemoteWebhook", HOOK | {"onError": "shrug"}, "config", "onError"),
        ("WaitForCallback", {"timeout": 0, "auth": TOKEN}, "config", "timeout"),
        ("WaitForCallback", {"auth": {"mode": "vibes"}}, "config", "auth"),
        ("WaitForCallback", {"auth": {"mode": "github"}}, "auth-secret-missing", "auth.secretId"),
        # what the kind says
        ("RemoteWebhook", {}, "missing", "workflowId"),
        ("RemoteWebhook", {"workflowId": "w"}, "missing", "provider"),
        ("LocalFlow", {}, "missing", "flowId"),
        ("LocalFlow", {"flowId": "not-one-of-ours"}, "not-an-id", "flowId"),
        ("DataMapper", {"mappings": [{"from": "a[", "to": "b"}]}, "path", "mappings.0.from"),
        ("DataMapper", {"mappings": [{"from": "a", "to": "b[x"}]}, "path", "mappings.0.to"),
        ("Condition", {}, "missing", "rules"),
        ("Condition", {"expression": "{{ 1 }}", "rules": [{"left": "data.a"}]}, "missing", "rules"),
        ("Delay", {}, "missing", "duration"),
        ("Delay", {"duration": 1, "until": "2026-01-01"}, "missing", "duration"),
        # what the templates say
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ data. }}"}, "template", "bodyTemplate"),
        ("RemoteWebhook", HOOK | {"headers": {"X-A": "{{ open"}}, "template", "headers.X-A"),
        ("Condition", {"expression": "{{ data | no_such_filter }}"}, "template", "expression"),
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ nodes.gone.output }}"}, "unknown-node", "bodyTemplate"),
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callback.url }}"}, "no-callback", "bodyTemplate"),
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callbacks.t.url }}"}, "no-callback", "bodyTemplate"),
        ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callbacks.gone.url }}"}, "no-callback", "bodyTemplate"),
    ],
)
def test_each_defect_of_a_node(kind: str, config: dict[str, Any], code: str, field: str) -> None:
    problem = only(drawing({"t": (kind, config)}))
    assert (problem.code, problem.node_id, problem.field, problem.severity) == (code, "t", field, "error")
    assert problem.detail.startswith("t: ")


def test_a_schema_that_is_none() -> None:
    problem = only(drawing({"t": ("WaitForCallback", {"schema": {"type": "colour"}, "auth": TOKEN})}))
    assert (problem.node_id, problem.field, problem.severity) == ("t", "schema", "error")


def test_a_wait_that_says_nothing_is_pointed_at_unless_a_step_hands_its_address_on() -> None:
    bare: tuple[str, dict[str, Any]] = ("WaitForCallback", {})
    chosen = ("WaitForCallback", {"auth": TOKEN})
    problem = only(drawing({"w": bare}))
    assert (problem.code, problem.field, problem.severity) == ("auth-token-alone", "auth", "warning")
    assert check(drawing({"w": chosen})) == ()
    nearest = ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callback.url }}"})
    named = ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callbacks.w2.url }}"})
    assert check(drawing({"a": nearest, "w": bare}, "a>w")) == ()
    assert [p.node_id for p in check(drawing({"a": named, "w": bare, "w2": bare}, "a>w", "w>w2"))] == ["w"]


def test_a_kind_nobody_knows_names_those_there_are() -> None:
    problem = only(drawing({"t": ("Teleport", {})}))
    assert problem.code == "unknown-kind" and "DataMapper" in problem.detail


def test_a_node_that_does_not_run_before_is_a_warning() -> None:
    reads = ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ nodes.b.output }}"})
    problem = only(drawing({"a": reads, "b": mapper()}, "a>b"))
    assert (problem.code, problem.node_id, problem.severity) == ("not-upstream", "a", "warning")
    assert check(drawing({"b": mapper(), "a": reads}, "b>a")) == ()


def test_the_callback_of_a_later_wait_is_there() -> None:
    asks = ("RemoteWebhook", HOOK | {"bodyTemplate": "{{ callback.url }} {{ callbacks.w.token }}"})
    assert check(drawing({"a": asks, "m": mapper(), "w": ("WaitForCallback", {})}, "a>m", "m>w")) == ()
    (problem,) = check(drawing({"w": ("WaitForCallback", {}), "a": asks}, "w>a"))
    assert problem.code == "no-callback"


@pytest.mark.parametrize(
    ("kind", "config", "port", "there"),
    [
        ("DataMapper", {}, "out", True),
        ("DataMapper", {}, "true", False),
        ("DataMapper", {}, "error", False),
        ("DataMapper", {"onError": "route"}, "error", True),
        ("Condition", {"expression": "{{ 1 }}"}, "true", True),
        ("Condition", {"expression": "{{ 1 }}"}, "false", True),
        ("Condition", {"expression": "{{ 1 }}"}, "out", False),
    ],
)
def test_wires_leave_by_ports_that_are_there(
    kind: str, config: dict[str, Any], port: str, there: bool
) -> None:
    found = check(drawing({"t": (kind, config), "z": mapper()}, f"t:{port}>z"))
    assert [p.code for p in found] == ([] if there else ["unknown-port"])


def test_ports_follow_the_configuration() -> None:
    graph = drawing({"t": ("Condition", {"onError": "route"})})
    assert ports_of(catalogue()["Condition"], graph.nodes[0]) == ("true", "false", "error")


def test_all_problems_are_told_at_once() -> None:
    graph = drawing(
        {"a": ("Delay", {}), "b": ("Teleport", {}), "c": mapper()}, "a>b", "b>a", "a>gone", "c:odd>a"
    )
    assert sorted(p.code for p in check(graph)) == [
        "cycle",
        "dangling-edge",
        "missing",
        "unknown-kind",
        "unknown-port",
    ]


def test_notes_and_groups_are_left_alone() -> None:
    assert check(drawing({"a": mapper(), "n": ("Note", {"text": "{{ broken"}), "g": ("Group", {})})) == ()


def test_a_drawing_of_nothing() -> None:
    assert [p.code for p in check(Graph())] == ["empty"]
