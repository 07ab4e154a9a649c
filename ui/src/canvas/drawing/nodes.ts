import { Position } from "@xyflow/react";
import { useMemo } from "react";
import type { DefinitionProblem, NodeRun } from "@/api/types";
import { t } from "@/lib/text";
import { duration } from "@/lib/time";
import { lookOf } from "@/ui";
import type { CardNode } from "../card";
import { useDrifted } from "../drift";
import {
  boxOf,
  CARD,
  decoration,
  drawnPorts,
  isGroup,
  type Kinds,
  labelOf,
  ordered,
  type Step,
  type Wire,
} from "../graph";
import { useFlow } from "../store";
import { useShownRun, useSurroundings } from "../surroundings";
import { useTogether } from "../together/news";
import type { GroupNode } from "./group";
import type { NoteNode } from "./note";
import { MANY } from "./view";

export type DrawnNode = CardNode | NoteNode | GroupNode;

const NONE: readonly Wire[] = [];

/** The nodes for React Flow. One that has not changed keeps its identity, so that nothing of it is rendered again. */
export function useDrawnNodes(refused: ReadonlySet<string>, draws: boolean): DrawnNode[] {
  const { id: drawing, kinds, problems, marks, onComments } = useSurroundings();
  const run = useShownRun();
  const together = useTogether(drawing, onComments !== null);
  const steps = useFlow((flow) => flow.nodes);
  const drifted = useDrifted(steps);
  const wires = useFlow((flow) => flow.edges);
  const selected = useFlow((flow) => flow.selection.nodes);
  const sizes = useFlow((flow) => flow.sizes);
  const leaving = useMemo(() => bySource(wires), [wires]);
  const wrong = useMemo(() => worst(problems), [problems]);
  const runs = useMemo(() => new Map(run?.nodes.map((node) => [node.id, node])), [run]);
  const told = useTold(steps, wires, kinds, runs);
  const cache = useMemo(() => new Map<string, DrawnNode>(), []);
  const many = steps.length > MANY;

  const nodes = steps.map((step) => {
    const measured = sizes.get(step.id);
    const threads = together.threads(step.id);
    const others = together.others(step.id);
    const common = {
      id: step.id,
      position: step.position,
      selected: selected.has(step.id),
      measured,
      ariaRole: "group" as const,
      ariaLabel: `${told.get(step.id) ?? labelOf(step)}${talked(threads, others)}`,
    };
    const held = cache.get(step.id);
    let node: DrawnNode;
    if (decoration(step)) {
      const { width, height } = boxOf(step);
      const drawn = {
        ...common,
        width,
        height,
        data: { step, editable: draws, threads, others },
        domAttributes: FOCUSED,
      };
      node = isGroup(step)
        ? { ...drawn, type: "frame", zIndex: -1, dragHandle: "[data-grip]", style: PASSED }
        : { ...drawn, type: "note", zIndex: 1 };
    } else {
      const ports = drawnPorts(step, kinds, leaving.get(step.id) ?? NONE);
      const problem = wrong.get(step.id);
      node = {
        ...common,
        type: "card",
        domAttributes: FOCUSED,
        data: {
          step,
          ports: ports.join("\n"),
          kind: kinds.get(step.type)?.title ?? step.type,
          wrong: problem?.detail ?? null,
          unconnected: problem?.field?.toLowerCase().includes("connection") ?? false,
          drifted: drifted.has(step.id),
          run: runs.get(step.id) ?? null,
          over: run !== undefined,
          marked: marks.has(step.id),
          threads,
          others,
          refused: refused.has(step.id),
          editable: draws,
        },
        ...(many && !measured && unmeasured(ports)),
      };
    }
    if (held && same(held, node)) return held;
    cache.set(step.id, node);
    return node;
  });
  return nodes;
}

const FOCUSED = { tabIndex: -1 };
/** What stands in a group, and the wires over it, are reached through it. */
const PASSED = { pointerEvents: "none" } as const;

