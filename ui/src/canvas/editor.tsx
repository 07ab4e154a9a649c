import { useQuery } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { Plus, Workflow } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { toastProblem } from "@/api/problem";
import { checkQuery, useMay } from "@/api/queries";
import type { DefinitionProblem, Kind, OrchestratorDetail } from "@/api/types";
import { plural } from "@/lib/time";
import { useCommands } from "@/shell/commands";
import { Button, ConfirmDialog, EmptyState, useDocumentTitle } from "@/ui";
import { AddPanel } from "./add-panel";
import { ConflictDialog } from "./conflict";
import { DrawingView, FIT } from "./drawing";
import { copied, type Direction, GRID, moved, neighbour, parsed, pasted, tidy, without } from "./graph";
import { Header } from "./header";
import { useCanvasKeys } from "./keys";
import { NodePanel } from "./node-panel";
import { Outline } from "./outline";
import { Problems } from "./problems";
import { RunBar } from "./run-bar";
import { RunDialog } from "./run-dialog";
import { createFlow, dirty, FlowContext, useFlow, useFlowControl } from "./store";
import { SurroundingsProvider } from "./surroundings";
import { useSave } from "./use-save";

/** What of the canvas stands in the address. */
export type Place = { node?: string; panel?: string; run?: string };

type Props = {
  found: OrchestratorDetail;
  kinds: readonly Kind[];
  place: Place;
  onPlace: (place: Place) => void;
  onCopied: (id: string) => void;
};

/** An orchestrator's drawing with everything around it. Give it the orchestrator's id as `key`. */
export function CanvasEditor(props: Props) {
  const [control] = useState(() => createFlow(props.found));
  return (
    <FlowContext.Provider value={control}>
      <ReactFlowProvider>
        <Editor {...props} />
      </ReactFlowProvider>
    </FlowContext.Provider>
  );
}

