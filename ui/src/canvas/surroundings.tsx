import { useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { runQuery } from "@/api/queries";
import type { DefinitionProblem, NodeRun } from "@/api/types";
import type { Kinds } from "./graph";

type Surroundings = {
  kinds: Kinds;
  /** The run that is shown over the drawing. */
  runId: string | null;
  problems: readonly DefinitionProblem[];
  /** Whether the person may change the drawing. */
  editable: boolean;
};

const Context = createContext<Surroundings>({ kinds: new Map(), runId: null, problems: [], editable: false });

export const SurroundingsProvider = Context.Provider;

/** What cards and panels need besides the drawing. */
export function useSurroundings(): Surroundings {
  return useContext(Context);
}

/** What became of a node in the run on show; null where there is none. Only a change of that node renders again. */
export function useNodeRun(id: string): NodeRun | null {
  const { runId } = useSurroundings();
  const { data } = useQuery({
    ...runQuery(runId ?? ""),
    enabled: false,
    select: (run) => run.nodes.find((node) => node.id === id) ?? null,
  });
  return runId === null ? null : (data ?? null);
}
