"""Deciding what runs next: pure functions of the drawing and of stored facts.

"Breadth-first" here means: walk in topological order and release a node when every wire into it is decided and at least
one is live. A node with only dead wires is skipped, and the skip flows on in the same pass. Nothing is counted in memory:
`advance` is recomputed from the stored rows after each commit, so recovering from a crash is calling it again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from runner.errors import GraphError
from runner.model import Edge, Graph, NodeFacts, NodeSpec, NodeState, Problem, RunState

DECORATIONS = frozenset({"Note", "Group"})
"""Things drawn for people; they never run."""


@dataclass(frozen=True)
class Step:
    """What a pass decided: nodes to hand to the workers, nodes no live wire leads to. Both in topological order."""

    ready: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """The shape of a drawing. `critical_path` is the longest chain of nodes; branches are nodes with several live ways on."""

    roots: tuple[str, ...]
    leaves: tuple[str, ...]
    branches: tuple[str, ...]
    unreachable: tuple[str, ...]
    critical_path: tuple[str, ...]


class Wiring:
    """A graph with its wires indexed. Build once per revision and keep; it never changes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, NodeSpec] = {n.id: n for n in graph.nodes if n.type not in DECORATIONS}
        self.into: dict[str, tuple[Edge, ...]] = {}
        self.out_of: dict[str, tuple[Edge, ...]] = {}
        into: dict[str, list[Edge]] = defaultdict(list)
        out_of: dict[str, list[Edge]] = defaultdict(list)
        for edge in graph.edges:
            if edge.source in self.nodes and edge.target in self.nodes:
                into[edge.target].append(edge)
                out_of[edge.source].append(edge)
        for node in self.nodes:
            self.into[node] = tuple(into[node])
            self.out_of[node] = tuple(out_of[node])

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every node after all nodes it depends on; ties in drawing order. Raises GraphError on a cycle."""
        missing = {n: len({e.source for e in self.into[n]}) for n in self.nodes}
        ready = deque(n for n in self.nodes if not missing[n])
        found: list[str] = []
        while ready:
            node = ready.popleft()
            found.append(node)
            for target in dict.fromkeys(e.target for e in self.out_of[node]):
                missing[target] -= 1
                if not missing[target]:
                    ready.append(target)
        if len(found) < len(self.nodes):
            loop = [n for n in self.nodes if missing[n] > 0]
            raise GraphError("the drawing has a cycle", [_cycle_problem(self, loop)])
        return tuple(found)

    @property
    def is_orderly(self) -> bool:
        """Whether there is an order: no cycle."""
        try:
            return len(self.order) == len(self.nodes)
        except GraphError:
            return False

    def predecessors(self, node: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(e.source for e in self.into[node]))

    def upstream(self, node: str) -> frozenset[str]:
        """Every node that `node` depends on, near or far."""
        return _reach(node, lambda n: (e.source for e in self.into[n]))

    def downstream(self, node: str) -> frozenset[str]:
        """Every node that depends on `node`, near or far."""
        return _reach(node, lambda n: (e.target for e in self.out_of[n]))

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(n for n in self.nodes if not self.into[n])

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(n for n in self.nodes if not self.out_of[n])

    def next_of_type(self, node: str, kind: str) -> str | None:
        """The nearest node of type `kind` downstream of `node`, breadth first."""
        seen, queue = {node}, deque([node])
        while queue:
            for edge in self.out_of[queue.popleft()]:
                if edge.target not in seen:
                    if self.nodes[edge.target].type == kind:
                        return edge.target
                    seen.add(edge.target)
                    queue.append(edge.target)
        return None


def _reach(start: str, step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    seen: set[str] = set()
    queue = [start]
    while queue:
        for other in step(queue.pop()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return frozenset(seen - {start})


def order(graph: Graph) -> tuple[str, ...]:
    """The nodes in topological order. Raises GraphError: a cycle, a wire to nowhere, a repeated id."""
    if problems := [p for p in structure(graph) if p.severity == "error"]:
        raise GraphError(problems[0].detail, problems)
    return Wiring(graph).order


def advance(wiring: Wiring, facts: Mapping[str, NodeFacts]) -> Step:
    """Which PENDING nodes are decided by `facts`. Nodes absent from `facts` are PENDING.

    Join "any" (default): every wire decided, one live. "all": every wire live. "first": one wire live, the others may
    still be open. Calling it again with the result applied decides nothing new.
    """
    now = {n: facts.get(n, NodeFacts(NodeState.PENDING)) for n in wiring.nodes}
    ready: list[str] = []
    skipped: list[str] = []
    for node in wiring.order:
        if now[node].state is not NodeState.PENDING:
            continue
        edges = wiring.into[node]
        ended = [e for e in edges if now[e.source].state.final]
        live = [e for e in ended if now[e.source].port == e.port]
        dead = len(ended) - len(live)
        join = wiring.nodes[node].join
        if not edges or (
            live and (join == "first" or (len(ended) == len(edges) and (join == "any" or not dead)))
        ):
            ready.append(node)
            now[node] = NodeFacts(NodeState.QUEUED)
        elif (join == "all" and dead) or len(ended) == len(edges):
            skipped.append(node)
            now[node] = NodeFacts(NodeState.SKIPPED)
    return Step(tuple(ready), tuple(skipped))


def run_state(facts: Iterable[NodeFacts]) -> RunState:
    """The state of an unfailed, uncancelled run with these nodes, after `advance` was applied."""
    states = [f.state for f in facts]
    if any(s in (NodeState.QUEUED, NodeState.RUNNING) for s in states):
        return RunState.RUNNING
    if any(s in (NodeState.WAITING, NodeState.HELD) for s in states):
        return RunState.WAITING
    return RunState.COMPLETED


def analyse(graph: Graph) -> Analysis:
    """Its shape; one with a cycle has no critical path."""
    wiring = Wiring(graph)
    longest: dict[str, tuple[str, ...]] = {}
    for node in wiring.order if wiring.is_orderly else ():
        best = max((longest[p] for p in wiring.predecessors(node)), key=len, default=())
        longest[node] = (*best, node)
    problems = structure(graph)
    return Analysis(
        roots=wiring.roots,
        leaves=wiring.leaves,
        branches=tuple(n for n in wiring.nodes if len({e.target for e in wiring.out_of[n]}) > 1),
        unreachable=tuple(p.node_id for p in problems if p.code == "unreachable" and p.node_id),
        critical_path=max(longest.values(), key=len, default=()),
    )


def levels(wiring: Wiring) -> tuple[tuple[str, ...], ...]:
    """The nodes by how many steps lead to them at most: those of one level may run at once. Raises GraphError on a cycle."""
    depth: dict[str, int] = {}
    for node in wiring.order:
        depth[node] = 1 + max((depth[p] for p in wiring.predecessors(node)), default=-1)
    return tuple(
        tuple(n for n in wiring.order if depth[n] == at) for at in range(max(depth.values(), default=-1) + 1)
    )


def structure(graph: Graph) -> list[Problem]:
    """What is wrong with the drawing itself: repeated ids, wires to nowhere, cycles, nothing to run, lone nodes."""
    found: list[Problem] = []
    seen: set[str] = set()
    for node in graph.nodes:
        if node.id in seen:
            found.append(
                Problem(node_id=node.id, code="repeated-id", detail=f"two nodes have the id {node.id!r}")
            )
        seen.add(node.id)
    edges: set[str] = set()
    for edge in graph.edges:
        if edge.id and edge.id in edges:
            found.append(Problem(code="repeated-id", detail=f"two wires have the id {edge.id!r}"))
        edges.add(edge.id)
        for end in (edge.source, edge.target):
            if end not in seen:
                detail = f"wire {edge.id or f'{edge.source} → {edge.target}'} leads to {end!r}, which does not exist"
                found.append(Problem(node_id=None, code="dangling-edge", detail=detail))
    wiring = Wiring(graph)
    if not wiring.nodes:
        found.append(Problem(code="empty", detail="there is no node to run"))
    try:
        _ = wiring.order
    except GraphError as error:
        found += error.problems
    if len(wiring.nodes) > 1:
        found += [
            Problem(
                node_id=n,
                code="unreachable",
                severity="warning",
                detail=f"{wiring.nodes[n].label} is wired to nothing: it runs at the start, on its own",
            )
            for n in wiring.nodes
            if not wiring.into[n] and not wiring.out_of[n]
        ]
    return found


def _cycle_problem(wiring: Wiring, left: list[str]) -> Problem:
    # Every node left over by the walk has a predecessor left over too: following them back must close a loop.
    stuck = set(left)
    path = [left[0]]
    while path.count(path[-1]) == 1:
        path.append(next(e.source for e in wiring.into[path[-1]] if e.source in stuck))
    loop = path[path.index(path[-1]) :][::-1]
    names = " → ".join(wiring.nodes[n].label for n in loop)
    return Problem(node_id=loop[0], code="cycle", detail=f"these nodes wait for each other: {names}")