function Editor({ found, kinds, place, onPlace, onCopied }: Props) {
  const control = useFlowControl();
  const editable = useMay("editor");
  const starts = useMay("operator");
  const { setCenter, getZoom, fitView } = useReactFlow();
  const [running, setRunning] = useState(false);
  const name = useFlow((flow) => flow.name);
  const revision = useFlow((flow) => flow.revision);
  const changed = useFlow(dirty);
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === place.node));
  const empty = useFlow((flow) => flow.nodes.length === 0);
  const problems = useProblems();
  const saving = useSave(found.id, onCopied);
  useDocumentTitle(name);

  // Saved by somebody else while nothing here was changed: show theirs.
  useEffect(() => {
    if (found.revision > revision && !changed) control.reopen(found);
  }, [control, found, revision, changed]);

  const surroundings = useMemo(
    () => ({
      kinds: new Map(kinds.map((kind) => [kind.type, kind])),
      runId: place.run ?? null,
      problems,
      editable,
    }),
    [kinds, place.run, problems, editable],
  );

  const show = (id: string) => {
    const node = document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
    const at = control.store.getState().nodes.find((each) => each.id === id)?.position;
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    const box = node?.getBoundingClientRect();
    const inside =
      box &&
      pane &&
      box.left >= pane.left &&
      box.right <= pane.right &&
      box.top >= pane.top &&
      box.bottom <= pane.bottom;
    if (at && !inside) void setCenter(at.x + 116, at.y + 36, { zoom: Math.max(0.7, getZoom()) });
    node?.focus({ preventScroll: true });
  };
  const goTo = (id: string) => {
    control.select([id]);
    onPlace({ ...place, node: id });
    show(id);
  };
  const remove = () => {
    const { selection } = control.store.getState();
    const count = selection.nodes.size + selection.edges.size;
    if (!editable || count === 0) return;
    control.edit(
      selection.nodes.size ? `Delete ${plural(selection.nodes.size, "node")}` : "Disconnect",
      (flow) => without(flow, selection.nodes, selection.edges),
    );
    control.select([]);
    if (place.node && selection.nodes.has(place.node)) onPlace({ ...place, node: undefined });
  };
  const tidyUp = async () => {
    if (!editable) return;
    try {
      const places = await tidy(control.store.getState());
      control.edit("Tidy up", (flow) => moved(flow, places));
      window.requestAnimationFrame(() => void fitView(FIT));
    } catch (error) {
      toastProblem(error, "It was not tidied up");
    }
  };
  const go = (direction: Direction) => {
    const flow = control.store.getState();
    const [from] = flow.selection.nodes;
    const id = neighbour(flow, from ?? "", direction);
    if (id === null) return;
    control.select([id]);
    if (place.node) onPlace({ ...place, node: id });
    show(id);
  };
  const nudge = (direction: Direction, far: boolean) => {
    const { selection, nodes } = control.store.getState();
    if (!editable || selection.nodes.size === 0) return;
    const size = far ? 8 * GRID : GRID;
    const dx = direction === "left" ? -size : direction === "right" ? size : 0;
    const dy = direction === "up" ? -size : direction === "down" ? size : 0;
    const places = new Map(
      nodes
        .filter((node) => selection.nodes.has(node.id))
        .map((node) => [node.id, { x: node.position.x + dx, y: node.position.y + dy }]),
    );
    control.edit(`Move ${plural(places.size, "node")}`, (flow) => moved(flow, places), "nudge");
  };
  const toggle = (panel: string) => onPlace({ ...place, panel: place.panel === panel ? undefined : panel });

  useCanvasKeys({
    save: () => void (editable && saving.save()),
    run: () => setRunning(starts),
    undo: control.undo,
    redo: control.redo,
    selectAll: () => control.select(control.store.getState().nodes.map((node) => node.id)),
    remove,
    open: () => {
      const [id] = control.store.getState().selection.nodes;
      const focused = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset.id;
      const wanted = focused ?? id;
      if (wanted === undefined) return;
      control.select([wanted]);
      onPlace({ ...place, node: wanted });
    },
    leave: () => {
      if (place.node) onPlace({ ...place, node: undefined });
      else control.select([]);
    },
    add: () => void (editable && onPlace({ ...place, panel: "add" })),
    tidy: () => void tidyUp(),
    go,
    nudge,
    copy: () => {
      const flow = control.store.getState();
      return flow.selection.nodes.size ? copied(flow, flow.selection.nodes) : null;
    },
    paste: (text) => {
      const part = editable ? parsed(text) : null;
      if (part === null || part.nodes.length === 0) return false;
      const result = pasted(control.store.getState(), part);
      control.edit(`Paste ${plural(part.nodes.length, "node")}`, () => result.drawing);
      control.select(result.ids);
      return true;
    },
  });
  useCommands([
    ...(starts
      ? [
          {
            id: "canvas.run",
            label: "Run this orchestrator",
            group: "Canvas",
            shortcut: "mod+enter",
            run: () => setRunning(true),
          },
        ]
      : []),
    ...(editable
      ? [
          {
            id: "canvas.save",
            label: "Save",
            group: "Canvas",
            shortcut: "mod+s",
            run: () => void saving.save(),
          },
          { id: "canvas.add", label: "Add a node", group: "Canvas", shortcut: "n", run: () => toggle("add") },
          {
            id: "canvas.tidy",
            label: "Tidy up",
            group: "Canvas",
            shortcut: "shift+t",
            run: () => void tidyUp(),
          },
        ]
      : []),
  ]);
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      current.pathname !== next.pathname && dirty(control.store.getState()),
    enableBeforeUnload: () => dirty(control.store.getState()),
    withResolver: true,
  });
  const closeSide = () => onPlace({ ...place, panel: undefined });

  return (
    <SurroundingsProvider value={surroundings}>
      <div className="flex h-full min-h-0 flex-col">
        <Header
          side={place.panel}
          onSide={toggle}
          onSave={() => void saving.save()}
          saving={saving.pending}
          onRun={() => setRunning(true)}
          onTidy={() => void tidyUp()}
        />
        {place.run && <RunBar runId={place.run} onClose={() => onPlace({ ...place, run: undefined })} />}
        <div className="relative flex min-h-0 flex-1">
          {place.panel === "add" && editable && (
            <AddPanel onClose={closeSide} onAdded={(id) => onPlace({ ...place, node: id })} />
          )}
          {place.panel === "outline" && <Outline onClose={closeSide} onOpen={goTo} />}
          {place.panel === "problems" && <Problems onClose={closeSide} onOpen={goTo} />}
          <div className="relative min-w-0 flex-1">
            <DrawingView onOpen={(node) => onPlace({ ...place, node })} />
            {empty && (
              <EmptyState
                icon={Workflow}
                title="Nothing drawn yet"
                className="pointer-events-none absolute inset-0 [&_button]:pointer-events-auto"
                actions={
                  editable && (
                    <Button icon={Plus} onClick={() => onPlace({ ...place, panel: "add" })}>
                      Add a node
                    </Button>
                  )
                }
              >
                Add a node, or paste a drawing as JSON.
              </EmptyState>
            )}
          </div>
          {step && (
            <NodePanel
              key={step.id}
              step={step}
              onClose={() => onPlace({ ...place, node: undefined })}
              onDelete={() => {
                control.select([step.id]);
                remove();
              }}
            />
          )}
        </div>
      </div>
      {running && (
        <RunDialog
          id={found.id}
          dirty={changed && editable}
          save={() => (editable ? saving.save() : Promise.resolve(true))}
          onClose={() => setRunning(false)}
          onStarted={(run) => {
            setRunning(false);
            onPlace({ ...place, run });
          }}
        />
      )}
      {saving.conflict && (
        <ConflictDialog
          pending={saving.pending}
          onClose={saving.dismiss}
          onReload={() => void saving.reload()}
          onOverwrite={() => void saving.save(true)}
          onCopy={() => void saving.copy()}
        />
      )}
      <ConfirmDialog
        open={blocker.status === "blocked"}
        onOpenChange={(open) => !open && blocker.reset?.()}
        title="Leave without saving?"
        action="Leave, dropping my changes"
        onConfirm={() => blocker.proceed?.()}
      >
        What you have drawn since revision {revision} is not saved.
      </ConfirmDialog>
    </SurroundingsProvider>
  );
}

const NO_PROBLEMS: readonly DefinitionProblem[] = [];

/** What the server has against the drawing as it is now, asked once it has been still for a moment. */
function useProblems(): readonly DefinitionProblem[] {
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
