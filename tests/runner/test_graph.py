"""The pure core: whatever the drawing and whatever the order of outcomes, the same nodes run, once, and none is left over."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import GraphError
from runner.graph import Step, Wiring, advance, analyse, order, run_state, structure
from runner.model import Edge, Graph, NodeFacts, NodeSpec, NodeState, RunState

PENDING, QUEUED, SKIPPED = NodeState.PENDING, NodeState.QUEUED, NodeState.SKIPPED
COMPLETED = NodeState.COMPLETED
PORTS = ("out", "true", "false", "error")
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def graph_of(*wires: str, joins: dict[str, str] | None = None, alone: tuple[str, ...] = ()) -> Graph:
    """`wires` are "a>b" or "a:port>b"; nodes appear in the order they are named."""
    names: dict[str, None] = {}
    edges: list[Edge] = []
    for number, wire in enumerate(wires):
        source, _, target = wire.partition(">")
        source, _, port = source.partition(":")
        names |= {source: None, target: None}
        edges.append(Edge(id=f"e{number}", source=source, target=target, source_handle=port or None))
    names |= dict.fromkeys(alone)
    return Graph(nodes=tuple(node(n, (joins or {}).get(n)) for n in names), edges=tuple(edges))


def node(name: str, join: str | None = None, kind: str = "DataMapper") -> NodeSpec:
    config: dict[str, Any] = {"join": join} if join else {}
    return NodeSpec.model_validate({"id": name, "type": kind, "data": {"label": name, "config": config}})


@st.composite
def drawings(draw: st.DrawFn, joins: tuple[str, ...] = ("any", "all", "first")) -> Graph:
    """Graphs without cycles, their nodes shuffled, with parallel wires, branches and every kind of join."""
    size = draw(st.integers(1, 9))
    names = [f"n{i}" for i in range(size)]
    edges: list[Edge] = []
    for target in range(1, size):
        for source in draw(st.lists(st.integers(0, target - 1), max_size=4)):
            port = draw(st.sampled_from(PORTS))
            edges.append(
                Edge(id=f"e{len(edges)}", source=names[source], target=names[target], source_handle=port)
            )
    nodes = [node(n, draw(st.sampled_from(joins))) for n in names]
    return Graph(nodes=tuple(draw(st.permutations(nodes))), edges=tuple(edges))


@st.composite
def outcomes(draw: st.DrawFn) -> dict[str, NodeFacts]:
    """How each node will end, should it run: the port it leaves by, or none."""
    ends = st.sampled_from(
        [NodeFacts(COMPLETED, port) for port in PORTS]
        + [NodeFacts(NodeState.FAILED, "error"), NodeFacts(NodeState.TIMED_OUT, "out")]
    )
    return {f"n{i}": draw(ends) for i in range(9)}


@dataclass
class Play:
    """One run of a drawing: settles started nodes in an order of its own choosing, and notes what started when."""

    wiring: Wiring
    ends: dict[str, NodeFacts]
    chance: random.Random
    facts: dict[str, NodeFacts] = field(default_factory=dict[str, NodeFacts])
    started: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])

    def apply(self, step: Step) -> None:
        for name in step.skipped:
            self.skipped.append(name)
            self.facts[name] = NodeFacts(SKIPPED)
        for name in step.ready:
            self._check_ready(name)
            self.started.append(name)
            self.facts[name] = NodeFacts(QUEUED)

    def go(self) -> dict[str, NodeFacts]:
        self.apply(advance(self.wiring, self.facts))
        while open_ := sorted(n for n, f in self.facts.items() if f.state is QUEUED):
            name = self.chance.choice(open_)
            self.facts[name] = self.ends[name]
            step = advance(self.wiring, self.facts)
            self.apply(step)
            assert advance(self.wiring, self.facts) == Step((), ()), "a second pass decides nothing new"
        return self.facts

    def _check_ready(self, name: str) -> None:
        """The rule of `advance`, said anew in the plainest way."""
        wires = [(self.facts.get(e.source, NodeFacts(PENDING)), e.port) for e in self.wiring.into[name]]
        decided = [fact.state.final for fact, _ in wires]
        live = [fact.state.final and fact.port == port for fact, port in wires]
        match self.wiring.nodes[name].join:
            case "any":
                assert not wires or (all(decided) and any(live))
            case "all":
                assert all(live)
            case "first":
                assert not wires or any(live)


@quick
@given(drawings(("any", "all")), outcomes(), st.integers(), st.integers())
def test_any_order_of_settlements_ends_the_same(
    graph: Graph, ends: dict[str, NodeFacts], one: int, other: int
) -> None:
    wiring = Wiring(graph)
    first = Play(wiring, ends, random.Random(one))
    second = Play(wiring, ends, random.Random(other))
    assert first.go() == second.go()
    assert sorted(first.started) == sorted(second.started)


@quick
@given(drawings(), outcomes(), st.integers())
def test_every_node_is_decided_once(graph: Graph, ends: dict[str, NodeFacts], seed: int) -> None:
    """With every kind of join: none pending at the end, none started twice, none both started and skipped."""
    play = Play(Wiring(graph), ends, random.Random(seed))
    facts = play.go()
    assert all(facts[n.id].state.final for n in graph.nodes)
    assert sorted(play.started + play.skipped) == sorted(n.id for n in graph.nodes)
    assert run_state(facts.values()) is RunState.COMPLETED


@quick
@given(drawings(), outcomes(), st.integers(), st.integers(0, 8))
def test_first_joins_may_differ_in_when_but_not_in_whether(
    graph: Graph, ends: dict[str, NodeFacts], seed: int, other: int
) -> None:
    """Whether a node runs does not depend on the order, even where the moment does: its wires decide, and they are facts."""
    wiring = Wiring(graph)
    assert set(Play(wiring, ends, random.Random(seed)).go().items()) == set(
        Play(wiring, ends, random.Random(other)).go().items()
    )


@quick
@given(drawings(), outcomes(), st.integers())
def test_recovery_is_calling_it_again(graph: Graph, ends: dict[str, NodeFacts], seed: int) -> None:
    """A worker that dies before it applies a step loses nothing: the same facts give the same step."""
    wiring = Wiring(graph)
    play = Play(wiring, ends, random.Random(seed))
    play.apply(advance(wiring, {}))
    while open_ := sorted(n for n, f in play.facts.items() if f.state is QUEUED):
        play.facts[open_[0]] = ends[open_[0]]
        step = advance(wiring, dict(play.facts))
        assert step == advance(Wiring(graph), dict(reversed(play.facts.items())))
        play.apply(step)


@quick
@given(drawings())
def test_the_order_is_topological_and_whole(graph: Graph) -> None:
    found = order(graph)
    assert sorted(found) == sorted(n.id for n in graph.nodes)
    place = {name: i for i, name in enumerate(found)}
    assert all(place[e.source] < place[e.target] for e in graph.edges)


@quick
@given(drawings())
def test_upstream_and_downstream_mirror_each_other(graph: Graph) -> None:
    wiring = Wiring(graph)
    for name in wiring.nodes:
        assert name not in wiring.upstream(name)
        assert all(name in wiring.upstream(other) for other in wiring.downstream(name))
        assert all(name in wiring.downstream(other) for other in wiring.upstream(name))
        assert set(wiring.predecessors(name)) <= wiring.upstream(name)


@quick
@given(drawings(), st.data())
def test_closing_a_loop_is_always_found_and_named(graph: Graph, data: st.DataObject) -> None:
    wiring = Wiring(graph)
    near = [(name, other) for name in wiring.nodes for other in sorted(wiring.downstream(name))]
    if not near:
        return
    start, end = data.draw(st.sampled_from(near))
    looped = graph.model_copy(update={"edges": (*graph.edges, Edge(id="back", source=end, target=start))})
    with pytest.raises(GraphError) as caught:
        order(looped)
    (problem,) = [p for p in caught.value.problems if p.code == "cycle"]
    names = problem.detail.split(": ")[1].split(" → ")
    wires = {(e.source, e.target) for e in looped.edges}
    assert names[0] == names[-1] == problem.node_id
    assert all(pair in wires for pair in pairwise(names))


# ------------------------------------------------------------------------------------------------ scenarios


def done(*names: str, port: str = "out") -> dict[str, NodeFacts]:
    return {n: NodeFacts(COMPLETED, port) for n in names}


def test_a_diamond_meets_again() -> None:
    wiring = Wiring(graph_of("a>b", "a>c", "b>d", "c>d"))
    assert advance(wiring, {}) == Step(("a",), ())
    assert advance(wiring, done("a")) == Step(("b", "c"), ())
    assert advance(wiring, done("a", "b") | {"c": NodeFacts(QUEUED)}) == Step((), ())
    assert advance(wiring, done("a", "b", "c")) == Step(("d",), ())


def test_a_join_waits_for_its_longer_way() -> None:
    """A → A' → C and B → C: the naive wave would start C when B is done, before A'."""
    wiring = Wiring(graph_of("A>A2", "A2>C", "B>C"))
    assert advance(wiring, {}) == Step(("A", "B"), ())
    assert advance(wiring, done("B") | {"A": NodeFacts(QUEUED)}) == Step((), ())
    assert advance(wiring, done("A", "B")) == Step(("A2",), ())
    assert advance(wiring, done("A", "A2", "B")) == Step(("C",), ())


def test_a_skip_flows_on_in_the_same_pass_and_stops_at_a_live_wire() -> None:
    wiring = Wiring(graph_of("if:true>yes", "if:false>no", "no>more", "more>last", "yes>end", "last>end"))
    assert advance(wiring, done("if", port="true")) == Step(("yes",), ("no", "more", "last"))
    facts = done("if", port="true") | {n: NodeFacts(SKIPPED) for n in ("no", "more", "last")} | done("yes")
    assert advance(wiring, facts) == Step(("end",), ())


def test_a_port_nobody_wired_skips_all_that_follows() -> None:
    wiring = Wiring(graph_of("a>b", "b>c"))
    assert advance(wiring, done("a", port="error")) == Step((), ("b", "c"))


@pytest.mark.parametrize(
    ("join", "first_dead", "first_live", "both"),
    [
        ("any", Step((), ()), Step((), ()), Step(("j",), ())),
        ("all", Step((), ("j",)), Step((), ()), Step((), ("j",))),
        ("first", Step((), ()), Step(("j",), ()), Step(("j",), ())),
    ],
)
def test_joins(join: str, first_dead: Step, first_live: Step, both: Step) -> None:
    """`a` takes another way (its wire is dead), `b` the wired one (live)."""
    wiring = Wiring(graph_of("a>j", "b>j", joins={"j": join}))
    dead, live = NodeFacts(COMPLETED, "error"), NodeFacts(COMPLETED, "out")
    running = NodeFacts(NodeState.RUNNING)
    assert advance(wiring, {"a": dead, "b": running}) == first_dead
    assert advance(wiring, {"a": running, "b": live}) == first_live
    assert advance(wiring, {"a": dead, "b": live}) == both


@pytest.mark.parametrize("join", ["any", "all", "first"])
def test_a_join_of_dead_wires_is_skipped(join: str) -> None:
    wiring = Wiring(graph_of("a>j", "b>j", joins={"j": join}))
    assert advance(wiring, done("a", "b", port="error")) == Step((), ("j",))


def test_two_wires_between_two_nodes_are_decided_together() -> None:
    wiring = Wiring(graph_of("if:true>end", "if:false>end"))
    assert advance(wiring, done("if", port="false")) == Step(("end",), ())


def test_notes_and_groups_never_run() -> None:
    graph = graph_of("a>b")
    graph = graph.model_copy(
        update={"nodes": (*graph.nodes, node("note", kind="Note"), node("box", kind="Group"))}
    )
    assert order(graph) == ("a", "b")
    assert [p.code for p in structure(graph)] == []


def test_what_is_wrong_is_told_at_once_and_by_name() -> None:
    graph = Graph(
        nodes=(node("a"), node("a"), node("b"), node("c")),
        edges=(
            Edge(id="e", source="a", target="nowhere"),
            Edge(id="e", source="b", target="c"),
            Edge(source="c", target="b"),
        ),
    )
    problems = {(p.code, p.node_id): p for p in structure(graph)}
    assert {code for code, _ in problems} == {"repeated-id", "dangling-edge", "cycle", "unreachable"}
    assert "'nowhere'" in problems["dangling-edge", None].detail
    assert problems["cycle", "b"].detail.endswith("b → c → b")
    assert problems["unreachable", "a"].severity == "warning"
    assert [p.detail for p in structure(graph) if p.code == "repeated-id"] == [
        "two nodes have the id 'a'",
        "two wires have the id 'e'",
    ]
    with pytest.raises(GraphError):
        order(graph)


def test_a_node_wired_to_itself_is_a_cycle() -> None:
    (problem,) = structure(graph_of("a>a"))
    assert (problem.code, problem.node_id) == ("cycle", "a") and problem.detail.endswith("a → a")


def test_a_dangling_wire_and_an_empty_drawing() -> None:
    assert [p.code for p in structure(Graph(edges=(Edge(source="x", target="y"),)))] == [
        "dangling-edge",
        "dangling-edge",
        "empty",
    ]


def test_wires_without_an_id_are_not_repeats() -> None:
    graph = Graph(nodes=(node("a"), node("b")), edges=(Edge(source="a", target="b"),) * 2)
    assert structure(graph) == []


def test_the_shape_of_a_drawing() -> None:
    found = analyse(graph_of("a>b", "a>c", "b>d", "d>e", "c>e", alone=("x",)))
    assert (found.roots, found.leaves, found.branches) == (("a", "x"), ("e", "x"), ("a",))
    assert (found.unreachable, found.critical_path) == (("x",), ("a", "b", "d", "e"))


def test_the_nearest_of_a_kind_downstream() -> None:
    graph = graph_of("a>b", "a>c", "b>w1", "w1>w2", "c>w2")
    kinds = {"w1": "WaitForCallback", "w2": "WaitForCallback"}
    nodes = tuple(node(n.id, kind=kinds.get(n.id, n.type)) for n in graph.nodes)
    wiring = Wiring(graph.model_copy(update={"nodes": nodes}))
    assert wiring.next_of_type("a", "WaitForCallback") in ("w1", "w2")
    assert wiring.next_of_type("b", "WaitForCallback") == "w1"
    assert wiring.next_of_type("w1", "WaitForCallback") == "w2"
    assert wiring.next_of_type("w2", "WaitForCallback") is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([QUEUED, NodeState.WAITING], RunState.RUNNING),
        ([NodeState.RUNNING, COMPLETED], RunState.RUNNING),
        ([NodeState.WAITING, COMPLETED], RunState.WAITING),
        ([NodeState.HELD], RunState.WAITING),
        ([COMPLETED, SKIPPED, NodeState.FAILED], RunState.COMPLETED),
    ],
)
def test_the_state_of_a_run_follows_its_nodes(found: list[NodeState], expected: RunState) -> None:
    assert run_state(NodeFacts(state) for state in found) is expected


def test_a_wide_and_deep_drawing_is_quick_enough_and_no_recursion() -> None:
    names = [f"n{i}" for i in range(3000)]
    graph = graph_of(*(f"{a}>{b}" for a, b in pairwise(names)))
    wiring = Wiring(graph)
    assert order(graph) == tuple(names)
    assert len(wiring.upstream("n2999")) == 2999
    assert advance(wiring, done("n0", port="other")).skipped == tuple(names[1:])
