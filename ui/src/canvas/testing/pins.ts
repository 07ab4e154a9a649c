import { t } from "@/lib/text";
import { type Drawing, labelOf, type Step } from "../graph";
import type { FlowControl } from "../store";

/** Whether tests use a pinned output in the place of the step's own; null can be pinned, too. */
export function pinned(step: Step): boolean {
  return "pinned" in step.data;
}

/** Pin `output`: one undo step. */
export function pin(control: FlowControl, step: Step, output: unknown): void {
  control.edit(t("Pin output of {step}", { step: labelOf(step) }), (flow) =>
    changed(flow, step.id, { pinned: output }),
  );
}

export function unpin(control: FlowControl, step: Step): void {
  control.edit(t("Unpin output of {step}", { step: labelOf(step) }), (flow) => changed(flow, step.id, null));
}

function changed(drawing: Drawing, id: string, pin: { pinned: unknown } | null): Pick<Drawing, "nodes"> {
  return {
    nodes: drawing.nodes.map((node) => {
      if (node.id !== id) return node;
      const { pinned: _, ...rest } = node.data as Step["data"] & { pinned?: unknown };
      return { ...node, data: { ...rest, ...pin } as Step["data"] };
    }),
  };
}
