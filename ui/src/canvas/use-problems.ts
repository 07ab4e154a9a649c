import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { checkQuery } from "@/api/queries";
import type { DefinitionProblem } from "@/api/types";
import { useFlow, useFlowControl } from "./store";

const NO_PROBLEMS: readonly DefinitionProblem[] = [];

/** What the server has against the drawing as it is now, asked once it has been still for a moment. */
export function useProblems(): readonly DefinitionProblem[] {
  const control = useFlowControl();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const [still, setStill] = useState(control.definition);
  // biome-ignore lint/correctness/useExhaustiveDependencies: they say when the definition is another one
  useEffect(() => {
    const timer = window.setTimeout(() => setStill(control.definition()), 400);
    return () => window.clearTimeout(timer);
  }, [control, nodes, edges]);
  const { data } = useQuery(checkQuery(still));
  return data?.problems ?? NO_PROBLEMS;
}
