import { useReactFlow } from "@xyflow/react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { type Importable, remoteNode } from "@/api/queries";
import type { Kind } from "@/api/types";
import { t } from "@/lib/text";
import { added } from "./adding";
import { CARD, changed, decoration, labelOf, type Point } from "./graph";
import { type Intent, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";

type Where = {
  /** Where it is dropped, or where the Add panel was opened for; else after the selected node. */
  intent?: Intent | null;
  wired?: boolean;
};

/** Adds remote workflows to the open drawing as steps ready to run: one undo step each. */
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
  const add = async (item: Importable, { intent = null, wired = true }: Where = {}) => {
    setPending(`${item.connectionId} ${item.id}`);
    try {
      const node = await remoteNode(item);
      const flow = control.store.getState();
      const [only] = intent === null && flow.selection.nodes.size === 1 ? flow.selection.nodes : [];
      const before = flow.nodes.find((each) => each.id === only && !decoration(each)) ?? null;
      const kind = { ...kinds.get(node.type), type: node.type, title: node.data.label } as Kind;
      const { step, drawing } = added(flow, kinds, kind, { intent, before, middle: middle(), wired });
      control.edit(`${intent?.on === "wire" ? t("Insert") : t("Add")} ${labelOf(step)}`, () =>
        changed(drawing, new Set([step.id]), { ...node.data }),
      );
      control.select([step.id]);
      control.intend(null);
      if (intent === null) {
        const { x, y } = step.position;
        void setCenter(x + CARD.width / 2, y + CARD.height / 2, { zoom: getZoom() });
      }
      onAdded(step.id);
    } catch (error) {
      toastProblem(error, t("{name} was not added", { name: item.name }));
    } finally {
      setPending(null);
    }
  };
  return { add, pending };
}
