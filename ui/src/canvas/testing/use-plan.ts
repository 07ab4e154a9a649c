import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { planQuery, runQuery, type TestMode, type TestOrigin } from "@/api/queries";
import type { Graph } from "@/api/types";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";

let drawings = 0;
const numbers = new WeakMap<object, number>();

/** The same number for the same value: its name in a key. */
function numberOf(value: object): number {
  const known = numbers.get(value) ?? ++drawings;
  numbers.set(value, known);
  return known;
}

/** What a test, or for mode "all" a run, of the drawing as it is now would do. Asked once the drawing has been still. */
export function usePlan(nodeId: string | null, mode: TestMode | "all", source: TestOrigin = "mine") {
  const { id, runId } = useSurroundings();
  const control = useFlowControl();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const [still, setStill] = useState<Graph>(control.definition);
  // biome-ignore lint/correctness/useExhaustiveDependencies: they say when the definition is another one
  useEffect(() => {
    const timer = window.setTimeout(() => setStill(control.definition()), 250);
    return () => window.clearTimeout(timer);
  }, [control, nodes, edges]);
  // The run on show has new outputs to reuse once it has ended.
  const { data: status } = useQuery({
    ...runQuery(runId ?? ""),
    enabled: false,
    select: (run) => run.status,
  });
  const shape = [nodeId ?? "", mode, source, numberOf(still), runId ?? "", status ?? ""].join(" ");
  return useQuery(planQuery(id, shape, () => ({ nodeId, mode, source, definition: still })));
}
