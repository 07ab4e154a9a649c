"""What a run, a test or a retry would do, in words: a decision shown to people before it is acted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from pydantic import Field, ValidationError

from providers import Frozen, Registry
from runner.check import config_of
from runner.decision import NO_WIRE, Decision, Recorded, Source
from runner.graph import Wiring, advance
from runner.model import NodeFacts, NodeState, Problem
from runner.node import Effect, Reach, catalogue

Action = Literal["pinned", "reuse", "run", "call", "recorded", "skip", "missing"]
NO_FLOWS: Final[Mapping[str, str]] = MappingProxyType({})
_STRUCTURE: Final = frozenset({"cycle", "repeated-id", "dangling-edge", "empty"})


class PlanStep(Frozen):
    """What happens with one node. `call` is a run that reaches outside, to `provider`; `recorded` takes what an earlier run
    recorded instead; `detail` says it in words."""

    node_id: str
    label: str
    type: str
    action: Action
    effect: Effect
    provider: str | None
    from_: Source | None = Field(validation_alias="from", serialization_alias="from")
    detail: str


class Plan(Frozen):
    """What would be done, in order. `summary` is one sentence; `problems` are those that keep it from being done."""

    summary: str
    problems: tuple[Problem, ...]
    steps: tuple[PlanStep, ...]


def blocking(decision: Decision, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The errors that keep this from being done: those of the drawing as a whole, and of the nodes that would run."""
    return tuple(
        p
        for p in problems
        if p.severity == "error" and (p.node_id is None or p.node_id in decision.runs or p.code in _STRUCTURE)
    )


def lacking(wiring: Wiring, decision: Decision) -> tuple[Problem, ...]:
    return tuple(
        Problem(node_id=n, code="outputs-missing", detail=f"{wiring.nodes[n].label} has no output yet")
        for n in decision.missing
    )


def describe(
    wiring: Wiring,
    decision: Decision,
    problems: Iterable[Problem],
    registry: Registry,
    flows: Mapping[str, str] = NO_FLOWS,
) -> Plan:
    """The decision in words, in the order of the wires. `flows`: by node that runs another orchestrator, which one."""
    facts = {n: NodeFacts(NodeState.COMPLETED, s.port) for n, s in decision.stands.items()}
    facts |= {n: NodeFacts(NodeState.SKIPPED) for n in decision.skipped}
    skipped = {**decision.skipped, **dict.fromkeys(advance(wiring, facts).skipped, NO_WIRE)}
    steps = tuple(_step(wiring, n, decision, skipped, registry, flows.get(n)) for n in wiring.order)
    return Plan(
        summary=_summary(steps) if decision.recorded is None else _summary_recorded(steps, decision.recorded),
        problems=(*blocking(decision, problems), *lacking(wiring, decision)),
        steps=steps,
    )


def _step(
    wiring: Wiring,
    name: str,
    decision: Decision,
    skipped: Mapping[str, str],
    registry: Registry,
    flow: str | None,
) -> PlanStep:
    spec, reach = wiring.nodes[name], Reach()
    action: Action
    source: Source | None = None
    if name in decision.missing:
        action, detail = "missing", "has no output yet: run it, pin data, or use the last run"
    elif (stands := decision.stands.get(name)) is not None:
        source = stands.source
        action = "reuse" if source else "pinned"
        detail = f"its output of run {source.number} is reused" if source else "its pinned output is used"
    elif name in skipped:
        action, detail = "skip", skipped[name]
    elif decision.recorded is not None and (known := decision.recorded.get(name)) is not None:
        reach = Reach(provider=_reach(wiring, name, registry).provider)
        source = known.source
        action, detail = "recorded" if source else "missing", _words_recorded(known)
    else:
        reach = _reach(wiring, name, registry)
        action, detail = (
            ("call", _words(reach, flow or reach.target, spec.label))
            if reach.target
            else ("run", "runs here; nothing outside is called")
        )
    return PlanStep(
        node_id=name,
        label=spec.label,
        type=spec.type,
        action=action,
        effect=reach.effect,
        provider=reach.provider,
        from_=source,
        detail=detail,
    )


def _reach(wiring: Wiring, name: str, registry: Registry) -> Reach:
    spec = wiring.nodes[name]
    kind = catalogue().get(spec.type)
    if kind is None:
        return Reach()
    try:
        return kind.reach(config_of(spec, kind), registry)
    except ValidationError:
        return Reach()


def _words(reach: Reach, target: str, label: str) -> str:
    what = f"will call {target} · {label}"
    if reach.effect == "read":
        return f"{what}; it only reads"
    if reach.effect == "idempotent":
        return f"{what}; starting it twice does no harm"
    return f"{what}; starting it twice starts it twice"


def _words_recorded(known: Recorded) -> str:
    if known.source is None:
        why = "did not come to it" if known.skipped else "recorded nothing of it"
        return f"run {known.number} {why}: it fails if this run comes to it"
    what = "output" if known.failure is None else "failure"
    return f"its {what} of run {known.number} is taken; nobody is called"


def _summary_recorded(steps: Sequence[PlanStep], recorded: Mapping[str, Recorded]) -> str:
    parts: list[str] = []
    if kept := [s for s in steps if s.action == "reuse"]:
        parts.append(f"reuse {_count(len(kept), 'output')}")
    if taken := [s for s in steps if s.action == "recorded"]:
        number = recorded[taken[0].node_id].number
        parts.append(f"take {_count(len(taken), 'recorded outcome')} of run {number}")
    if local := [s.label for s in steps if s.action == "run"]:
        parts.append(f"run {local[0]}" if len(local) == 1 else f"run {len(local)} steps here")
    told = f"Will {_listed(parts)}; nobody is called" if parts else "Nobody is called"
    if lacking_ := [s.label for s in steps if s.action == "missing"]:
        told += f". Nothing is recorded of {_listed(lacking_)}"
    return told


def _summary(steps: Sequence[PlanStep]) -> str:
    missing = [s.label for s in steps if s.action == "missing"]
    if missing:
        return f"Needs the output of {_listed(missing)}"
    parts: list[str] = []
    reused = [s.from_.number for s in steps if s.action == "reuse" and s.from_]
    if reused:
        runs = sorted(set(reused))
        where = f"run {runs[0]}" if len(runs) == 1 else f"runs {_listed([str(r) for r in runs])}"
        parts.append(f"reuse {_count(len(reused), 'output')} from {where}")
    if pinned := sum(s.action == "pinned" for s in steps):
        parts.append(f"use {_count(pinned, 'pin')}")
    if local := [s.label for s in steps if s.action == "run"]:
        parts.append(f"run {local[0]}" if len(local) == 1 else f"run {len(local)} steps here")
    if called := [s.label for s in steps if s.action == "call"]:
        parts.append(f"call {_listed(called)}")
    return f"Will {_listed(parts)}" if parts else "Nothing will run: no live wire leads there"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    shown = [*words[:3], f"{len(words) - 3} more"] if len(words) > 4 else list(words)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
