import { useReactFlow } from "@xyflow/react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { type Importable, remoteNode } from "@/api/queries";
import { after, CARD, connected, decoration, labelOf, type Point, portsOf, refusal } from "./graph";
import { imported } from "./import";
import { useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";

/** Adds remote workflows to the open drawing: one undo step each, after the selected node and wired there, or at a place. */
export function useImport(onAdded: (id: string) => void) {
  const control = useFlowControl();
  const { kinds } = useSurroundings();
  const { screenToFlowPosition, setCenter, getZoom } = useReactFlow();
  const [pending, setPending] = useState<string | null>(null);

  const middle = (): Point => {
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    return screenToFlowPosition({
      x: (pane?.x ?? 0) + (pane?.width ?? 0) / 2 - CARD.width / 2,
      y: (pane?.y ?? 0) + (pane?.height ?? 0) / 2 - CARD.height / 2,
    });
  };
  const add = async (item: Importable, { at, wired = true }: { at?: Point; wired?: boolean } = {}) => {
    setPending(`${item.connectionId} ${item.id}`);
    try {
      const node = await remoteNode(item);
      const flow = control.store.getState();
      const [only] = !at && flow.selection.nodes.size === 1 ? flow.selection.nodes : [];
      const before = flow.nodes.find((each) => each.id === only && !decoration(each)) ?? null;
      const [step] = imported(flow, [node], at ?? (before ? after(before) : middle()));
      if (!step) return;
      control.edit(`Add ${labelOf(step)}`, (now) => {
        const next = { nodes: [...now.nodes, step], edges: now.edges };
        if (!before || !wired) return next;
        const used = new Set(
          now.edges.filter((edge) => edge.source === before.id).map((edge) => edge.sourceHandle),
        );
        const ports = portsOf(before, kinds);
        const port = ports.find((name) => !used.has(name)) ?? ports[0];
        if (!port) return next;
        const ends = { source: before.id, target: step.id, sourceHandle: port };
        return refusal(next, kinds, ends) === null ? connected(next, ends) : next;
      });
      control.select([step.id]);
      if (!at)
        void setCenter(step.position.x + CARD.width / 2, step.position.y + CARD.height / 2, {
          zoom: getZoom(),
        });
      onAdded(step.id);
    } catch (error) {
      toastProblem(error, `${item.name} was not added`);
    } finally {
      setPending(null);
    }
  };
  return { add, pending };
}