/** Where the handles of a card will be, so that wires can be drawn before it is. */
function unmeasured(ports: readonly string[]) {
  const handle = { width: 12, height: 12 };
  return {
    initialWidth: CARD.width,
    initialHeight: CARD.height,
    handles: [
      { ...handle, type: "target" as const, position: Position.Left, x: -6, y: CARD.height / 2 - 6 },
      ...ports.map((id, index) => ({
        ...handle,
        id,
        type: "source" as const,
        position: Position.Right,
        x: CARD.width - 6,
        y: ((index + 1) / (ports.length + 1)) * CARD.height - 6,
      })),
    ],
  };
}

function same(a: DrawnNode, b: DrawnNode): boolean {
  return (
    a.selected === b.selected &&
    a.measured === b.measured &&
    a.position === b.position &&
    a.ariaLabel === b.ariaLabel &&
    a.width === b.width &&
    a.height === b.height &&
    Object.entries(b.data).every(([key, value]) => (a.data as Record<string, unknown>)[key] === value)
  );
}

function bySource(wires: readonly Wire[]): Map<string, Wire[]> {
  const found = new Map<string, Wire[]>();
  for (const wire of wires) {
    const held = found.get(wire.source);
    if (held) held.push(wire);
    else found.set(wire.source, [wire]);
  }
  return found;
}

function worst(problems: readonly DefinitionProblem[]): Map<string, DefinitionProblem> {
  const found = new Map<string, DefinitionProblem>();
  for (const problem of problems) {
    if (problem.nodeId !== null && problem.severity === "error" && !found.has(problem.nodeId))
      found.set(problem.nodeId, problem);
  }
  return found;
}

/** What a screen reader says of each node: "Send order, Remote webhook, step 3 of 7, failed after 12 s, after Map order". */
function useTold(
  steps: readonly Step[],
  wires: readonly Wire[],
  kinds: Kinds,
  runs: ReadonlyMap<string, NodeRun>,
): Map<string, string> {
  // Moving changes neither names nor kinds: their text is what this depends on.
  const named = steps.map((step) => `${step.id}\n${step.type}\n${labelOf(step)}`).join("\n\n");
  return useMemo(() => {
    const all = named.split("\n\n").map((line) => line.split("\n") as [string, string, string]);
    const names = new Map(all.map(([id, , label]) => [id, label]));
    const cards = all
      .filter(([, type]) => type !== "Note" && type !== "Group")
      .map(([id, type]) => ({ id, type, position: { x: 0, y: 0 }, data: {} }));
    const order = new Map(ordered(cards, wires).map((id, at) => [id, at + 1]));
    const before = new Map<string, string[]>();
    for (const wire of wires) {
      const name = names.get(wire.source) ?? wire.source;
      before.set(wire.target, [...(before.get(wire.target) ?? []), name]);
    }
    return new Map(
      all.map(([id, type, label]) => {
        if (type === "Note" || type === "Group") return [id, `${type}: ${label}`] as const;
        const from = before.get(id) ?? [];
        const said = [
          label,
          kinds.get(type)?.title ?? type,
          order.has(id) ? t("step {order} of {cards}", { order: order.get(id), cards: cards.length }) : null,
          state(runs.get(id)),
          from.length ? t("after {from}", { from: from.join(t(" and ")) }) : t("at the start"),
        ];
        return [id, said.filter(Boolean).join(", ")] as const;
      }),
    );
  }, [named, wires, kinds, runs]);
}

function talked(threads: number, others: string): string {
  const comments = threads
    ? `, ${t("{threads, plural, one {# open comment} other {# open comments}}", { threads })}`
    : "";
  return others
    ? t("{comments}, selected by {others}", { comments, others: others.split("\n").join(t(" and ")) })
    : comments;
}

function state(run: NodeRun | undefined): string | null {
  if (!run) return null;
  const word = lookOf(run.status).label.toLowerCase();
  if (!run.startedAt || !run.finishedAt) return word;
  return t("{word} after {time}", {
    word,
    time: duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
  });
}
