import { createContext, useContext } from "react";
import { type TemporalState, temporal } from "zundo";
import { createStore, useStore } from "zustand";
import type { Graph, OrchestratorDetail } from "@/api/types";
import { closed, type Drawing, opened, type Step } from "./graph";

type Selection = { nodes: ReadonlySet<string>; edges: ReadonlySet<string> };
export type Size = { width: number; height: number };

export type Flow = Drawing & {
  /** What the last change was, for "Undo: …". */
  what: string;
  name: string;
  base: Graph;
  /** The revision that was opened or saved last: what If-Match says. */
  revision: number;
  saved: Drawing & { name: string };
  selection: Selection;
  /** As measured on screen; React Flow needs them back. */
  sizes: ReadonlyMap<string, Size>;
};

type Entry = Pick<Flow, "nodes" | "edges" | "what">;

const NOTHING: Selection = { nodes: new Set(), edges: new Set() };

/** The open drawing, with its undo history. One per orchestrator on screen; it knows no server. */
export function createFlow(found: OrchestratorDetail) {
  const store = createStore<Flow>()(
    temporal(() => fresh(found), {
      partialize: ({ nodes, edges, what }): Entry => ({ nodes, edges, what }),
      equality: (a, b) => a.nodes === b.nodes && a.edges === b.edges,
    }),
  );
  let burst = { tag: "", at: 0 };
  let before: Entry | null = null;
  const history = () => store.temporal.getState();

  /** Change the drawing: one undo step. The same `tag` again within a second belongs to the same step (typing). */
  const edit = (what: string, change: (drawing: Flow) => Partial<Drawing>, tag = "", now = Date.now()) => {
    const same = tag !== "" && tag === burst.tag && now - burst.at < 1000;
    burst = { tag, at: now };
    if (same) history().pause();
    store.setState((flow) => ({ ...change(flow), what }));
    if (same) history().resume();
  };

  return {
    store,
    edit,
    /** Between these, changes are one undo step, and none if nothing has moved. */
    drag: {
      start() {
        if (before !== null) return;
        const { nodes, edges, what } = store.getState();
        before = { nodes, edges, what };
        history().pause();
      },
      move(nodes: readonly Step[]) {
        store.setState({ nodes });
      },
      stop(what: string) {
        const start = before;
        before = null;
        history().resume();
        if (start === null || start.nodes === store.getState().nodes) return;
        store.setState({ what });
        store.temporal.setState(({ pastStates }) => ({
          pastStates: [...pastStates, start],
          futureStates: [],
        }));
        burst = { tag: "", at: 0 };
      },
    },
    undo() {
      burst = { tag: "", at: 0 };
      history().undo();
      store.setState(pruned);
    },
    redo() {
      burst = { tag: "", at: 0 };
      history().redo();
      store.setState(pruned);
    },
    select(nodes: Iterable<string>, edges: Iterable<string> = []) {
      store.setState({ selection: { nodes: new Set(nodes), edges: new Set(edges) } });
    },
    rename(name: string) {
      store.setState({ name });
    },
    /** What the server has taken: exactly what was sent, not what has been drawn meanwhile. */
    keep(revision: number, sent: Drawing & { name: string }) {
      store.setState({ revision, saved: sent });
    },
    /** Begin again from what the server has. The history ends. */
    reopen(other: OrchestratorDetail) {
      history().pause();
      store.setState(fresh(other));
      history().resume();
      history().clear();
    },
    definition: () => closed(store.getState().base, store.getState()),
  };
}

function fresh(found: OrchestratorDetail): Flow {
  const drawing = opened(found.definition);
  return {
    ...drawing,
    what: "",
    name: found.name,
    base: found.definition,
    revision: found.revision,
    saved: { ...drawing, name: found.name },
    selection: NOTHING,
    sizes: new Map(),
  };
}

/** Selected is only what exists. */
function pruned({ nodes, edges, selection }: Flow): Partial<Flow> {
  const [here, wires] = [new Set(nodes.map(({ id }) => id)), new Set(edges.map(({ id }) => id))];
  const kept = (ids: ReadonlySet<string>, known: Set<string>) =>
    new Set([...ids].filter((id) => known.has(id)));
  return { selection: { nodes: kept(selection.nodes, here), edges: kept(selection.edges, wires) } };
}

export function dirty({ nodes, edges, name, saved }: Flow): boolean {
  return nodes !== saved.nodes || edges !== saved.edges || name !== saved.name;
}

export type FlowControl = ReturnType<typeof createFlow>;

export const FlowContext = createContext<FlowControl | null>(null);

export function useFlowControl(): FlowControl {
  const control = useContext(FlowContext);
  if (control === null) throw new Error("outside of a canvas");
  return control;
}

export function useFlow<T>(select: (flow: Flow) => T): T {
  return useStore(useFlowControl().store, select);
}

export function useHistory<T>(select: (history: TemporalState<Entry>) => T): T {
  return useStore(useFlowControl().store.temporal, select);
}
