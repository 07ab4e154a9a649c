"""Which nodes of a run, a test or a retry run, and which outcomes stand instead: decided before it begins. Pure.

`plan.describe` shows a decision to people, and the store begins the run from the same one: what was shown is what is done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import JsonValue

from providers import Frozen, JsonObject, Timestamp
from runner.check import ports_of
from runner.errors import Conflict, NotFound
from runner.graph import Wiring
from runner.model import Edge, Failure, NodeState
from runner.node import catalogue

Mode = Literal["node", "upTo", "all"]
"""One node alone, everything it needs as well, or the whole drawing."""
NOT_PART: Final = "not part of this test"
NO_WIRE: Final = "no live wire leads to it"


class Source(Frozen):
    """The run an outcome is from, and when the node ended there."""

    run_id: UUID
    number: int
    at: Timestamp


@dataclass(frozen=True)
class Outcome:
    """How a node last completed. `wiring` is that of the revision it ran in; `test`: in a test, which uses pins;
    `same_inputs`: that run had the inputs this one will have."""

    source: Source
    wiring: Wiring
    output: JsonValue
    port: str | None
    input: JsonValue = None
    remote: JsonValue = None
    test: bool = False
    same_inputs: bool = True


@dataclass(frozen=True)
class Stands:
    """An outcome that stands in the place of running the node. Without `source` it is the drawing's pin."""

    output: JsonValue
    port: str | None
    input: JsonValue = None
    remote: JsonValue = None
    source: Source | None = None

    @property
    def told(self) -> str:
        return f"output of run {self.source.number} reused" if self.source else "pinned output used"


class Recorded(Frozen):
    """What a step that reaches outside did in run `number`, taken when the run comes to it in the place of running it: an
    output, or a failure. Without `source` nothing is recorded, and it fails; `skipped`: that run did not come to it either."""

    number: int
    source: Source | None = None
    output: JsonValue = None
    port: str | None = None
    failure: Failure | None = None
    timed_out: bool = False
    skipped: bool = False


@dataclass(frozen=True)
class Decision:
    """Every node of the drawing is in exactly one of the first four; `skipped` says why. `recorded`, of those that run: what is
    taken instead; None where the run is no recorded one."""

    runs: tuple[str, ...]
    stands: Mapping[str, Stands] = field(default_factory=dict[str, Stands])
    skipped: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: tuple[str, ...] = ()
    recorded: Mapping[str, Recorded] | None = None


def decide_run(wiring: Wiring) -> Decision:
    """A real run: every node by itself, whatever is pinned."""
    return Decision(wiring.order)


def decide_retry(wiring: Wiring, nodes: Sequence[Any], number: int, start: str) -> Decision:
    """Completed nodes that nothing repeated leads to keep their outcome. `nodes` are the rows of run `number`; `start` is
    "start", "failed" or a node's id. Raises Conflict, NotFound."""
    rows = {row.node_id: row for row in nodes if row.node_id in wiring.nodes}
    if start == "start":
        return decide_run(wiring)
    if start == "failed":
        ended = (NodeState.FAILED, NodeState.TIMED_OUT, NodeState.CANCELLED)
        again = {name for name, row in rows.items() if row.state in ended}
        if not again:
            raise Conflict(
                "no node of this run failed",
                code="nothing-failed",
                hint="Retry from the start, or from a node.",
            )
    elif start in wiring.nodes:
        again = {start}
    else:
        raise NotFound(
            f"there is no node {start!r} in that revision", hint="Use start, failed, or the id of a node."
        )
    done = {
        name
        for name, row in rows.items()
        if row.state == NodeState.COMPLETED and row.type == wiring.nodes[name].type
    }
    again |= wiring.nodes.keys() - done
    stands = {name: _kept(rows[name], number) for name in done - again if not (wiring.upstream(name) & again)}
    return Decision(tuple(n for n in wiring.order if n not in stands), stands)


