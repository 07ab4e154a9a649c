import { useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { runQuery } from "@/api/queries";
import type { DefinitionProblem, NodeRun, RunDetail } from "@/api/types";
import type { Kinds } from "./graph";
import type { Mark } from "./versions/diff";

/** What is said of a node or wire besides itself; `since`: it was edited after the run on show. */
export type Marked = { mark: Mark | "since"; text: string };

/** The field that a problem has led to; a new object each time. */
export type Wanted = { nodeId: string; field: string };

type Surroundings = {
  /** The orchestrator that is drawn. */
  id: string;
  kinds: Kinds;
  /** The run that is shown over the drawing. */
  runId: string | null;
  /** That run as it was at the time on show; null: as it is now. */
  replayed: RunDetail | null;
  problems: readonly DefinitionProblem[];
  /** Whether the person may change the drawing. */
  editable: boolean;
  /** Whether the drawing goes where the run goes. */
  follow: boolean;
  wanted: Wanted | null;
  /** By node, and by `wireId` of its ends and port. */
  marks: ReadonlyMap<string, Marked>;
  wireMarks: ReadonlyMap<string, Mark>;
  /** Opens the comments about a node, or one thread; null: this drawing is an earlier one, and they are not about it. */
  onComments: ((place: { about?: string; thread?: string }) => void) | null;
};

export const BARE: Surroundings = {
  id: "",
  kinds: new Map(),
  runId: null,
  replayed: null,
  problems: [],
  editable: false,
  follow: false,
  wanted: null,
  marks: new Map(),
  wireMarks: new Map(),
  onComments: null,
};

const Context = createContext<Surroundings>(BARE);

export const SurroundingsProvider = Context.Provider;

/** What cards and panels need besides the drawing. */
export function useSurroundings(): Surroundings {
  return useContext(Context);
}

/** The run on show, as it is now or at the time of the replay. */
export function useShownRun(): RunDetail | undefined {
  const { runId, replayed } = useSurroundings();
  const { data } = useQuery({ ...runQuery(runId ?? ""), enabled: false });
  return runId === null ? undefined : (replayed ?? data);
}

/** What became of a node in the run on show; null where there is none. Only a change of that node renders again. */
export function useNodeRun(id: string): NodeRun | null {
  const { runId, replayed } = useSurroundings();
  const found = (run: RunDetail) => run.nodes.find((node) => node.id === id) ?? null;
  const { data } = useQuery({ ...runQuery(runId ?? ""), enabled: false, select: found });
  if (runId === null) return null;
  return replayed ? found(replayed) : (data ?? null);
}
