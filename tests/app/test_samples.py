"""Samples, previews of templates and of mappings over HTTP: what a person who draws sees before anything runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import event

from runner.model import Graph
from tests.app.test_runs import ended, saved
from tests.factories import Site, make_graph

BASE = "/api/v1/orchestrator"
CHAIN = make_graph(
    "order>send",
    order={
        "mappings": [
            {"from": "input.total", "to": "order.total"},
            {"from": "input.lines", "to": "order.lines"},
        ]
    },
)


async def sample(site: Site, flow: str, node: str, definition: Any = None) -> dict[str, Any]:
    body = {"nodeId": node} | ({} if definition is None else {"definition": definition})
    answer = await site.client.post(f"{BASE}/{flow}/sample", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def run(site: Site, flow: str, inputs: dict[str, Any]) -> dict[str, Any]:
    started = await site.client.post(f"{BASE}/{flow}/run", json={"inputs": inputs})
    assert started.status_code == 202, started.text
    return await ended(site, started.json()["id"])


async def render(site: Site, value: Any, context: dict[str, Any]) -> dict[str, Any]:
    answer = await site.client.post(f"{BASE}/render", json={"value": value, "context": context})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def mapped(site: Site, mappings: list[Any], context: dict[str, Any]) -> dict[str, Any]:
    answer = await site.client.post(f"{BASE}/map", json={"mappings": mappings, "context": context})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_before_the_first_run_a_sample_says_what_is_missing(site: Site) -> None:
    flow = await saved(site, CHAIN)
    found = await sample(site, flow, "send")
    assert found["missing"] == ["order"] and found["from"] is None and found["last"] is None
    assert found["context"]["input"] == {} and found["context"]["nodes"] == {}
    assert found["context"]["data"] == {} and found["sources"] == {} and found["shortened"] is False


async def test_a_sample_is_what_the_node_was_given(live: Site) -> None:
    flow = await saved(live, CHAIN)
    run_ = await run(live, flow, {"total": 7, "lines": [1, 2]})
    found = await sample(live, flow, "send")
    given = {"order": {"total": 7, "lines": [1, 2]}}
    assert found["context"]["data"] == given
    assert found["context"]["nodes"] == {"order": {"output": given}}
    assert found["context"]["input"] == {"total": 7, "lines": [1, 2]}
    assert found["context"]["run"] == {"id": run_["id"], "orchestratorId": flow, "labels": {}}
    assert found["from"]["number"] == run_["number"] and found["missing"] == []
    assert found["sources"]["order"]["run"]["runId"] == run_["id"]
    assert found["last"]["status"] == "COMPLETED" and found["last"]["output"] == {}
    first = await sample(live, flow, "order")
    assert first["context"]["data"] == {"total": 7, "lines": [1, 2]} and first["last"]["output"] == given


async def test_a_pin_goes_before_what_ran_and_an_unsaved_drawing_is_taken(live: Site) -> None:
    flow = await saved(live, CHAIN)
    await run(live, flow, {"total": 7})
    drawing: Any = CHAIN.to_json()
    drawing["nodes"][0]["data"]["pinned"] = {"order": {"total": 99}}
    found = await sample(live, flow, "send", drawing)
    assert found["context"]["data"] == {"order": {"total": 99}}
    assert found["sources"] == {"order": {"kind": "pinned", "run": None}}
    drawing["nodes"][0]["data"]["pinned"] = None
    assert (await sample(live, flow, "send", drawing))["context"]["data"] is None
    assert (await sample(live, flow, "send"))["context"]["data"] == {"order": {"total": 7, "lines": None}}


async def test_the_source_of_a_sample_can_be_chosen(live: Site) -> None:
    drawing: Any = CHAIN.to_json()
    outputs = {
        "type": "object",
        "properties": {"order": {"type": "object", "properties": {"total": {"type": "number"}}}},
    }
    drawing["nodes"][0]["data"] |= {"pinned": {"order": {"total": 99}}, "imported": {"outputs": outputs}}
    drawing |= {
        "inputSchema": {"type": "object", "properties": {"total": {"type": "integer", "examples": [5]}}},
        "examples": [{"name": "Small", "inputs": {"total": 1}}, {"name": "Large", "inputs": {"total": 1000}}],
    }
    flow = await saved(live, Graph.model_validate(drawing))
    assert (await live.client.get(f"{BASE}/{flow}")).json()["definition"]["examples"] == drawing["examples"]
    run_ = await run(live, flow, {"total": 7})

    async def of(node: str, **wanted: str) -> dict[str, Any]:
        answer = await live.client.post(f"{BASE}/{flow}/sample", json={"nodeId": node, **wanted})
        assert answer.status_code == 200, answer.text
        return answer.json()

    ran = await of("send", source="run")
    assert ran["context"]["data"] == {"order": {"total": 7, "lines": None}}
    assert ran["sources"]["order"]["kind"] == "run" and ran["from"]["runId"] == run_["id"]
    pinned = await of("send", source="pinned")
    assert pinned["context"]["data"] == {"order": {"total": 99}} == (await of("send"))["context"]["data"]
    described = await of("send", source="schema")
    assert described["context"]["data"] == {"order": {"total": 0}} and described["context"]["input"] == {
        "total": 5
    }
    assert described["sources"] == {"order": {"kind": "schema", "run": None}} and described["from"] is None
    assert (await of("order", source="example"))["context"]["data"] == {"total": 1}
    large = await of("order", source="example", example="Large")
    assert (large["context"]["data"], large["example"], large["from"]) == ({"total": 1000}, "Large", None)
    gone = await of("order", source="example", example="Gone")
    assert gone["example"] is None and gone["from"]["runId"] == run_["id"]
    wrong = await live.client.post(f"{BASE}/{flow}/sample", json={"nodeId": "send", "source": "magic"})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["pointer"] == "/source"


async def test_what_the_chosen_source_lacks_is_missing(live: Site) -> None:
    flow = await saved(live, CHAIN)
    await run(live, flow, {"total": 7})
    for source in ("pinned", "schema"):
        body = {"nodeId": "send", "source": source}
        found = (await live.client.post(f"{BASE}/{flow}/sample", json=body)).json()
        assert found["missing"] == ["order"] and found["sources"] == {}


async def test_the_newest_outcome_of_each_node_counts_and_the_branch_that_was_taken(live: Site) -> None:
    graph = make_graph(
        "pick:true>yes, pick:false>no, yes>end, no>end",
        kinds={"pick": "Condition"},
        pick={"rules": [{"left": "input.go", "operator": "isTrue"}]},
        yes={"mappings": [{"from": "input.go", "to": "yes"}]},
        no={"mappings": [{"from": "input.go", "to": "no"}]},
    )
    flow = await saved(live, graph)
    await run(live, flow, {"go": False})
    assert (await sample(live, flow, "end"))["context"]["data"] == {"no": False}
    newest = await run(live, flow, {"go": True})
    found = await sample(live, flow, "end")
    assert found["context"]["data"] == {"yes": True}
    assert set(found["context"]["nodes"]) == {"pick", "yes", "no"}
    assert (
        found["sources"]["yes"]["run"]["number"] == newest["number"] > found["sources"]["no"]["run"]["number"]
    )


async def test_a_failed_node_says_why_and_feeds_its_error_wire(live: Site) -> None:
    graph = make_graph(
        "bad:error>after",
        bad={"mappings": [{"from": "input.x", "to": "n", "type": "number"}], "onError": "route"},
    )
    flow = await saved(live, graph)
    await run(live, flow, {"x": "none"})
    own = (await sample(live, flow, "bad"))["last"]
    assert own["status"] == "FAILED" and own["error"]["code"] == "mapping"
    assert "error" in (await sample(live, flow, "after"))["context"]["data"]


async def test_callbacks_are_placeholders(live: Site) -> None:
    flow = await saved(live, make_graph("send>wait", kinds={"wait": "WaitForCallback"}))
    await live.client.post(f"{BASE}/{flow}/run", json={})
    context = (await sample(live, flow, "send"))["context"]
    assert context["callback"] == {"token": "(token)", "url": "https://…/callback/…"}
    assert context["callbacks"] == {"wait": context["callback"]}


async def test_what_is_large_is_shortened_and_says_so(live: Site) -> None:
    flow = await saved(live, CHAIN)
    await run(live, flow, {"total": 1, "lines": ["x" * 1000] * 700})
    found = await sample(live, flow, "send")
    assert found["shortened"] is True
    assert 0 < len(found["context"]["data"]["order"]["lines"]) <= 100


async def test_a_sample_takes_as_many_queries_for_many_nodes_as_for_few(live: Site) -> None:
    counts: list[int] = []
    for size in (2, 12):
        names = [f"n{at}" for at in range(size)]
        flow = await saved(live, make_graph(">".join(names)))
        await run(live, flow, {})
        engine = live.store.database.engines[1].sync_engine
        scope = await live.store.access.scope("test")
        seen: list[str] = []

        def note(*args: Any, seen: list[str] = seen) -> None:
            seen.append(args[2])

        event.listen(engine, "before_cursor_execute", note)
        await live.store.samples.recent(scope, UUID(flow), names[-1], names[:-1], ())
        event.remove(engine, "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts == [2, 2]


async def test_nothing_is_found_that_is_not_there(site: Site) -> None:
    flow = await saved(site, CHAIN)
    assert (await site.client.post(f"{BASE}/{flow}/sample", json={"nodeId": "other"})).status_code == 404
    unknown = await site.client.post(f"{BASE}/{uuid4()}/sample", json={"nodeId": "send"})
    assert unknown.status_code == 404
    cyclic = Graph.model_validate(
        {
            **CHAIN.to_json(),
            "edges": [{"source": "order", "target": "send"}, {"source": "send", "target": "order"}],
        }
    )
    assert (await sample(site, flow, "send", cyclic.to_json()))["missing"] == ["order"]


async def test_templates_keep_types_and_every_problem_is_told(site: Site) -> None:
    context = {"data": {"total": 7, "lines": [1, 2]}}
    value = {
        "a": "{{ data.total }}",
        "b": "{{ data.lines | sum }} of {{ data.total }}",
        "c": ["{{ data.nothing }}", "plain"],
        "d": "one\n{{ data.total + }}",
    }
    found = await render(site, value, context)
    assert found["value"] == {"a": 7, "b": "3 of 7", "c": [None, "plain"], "d": None}
    undefined, broken = found["problems"]
    assert undefined["pointer"] == "/c/0" and undefined["undefined"] is True
    assert broken["pointer"] == "/d" and broken["undefined"] is False and broken["line"] == 2


async def test_a_preview_is_bounded(site: Site) -> None:
    many = await render(site, ["{{ data }}"] * 101, {"data": "x" * 20_000})
    assert len(many["problems"]) > 1 and len(str(many["value"])) < 1_100_000
    loop = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}"
    slow = await render(site, loop, {})
    assert slow["value"] is None and slow["problems"]
    assert (
        await site.client.post(f"{BASE}/render", json={"value": "x" * 2**20, "context": {}})
    ).status_code == 413


async def test_mappings_give_values_row_by_row(site: Site) -> None:
    context = {"data": {"total": "7", "odd": "seven", "lines": [{"id": 1}, {"id": 2}]}}
    found = await mapped(
        site,
        [
            {"from": "data.total", "to": "order.total", "type": "integer"},
            {"from": "data.lines[*].id", "to": "output.ids"},
            {"from": "data.odd", "to": "order.odd", "type": "number"},
            {"from": "data.gone", "to": "order.gone"},
            {"from": "data.gone", "to": "order.there", "default": 0},
            {"from": "data.total", "to": "order.total.deep"},
            {"from": "data.total", "to": ""},
        ],
        context,
    )
    assert found["output"] == {"order": {"total": 7, "gone": None, "there": 0}, "ids": [1, 2]}
    assert [row["value"] for row in found["rows"]] == [7, [1, 2], None, None, 0, None, None]
    assert [row["missing"] for row in found["rows"]] == [False, False, False, True, True, False, False]
    assert [(each["row"], each["severity"]) for each in found["warnings"]] == [
        (2, "error"),
        (3, "warning"),
        (5, "error"),
        (6, "error"),
    ]


async def test_a_mapping_that_would_grow_without_end_is_refused(site: Site) -> None:
    many: dict[str, Any] = {"data": [1] * 5000}
    found = await mapped(site, [{"from": "data", "to": "a[*][9999]"}], many)
    assert found["output"] == {} and found["warnings"][0]["severity"] == "error"
    big: dict[str, Any] = {"data": "x" * 500_000}
    found = await mapped(site, [{"from": "data", "to": f"a{at}"} for at in range(10)], big)
    assert found["output"] == {} and found["warnings"][-1]["message"] == "the preview ends here"