def with_recorded(wiring: Wiring, decision: Decision, nodes: Sequence[Any], number: int) -> Decision:
    """`decision` with what run `number`, whose rows `nodes` are, recorded of each step that would reach outside."""
    rows = {row.node_id: row for row in nodes}
    outside = [n for n in decision.runs if _reaches_out(wiring, n)]
    return replace(decision, recorded={n: _recorded(wiring, n, rows.get(n), number) for n in outside})


def _reaches_out(wiring: Wiring, name: str) -> bool:
    spec = wiring.nodes[name]
    kind = catalogue().get(spec.type)
    return (kind is None or kind.outside) and not spec.data.disabled


def _recorded(wiring: Wiring, name: str, row: Any, number: int) -> Recorded:
    if row is None or row.type != wiring.nodes[name].type:
        return Recorded(number=number)
    if row.state == NodeState.COMPLETED:
        source = Source(run_id=row.run_id, number=number, at=row.finished_at)
        return Recorded(number=number, source=source, output=row.output, port=row.port)
    if row.state in (NodeState.FAILED, NodeState.TIMED_OUT) and row.error is not None:
        failure = Failure.model_validate(row.error)
        if failure.code != "not-recorded":
            source = Source(run_id=row.run_id, number=number, at=row.finished_at)
            late = row.state == NodeState.TIMED_OUT
            return Recorded(number=number, source=source, failure=failure, timed_out=late)
    return Recorded(number=number, skipped=row.state == NodeState.SKIPPED)


def decide_test(
    wiring: Wiring, target: str, mode: Literal["node", "upTo"], outcomes: Mapping[str, Outcome]
) -> Decision:
    """A test of `target`, which always runs itself.

    Alone, it is given pins and the newest outcomes, and what it lacks is `missing`. Up to it, an outcome stands only while
    neither its node nor anything before that has changed since; the others run.
    """
    if target not in wiring.nodes:
        raise NotFound(f"there is no node {target!r} in this drawing")
    known, dead = _known(wiring, target, outcomes, fresh=mode == "upTo")
    if mode == "upTo":
        runs, stands, missing = _upwards(wiring, target, known, dead)
    else:
        runs = {target}
        stands, missing = _alone(wiring, target, outcomes, known, dead)
    skipped = {
        n: NO_WIRE if n in dead else NOT_PART
        for n in wiring.order
        if n not in runs and n not in stands and n not in missing
    }
    return Decision(tuple(n for n in wiring.order if n in runs), stands, skipped, missing)


def _known(
    wiring: Wiring, target: str, outcomes: Mapping[str, Outcome], *, fresh: bool
) -> tuple[dict[str, Stands], set[str]]:
    """The nodes that need not run, and those no live wire leads to. `fresh`: outcomes that are out of date do not count."""
    known: dict[str, Stands] = {}
    dead: set[str] = set()
    for name in wiring.order:
        if name == target:
            continue
        if _is_dead(wiring, name, known, dead):
            dead.add(name)
        elif (stands := _stands(wiring, name, outcomes.get(name))) is not None and (
            not fresh or stands.source is None or _is_fresh(wiring, name, outcomes[name], known, dead)
        ):
            known[name] = stands
    return known, dead


def _stands(wiring: Wiring, name: str, outcome: Outcome | None) -> Stands | None:
    pin = wiring.nodes[name].data.pin
    if pin is not None:
        return Stands(pin[0], _pinned_port(wiring, name, outcome))
    if outcome is None:
        return None
    return Stands(outcome.output, outcome.port, outcome.input, outcome.remote, outcome.source)


def _pinned_port(wiring: Wiring, name: str, outcome: Outcome | None) -> str:
    kind = catalogue().get(wiring.nodes[name].type)
    ports = ("out",) if kind is None else ports_of(kind, wiring.nodes[name])
    if "out" in ports:
        return "out"
    return outcome.port if outcome and outcome.port and outcome.port in ports else ports[0]


