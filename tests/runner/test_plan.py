"""What a run, a test or a retry would do: the decision alone, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from providers import discover
from runner.check import check
from runner.decision import Outcome, Source, decide_run, decide_test
from runner.errors import NotFound
from runner.graph import Wiring
from runner.model import Graph
from runner.plan import blocking, describe
from tests.factories import make_graph

START = datetime(2026, 1, 1, tzinfo=UTC)
REGISTRY = discover()


def wiring_of(graph: Graph, pins: dict[str, Any] | None = None, **configs: dict[str, Any]) -> Wiring:
    """The graph with these outputs pinned and these settings changed."""
    drawn = graph.to_json()
    nodes: Any = drawn["nodes"]
    for node in nodes:
        if pins and node["id"] in pins:
            node["data"]["pinned"] = pins[node["id"]]
        if node["id"] in configs:
            node["data"]["config"] = configs[node["id"]]
    return Wiring(Graph.model_validate(drawn))


def left(
    wiring: Wiring, name: str, *, second: int = 0, number: int = 812, port: str = "out", **more: Any
) -> Outcome:
    source = Source(run_id=UUID(int=number), number=number, at=START + timedelta(seconds=second))
    return Outcome(source, wiring, {"of": name}, port, **more)


def all_left(wiring: Wiring, *, ports: dict[str, str] | None = None, **more: Any) -> dict[str, Outcome]:
    """Every node completed in one run, in order."""
    return {
        name: left(wiring, name, second=at, port=(ports or {}).get(name, "out"), **more)
        for at, name in enumerate(wiring.order)
    }


CHAIN = make_graph("a>b>c>d")
FORK = make_graph("a>if, if:true>yes, if:false>no, yes>end, no>end", kinds={"if": "Condition"})


def test_one_node_is_given_what_stands_before_it_and_the_rest_is_no_part() -> None:
    wiring = wiring_of(CHAIN)
    decision = decide_test(wiring, "c", "node", all_left(wiring))
    assert decision.runs == ("c",) and set(decision.stands) == {"b"} and not decision.missing
    assert dict.fromkeys(decision.skipped) == dict.fromkeys(("a", "d"))
    assert set(decision.skipped.values()) == {"not part of this test"}


def test_one_node_without_an_output_before_it_names_what_is_missing() -> None:
    wiring = wiring_of(CHAIN)
    decision = decide_test(wiring, "c", "node", {})
    assert decision.missing == ("b",)
    plan = describe(wiring, decision, check(wiring.graph), REGISTRY)
    assert plan.summary == "Needs the output of b"
    assert [(p.node_id, p.code) for p in plan.problems] == [("b", "outputs-missing")]


def test_a_first_node_needs_nothing() -> None:
    wiring = wiring_of(CHAIN)
    assert decide_test(wiring, "a", "node", {}).missing == ()


def test_one_node_is_given_what_its_settings_name_too() -> None:
    mappings = {"mappings": [{"from": "nodes.a.output.x", "to": "y"}]}
    wiring = wiring_of(CHAIN, c=mappings)
    assert set(decide_test(wiring, "c", "node", all_left(wiring)).stands) == {"a", "b"}
    assert decide_test(wiring, "c", "node", {"b": left(wiring, "b")}).missing == ("a",)


def test_a_pin_comes_before_an_outcome_and_null_can_be_pinned() -> None:
    wiring = wiring_of(CHAIN, {"b": None})
    stands = decide_test(wiring, "c", "node", all_left(wiring)).stands["b"]
    assert stands.source is None and stands.output is None and stands.port == "out"


def test_up_to_a_node_reuses_what_is_unchanged() -> None:
    wiring = wiring_of(CHAIN)
    decision = decide_test(wiring, "d", "upTo", all_left(wiring))
    assert decision.runs == ("d",) and set(decision.stands) == {"c"}


def test_up_to_a_node_runs_what_changed_and_all_after_it() -> None:
    before = all_left(wiring_of(CHAIN))
    changed = wiring_of(CHAIN, b={"mappings": [{"from": "input", "to": "x"}]})
    decision = decide_test(changed, "d", "upTo", before)
    assert decision.runs == ("b", "c", "d") and set(decision.stands) == {"a"}


def test_up_to_a_node_runs_what_was_wired_anew() -> None:
    before = all_left(wiring_of(make_graph("a>c, b>d, c>d")))
    wiring = wiring_of(make_graph("a>c, b>c, c>d"))
    assert decide_test(wiring, "d", "upTo", before).runs == ("c", "d")


def test_up_to_a_node_runs_what_is_older_than_its_input() -> None:
    wiring = wiring_of(CHAIN)
    outcomes = all_left(wiring) | {"a": left(wiring, "a", second=99, number=900)}
    decision = decide_test(wiring, "d", "upTo", outcomes)
    assert decision.runs == ("b", "c", "d")


def test_up_to_a_node_runs_all_when_the_inputs_are_others() -> None:
    wiring = wiring_of(CHAIN)
    assert decide_test(wiring, "d", "upTo", all_left(wiring, same_inputs=False)).runs == wiring.order


def test_a_new_pin_makes_what_follows_run_again_until_a_test_has_used_it() -> None:
    before, pinned = wiring_of(CHAIN), wiring_of(CHAIN, {"a": {"x": 1}})
    assert decide_test(pinned, "d", "upTo", all_left(before)).runs == ("b", "c", "d")
    # A real run of the very revision with the pin did not use it.
    assert decide_test(pinned, "d", "upTo", all_left(pinned)).runs == ("b", "c", "d")
    assert decide_test(pinned, "d", "upTo", all_left(pinned, test=True)).runs == ("d",)
    # And without the pin, what a test made of it counts no more.
    assert decide_test(before, "d", "upTo", all_left(pinned, test=True)).runs == ("b", "c", "d")


def test_nothing_before_a_pin_is_needed() -> None:
    wiring = wiring_of(CHAIN, {"c": 1})
    decision = decide_test(wiring, "d", "upTo", {})
    assert decision.runs == ("d",) and set(decision.skipped) == {"a", "b"}


def test_a_condition_keeps_its_way_and_the_other_is_skipped() -> None:
    wiring = wiring_of(FORK)
    outcomes = all_left(wiring, ports={"if": "true"})
    del outcomes["no"]
    decision = decide_test(wiring, "end", "upTo", outcomes)
    assert decision.runs == ("end",) and set(decision.stands) == {"yes"}
    assert decision.skipped["no"] == "no live wire leads to it"
    alone = decide_test(wiring, "end", "node", outcomes)
    assert not alone.missing and set(alone.stands) == {"yes"}


def test_an_old_output_on_the_way_not_taken_is_not_used() -> None:
    wiring = wiring_of(FORK)
    decision = decide_test(wiring, "end", "node", all_left(wiring, ports={"if": "false"}))
    assert set(decision.stands) == {"no"}


def test_a_node_on_the_way_not_taken_can_still_be_tested_alone() -> None:
    wiring = wiring_of(FORK)
    decision = decide_test(wiring, "no", "node", all_left(wiring, ports={"if": "true"}))
    assert decision.runs == ("no",) and decision.stands["if"].port == "false"


def test_a_pinned_condition_leaves_by_its_last_way_or_by_its_first() -> None:
    wiring = wiring_of(FORK, {"if": {"x": 1}})
    first = decide_test(wiring, "end", "upTo", {})
    assert first.stands["if"].port == "true" and first.skipped["no"] == "no live wire leads to it"
    last = decide_test(wiring, "end", "upTo", all_left(wiring, ports={"if": "false"}))
    assert last.stands["if"].port == "false" and last.skipped["yes"] == "no live wire leads to it"


def test_a_node_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        decide_test(wiring_of(CHAIN), "x", "node", {})


def test_a_real_run_runs_every_node_whatever_is_pinned() -> None:
    wiring = wiring_of(CHAIN, {"b": 1})
    decision = decide_run(wiring)
    assert decision.runs == ("a", "b", "c", "d") and not decision.stands and not decision.skipped


def test_only_errors_of_what_runs_are_in_the_way() -> None:
    wiring = wiring_of(CHAIN, d={"nonsense": 1}, a={"nonsense": 1})
    problems = check(wiring.graph)
    assert {p.node_id for p in problems} == {"a", "d"}
    assert blocking(decide_test(wiring, "c", "node", all_left(wiring)), problems) == ()
    assert {p.node_id for p in blocking(decide_run(wiring), problems)} == {"a", "d"}


@pytest.mark.parametrize(
    ("config", "effect", "detail"),
    [
        (
            {"provider": "n8n", "workflowId": "1"},
            "unsafe",
            "will call n8n · w; starting it twice starts it twice",
        ),
        (
            {"provider": "n8n", "workflowId": "1", "idempotent": True},
            "idempotent",
            "will call n8n · w; starting it twice does no harm",
        ),
        (
            {"provider": "airflow", "workflowId": "1"},
            "idempotent",
            "will call Apache Airflow · w; starting it twice does no harm",
        ),
        ({"url": "http://x", "method": "GET"}, "read", "will call the webhook (GET) · w; it only reads"),
        (
            {"url": "http://x", "method": "PUT"},
            "idempotent",
            "will call the webhook (PUT) · w; starting it twice does no harm",
        ),
        (
            {"url": "http://x"},
            "unsafe",
            "will call the webhook (POST) · w; starting it twice starts it twice",
        ),
    ],
)
def test_a_plan_says_what_a_call_does(config: dict[str, Any], effect: str, detail: str) -> None:
    wiring = Wiring(make_graph("w", type="RemoteWebhook", w=config))
    (step,) = describe(wiring, decide_run(wiring), (), REGISTRY).steps
    assert (step.action, step.effect, step.detail) == ("call", effect, detail)


def test_a_plan_is_one_sentence() -> None:
    graph = make_graph("a>b>c>w", kinds={"w": "RemoteWebhook"}, w={"url": "http://x"})
    wiring = wiring_of(graph, {"c": 1})
    decision = decide_test(wiring, "w", "upTo", {})
    assert describe(wiring, decision, (), REGISTRY).summary == "Will use 1 pin and call w"
    reuse = decide_test(wiring_of(graph), "w", "upTo", all_left(wiring_of(graph)))
    plan = describe(wiring_of(graph), reuse, (), REGISTRY)
    assert plan.summary == "Will reuse 1 output from run 812 and call w"
    assert [s.action for s in plan.steps] == ["skip", "skip", "reuse", "call"]
    assert plan.model_dump(by_alias=True, mode="json")["steps"][2]["from"]["number"] == 812
    assert describe(wiring, decide_run(wiring), (), REGISTRY).summary == "Will run 3 steps here and call w"
