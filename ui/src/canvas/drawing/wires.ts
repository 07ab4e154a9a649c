import { MarkerType } from "@xyflow/react";
import { useMemo } from "react";
import { ended } from "@/api/queries";
import type { NodeRun } from "@/api/types";
import { t } from "@/lib/text";
import { labelOf, portOf, type Wire, wireId } from "../graph";
import { useFlow } from "../store";
import { useShownRun, useSurroundings } from "../surroundings";
import type { WireEdge } from "./wire";

const MARKER = { type: MarkerType.ArrowClosed, width: 12, height: 12, color: "var(--edge)" } as const;

/** The wires for React Flow; one that has not changed keeps its identity. `over`: where a node would be dropped on. */
export function useDrawnWires(over: string | null, draws: boolean): WireEdge[] {
  const { wireMarks } = useSurroundings();
  const run = useShownRun();
  const wires = useFlow((flow) => flow.edges);
  const selected = useFlow((flow) => flow.selection.edges);
  const named = useFlow((flow) => flow.nodes.map((step) => `${step.id}\n${labelOf(step)}`).join("\n\n"));
  const names = useMemo(
    () => new Map(named.split("\n\n").map((line) => line.split("\n") as [string, string])),
    [named],
  );
  const cache = useMemo(() => new Map<string, { wire: Wire; edge: WireEdge }>(), []);
  return useMemo(() => {
    const runs = new Map(run?.nodes.map((node) => [node.id, node]));
    const going = run !== undefined && !ended(run.status);
    return wires.map((wire) => {
      const port = portOf(wire);
      const mark = wireMarks.get(wireId(wire.source, port, wire.target));
      const [source, target] = [runs.get(wire.source), runs.get(wire.target)];
      const taken = source?.port === port && target !== undefined && target.status !== "SKIPPED";
      const from = names.get(wire.source) ?? wire.source;
      const to = names.get(wire.target) ?? wire.target;
      const name = t("wire from {from} to {to}", { from, to });
      const edge: WireEdge = {
        id: wire.id,
        type: "wire",
        source: wire.source,
        target: wire.target,
        sourceHandle: port,
        selected: selected.has(wire.id),
        markerEnd: MARKER,
        animated: taken && going && target.status === "RUNNING",
        className: over === wire.id ? "over" : (mark ?? (run ? (taken ? "taken" : "untaken") : undefined)),
        data: { label: taken ? items(source) : null, editable: draws, name },
        ariaLabel: t("Wire from {from}, port {port}, to {to}{what}", {
          from,
          port,
          to,
          what: mark ? `, ${mark}` : "",
        }),
      };
      const held = cache.get(wire.id);
      if (held && held.wire === wire && same(held.edge, edge)) return held.edge;
      cache.set(wire.id, { wire, edge });
      return edge;
    });
  }, [wires, selected, run, names, wireMarks, over, draws, cache]);
}

function same(a: WireEdge, b: WireEdge): boolean {
  return (
    a.selected === b.selected &&
    a.animated === b.animated &&
    a.className === b.className &&
    a.ariaLabel === b.ariaLabel &&
    a.data?.label === b.data?.label &&
    a.data?.editable === b.data?.editable
  );
}

/** How much went along: the length of a list, or of the one list in an object. */
export function items(run: Pick<NodeRun, "output"> | undefined): string | null {
  const output: unknown = run?.output;
  if (Array.isArray(output))
    return t("{output, plural, one {# item} other {# items}}", { output: output.length });
  if (typeof output !== "object" || output === null) return null;
  const lists = Object.values(output).filter(Array.isArray);
  return lists.length === 1 && lists[0]
    ? t("{list, plural, one {# item} other {# items}}", { list: lists[0].length })
    : null;
}