def _is_dead(wiring: Wiring, name: str, known: Mapping[str, Stands], dead: set[str]) -> bool:
    edges = wiring.into[name]
    gone = [e for e in edges if e.source in dead or (e.source in known and known[e.source].port != e.port)]
    return bool(gone) and (len(gone) == len(edges) or wiring.nodes[name].join == "all")


def _is_fresh(
    wiring: Wiring, name: str, outcome: Outcome, known: Mapping[str, Stands], dead: set[str]
) -> bool:
    """Neither this node nor anything before it changed, and nothing before it has a newer output."""
    before = wiring.predecessors(name)
    sources = [known[p].source for p in before if p in known]
    return (
        outcome.same_inputs
        and all(p in known or p in dead for p in before)
        and all(s is None or s.at <= outcome.source.at for s in sources)
        and _unchanged(wiring, outcome.wiring, name, pins=outcome.test)
    )


def _unchanged(now: Wiring, then: Wiring, name: str, *, pins: bool) -> bool:
    """Whether `name` and what leads to it are as they were. Pins count as they did: for a real run there were none."""
    seen, queue = {name}, [name]
    while queue:
        node = queue.pop()
        if node not in then.nodes or _spec(now, node) != _spec(then, node):
            return False
        for source in now.predecessors(node):
            if source in seen:
                continue
            seen.add(source)
            pin = now.nodes[source].data.pin
            was = then.nodes[source].data.pin if pins and source in then.nodes else None
            if pin != was:
                return False
            if pin is None:
                queue.append(source)
    return True


def _spec(wiring: Wiring, name: str) -> tuple[str, JsonObject, set[tuple[str, str]]]:
    spec = wiring.nodes[name]
    return spec.type, spec.data.config, {(e.source, e.port) for e in wiring.into[name]}


def _upwards(
    wiring: Wiring, target: str, known: Mapping[str, Stands], dead: set[str]
) -> tuple[set[str], dict[str, Stands], tuple[str, ...]]:
    runs: set[str] = set()
    stands: dict[str, Stands] = {}
    queue = [target]
    while queue:
        name = queue.pop()
        if name in runs:
            continue
        runs.add(name)
        for other in _needs(wiring, name):
            if other in known:
                stands[other] = known[other]
            elif other not in dead:
                queue.append(other)
    return runs, stands, ()


def _alone(
    wiring: Wiring, target: str, outcomes: Mapping[str, Outcome], known: Mapping[str, Stands], dead: set[str]
) -> tuple[dict[str, Stands], tuple[str, ...]]:
    needs = _needs(wiring, target)
    forced: dict[str, Stands] = {}
    if _is_dead(wiring, target, known, dead):
        # The last outcomes lead elsewhere, and still somebody wants to see this node work: they are taken by its wires.
        for edge in _first_wires(wiring.into[target]):
            stands = _stands(wiring, edge.source, outcomes.get(edge.source))
            if stands is not None:
                forced[edge.source] = replace(stands, port=edge.port)
        dead -= set(wiring.predecessors(target))
    stands = {n: known[n] for n in needs if n in known} | forced
    missing = [n for n in needs if n not in stands and n not in dead]
    return stands, tuple(n for n in wiring.order if n in missing)


def _first_wires(edges: Iterable[Edge]) -> Iterable[Edge]:
    return {e.source: e for e in reversed(tuple(edges))}.values()


def _needs(wiring: Wiring, name: str) -> tuple[str, ...]:
    """The nodes whose outputs a node reads: those wired to it, and those before it that its settings name."""
    wired = wiring.predecessors(name)
    text = json.dumps(wiring.nodes[name].data.config)
    if "nodes" not in text:
        return wired
    named = [
        n
        for n in wiring.upstream(name)
        if re.search(rf"(?<![\w-]){re.escape(json.dumps(n)[1:-1])}(?![\w-])", text)
    ]
    return tuple(dict.fromkeys((*wired, *sorted(named))))


def _kept(row: Any, number: int) -> Stands:
    source = Source(run_id=row.run_id, number=number, at=row.finished_at)
    return Stands(row.output, row.port, row.input, row.remote, source)
