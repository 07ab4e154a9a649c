import { createContext, useContext } from "react";
import { type TemporalState, temporal } from "zundo";
import { createStore, useStore } from "zustand";
import type { Graph, OrchestratorDetail } from "@/api/types";
import { closed, type Drawing, opened, type Point, type Step } from "./graph";

type Viewport = { x: number; y: number; zoom: number };
type Selection = { nodes: ReadonlySet<string>; edges: ReadonlySet<string> };
export type Size = { width: number; height: number };

export type Flow = Drawing & {
  /** What the last change was, for "Undo: …". */
  what: string;
  name: string;
  description: string;
  base: Graph;
  /** Where the person has moved the view since it was opened. */
  viewport: Viewport | null;
  /** The revision that was opened or saved last: what If-Match says. */
  revision: number;
  saved: Saved;
  selection: Selection;
  /** As measured on screen; React Flow needs them back. */
  sizes: ReadonlyMap<string, Size>;
  /** Where the next node that is added goes; null: after the selected one. */
  intent: Intent | null;
  /** The node whose name, or the note whose text, is being edited in place. */
  renaming: string | null;
};

/** A place for a node to be added: on a wire, at the loose end of a wire, or just somewhere. */
export type Intent =
  | { on: "wire"; edge: string }
  | { on: "out"; node: string; port: string; at: Point | null }
  | { on: "into"; node: string; at: Point }
  | { on: "place"; at: Point };

/** What a save sends. */
export type Saved = Drawing & { name: string; description: string };
export type Entry = Pick<Flow, "nodes" | "edges" | "what">;

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
      /** Everything back to where it was. */
      cancel() {
        if (before === null) return;
        store.setState({ nodes: before.nodes });
        before = null;
        history().resume();
      },
      /** `also` is part of the same step. */
      stop(what: string, also?: (drawing: Flow) => Partial<Drawing>) {
        const start = before;
        before = null;
        if (also) store.setState((flow) => also(flow));
        history().resume();
        const { nodes, edges } = store.getState();
        if (start === null || (start.nodes === nodes && start.edges === edges)) return;
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
    /** Say where the next node goes. */
    intend(intent: Intent | null) {
      store.setState({ intent });
    },
    /** Edit a name in place; null: no more. */
    renaming(id: string | null) {
      store.setState({ renaming: id });
    },
    /** As many steps back as there are up to that one of the past (0 is the first). */
    back(to: number) {
      burst = { tag: "", at: 0 };
      history().undo(history().pastStates.length - to);
      store.setState(pruned);
    },
    rename(name: string) {
      store.setState({ name });
    },
    describe(description: string) {
      store.setState({ description });
    },
    /** What the server has taken: exactly what was sent, not what has been drawn meanwhile. */
    keep(revision: number, sent: Saved) {
      store.setState({ revision, saved: sent });
    },
    /** Begin again from what the server has. The history ends. */
    reopen(other: OrchestratorDetail) {
      history().pause();
      store.setState(fresh(other));
      history().resume();
      history().clear();
    },
    /** The person has moved the view: it is saved with the drawing, but is no change of it. */
    look(viewport: Viewport) {
      store.setState({ viewport });
    },
    definition(): Graph {
      const { base, viewport, nodes, edges } = store.getState();
      return closed(viewport ? { ...base, viewport } : base, { nodes, edges });
    },
  };
}

function fresh(found: OrchestratorDetail): Flow {
  const drawing = opened(found.definition);
  return {
    ...drawing,
    what: "",
    name: found.name,
    description: found.description,
    base: found.definition,
    viewport: null,
    revision: found.revision,
    saved: { ...drawing, name: found.name, description: found.description },
    selection: NOTHING,
    sizes: new Map(),
    intent: null,
    renaming: null,
  };
}

/** Selected is only what exists. */
function pruned({ nodes, edges, selection }: Flow): Partial<Flow> {
  const [here, wires] = [new Set(nodes.map(({ id }) => id)), new Set(edges.map(({ id }) => id))];
  const kept = (ids: ReadonlySet<string>, known: Set<string>) =>
    new Set([...ids].filter((id) => known.has(id)));
  return { selection: { nodes: kept(selection.nodes, here), edges: kept(selection.edges, wires) } };
}

export function dirty({ nodes, edges, name, description, saved }: Flow): boolean {
  return (
    nodes !== saved.nodes || edges !== saved.edges || name !== saved.name || description !== saved.description
  );
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
