import {
  Background,
  type EdgeChange,
  ReactFlow,
  SelectionMode,
  useKeyPress,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import { type DragEvent, useEffect, useMemo, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { added } from "./adding";
import { Card } from "./card";
import { ARIA } from "./drawing/aria";
import { Bars, type Tool } from "./drawing/bars";
import { useConnecting, WhyNot } from "./drawing/connecting";
import { Group } from "./drawing/group";
import { Guides } from "./drawing/guides";
import { LiveRegion } from "./drawing/live";
import { useMoving, wireUnder } from "./drawing/moving";
import { type DrawnNode, useDrawnNodes } from "./drawing/nodes";
import { Note } from "./drawing/note";
import { useFollowing, useOpening, useRevealOpened } from "./drawing/opening";
import { Overview } from "./drawing/overview";
import { DetailProvider, DRAGGED, detailAt, MANY } from "./drawing/view";
import { Wire, type WireEdge, WireHands } from "./drawing/wire";
import { useDrawnWires } from "./drawing/wires";
import { GRID, labelOf, without } from "./graph";
import type { Actions } from "./keys";
import { Pins } from "./later";
import { type Intent, useFlow, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";
import { useDiscussed } from "./together/news";
import { useNarrow } from "./use-narrow";
import "./canvas.css";

/** Not under the names that React Flow has looks for. */
const NODES = { card: Card, note: Note, frame: Group };
const WIRES = { wire: Wire };
const SNAP: [number, number] = [GRID, GRID];
const MULTI = ["Meta", "Control", "Shift"];
const MIDDLE = [1];
const NO_ACTIONS: Actions = {};

type Props = {
  onOpen: (id: string) => void;
  /** The node whose panel is open. */
  opened?: string | undefined;
  /** Opens "Add a node"; without it nothing can be added here. */
  onAdd?: (intent: Intent | null) => void;
  /** For the buttons under the drawing. */
  actions?: Actions;
};

/** The drawing on React Flow. The store holds it; what is moved, wired and selected here goes there. */
export function DrawingView({ onOpen, opened, onAdd, actions = NO_ACTIONS }: Props) {
  const control = useFlowControl();
  const { id, kinds, editable, onComments } = useSurroundings();
  const pinned = (useDiscussed(id)?.pins.length ?? 0) > 0;
  const narrow = useNarrow();
  const draws = editable && !narrow;
  const many = useFlow((flow) => flow.nodes.length > MANY);
  const { screenToFlowPosition } = useReactFlow();
  const pane = useRef<HTMLDivElement>(null);
  const [minimap, setMinimap] = usePersistent("canvas-minimap", true);
  const [tool, setTool] = useState<Tool>("pan");
  const [dropping, setDropping] = useState<string | null>(null);
  const detail = useStore((state) => detailAt(state.transform[2]));
  const free = useKeyPress("Alt");
  const moving = useMoving(kinds, draws, free);
  const connecting = useConnecting(kinds, screenToFlowPosition, onAdd);
  const nodes = useDrawnNodes(connecting.refused, draws);
  const edges = useDrawnWires(dropping ?? moving.over, draws);
  const touched = useFollowing(pane);
  useOpening(pane);
  useRevealOpened(pane, opened);
  useOneTabStop(pane);

  const hands = useMemo(
    () => ({
      insert: (edge: string) => onAdd?.({ on: "wire", edge }),
      remove: (edge: string) =>
        control.edit(t("Disconnect"), (flow) => without(flow, new Set(), new Set([edge]))),
    }),
    [control, onAdd],
  );
  const changeEdges = (changes: EdgeChange<WireEdge>[]) => {
    const { selection } = control.store.getState();
    const chosen = new Set(selection.edges);
    for (const change of changes) {
      if (change.type !== "select") continue;
      if (change.selected) chosen.add(change.id);
      else chosen.delete(change.id);
    }
    control.select(selection.nodes, chosen);
  };
  const hover = (event: DragEvent) => {
    if (!draws || !event.dataTransfer.types.includes(DRAGGED)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    const next = wireUnder({ x: event.clientX, y: event.clientY });
    if (next !== dropping) setDropping(next);
  };
  const drop = (event: DragEvent) => {
    const wire = dropping;
    setDropping(null);
    const kind = kinds.get(event.dataTransfer.getData(DRAGGED));
    if (!kind || !draws) return;
    event.preventDefault();
    const at = screenToFlowPosition({ x: event.clientX, y: event.clientY });
    const flow = control.store.getState();
    const { step, drawing } = added(flow, kinds, kind, {
      intent: wire ? { on: "wire", edge: wire } : { on: "place", at },
      before: null,
      middle: at,
      wired: true,
    });
    control.edit(`${wire ? t("Insert") : t("Add")} ${labelOf(step)}`, () => drawing);
    control.select([step.id]);
    onOpen(step.id);
  };

  return (
    <DetailProvider value={detail}>
      <WireHands value={hands}>
        <div className="@container relative h-full">
          <p id="canvas-keys" className="sr-only">
            {t(
              "Arrow keys go from node to node along the wires, Enter opens one, {draws}question mark lists all keys. The outline shows the same as a list.",
              { draws: draws && t("Tab adds one after it, Shift and Tab leave the canvas, ") },
            )}
          </p>
          <ReactFlow<DrawnNode, WireEdge>
            ariaLabelConfig={ARIA}
            ref={pane}
            className={cn("baton-canvas", draws && tool === "select" && "selects")}
            aria-label={t("Canvas")}
            aria-describedby="canvas-keys"
            tabIndex={0}
            nodes={nodes}
            edges={edges}
            nodeTypes={NODES}
            edgeTypes={WIRES}
            onNodesChange={moving.change}
            onEdgesChange={changeEdges}
            onNodeDragStart={(event, _, dragged) => moving.start(event, dragged)}
            onNodeDrag={(_, __, dragged) => moving.during(dragged)}
            onNodeDragStop={(_, __, dragged) => moving.stop(dragged)}
            onSelectionDragStart={(event, dragged) => moving.start(event, dragged)}
            onSelectionDragStop={(_, dragged) => moving.stop(dragged)}
            onNodeClick={(event, node) => {
              const several = event.shiftKey || event.metaKey || event.ctrlKey;
              if (!several && node.type === "card") onOpen(node.id);
            }}
            isValidConnection={(ends) => connecting.why(ends) === null}
            onConnect={connecting.connect}
            onConnectStart={connecting.start}
            onConnectEnd={connecting.end}
            onDoubleClick={(event) => {
              const pane = event.target instanceof Element && event.target.matches(".react-flow__pane");
              if (!pane || !draws) return;
              onAdd?.({ on: "place", at: screenToFlowPosition({ x: event.clientX, y: event.clientY }) });
            }}
            onDragOver={hover}
            onDragLeave={() => setDropping(null)}
            onDrop={drop}
            onMoveStart={(event) => event && touched()}
            onMoveEnd={(event, viewport) => event && control.look(viewport)}
            nodesDraggable={draws}
            nodesConnectable={draws}
            nodesFocusable={false}
            edgesFocusable={false}
            edgesReconnectable={false}
            onlyRenderVisibleElements={many}
            connectionRadius={28}
            deleteKeyCode={null}
            multiSelectionKeyCode={MULTI}
            selectionMode={SelectionMode.Partial}
            selectionOnDrag={tool === "select"}
            panOnDrag={tool === "select" ? MIDDLE : true}
            zoomOnDoubleClick={false}
            disableKeyboardA11y
            snapToGrid={!free}
            snapGrid={SNAP}
            minZoom={0.1}
            maxZoom={2}
          >
            <Background gap={16} size={1.5} />
            {minimap && <Overview />}
            <Guides guides={moving.guides} />
            {onComments && pinned && <Pins />}
          </ReactFlow>
          <WhyNot />
          <Bars
            actions={actions}
            draws={draws}
            tool={tool}
            onTool={setTool}
            minimap={minimap}
            onMinimap={setMinimap}
          />
          <LiveRegion />
        </div>
      </WireHands>
    </DetailProvider>
  );
}

/** The canvas is one tab stop: itself, or the node in it that has the focus. */
function useOneTabStop(pane: { current: HTMLDivElement | null }): void {
  useEffect(() => {
    const canvas = pane.current;
    if (!canvas) return;
    const into = (event: globalThis.FocusEvent) => {
      canvas.tabIndex = event.target === canvas ? 0 : -1;
    };
    const out = (event: globalThis.FocusEvent) => {
      if (!(event.relatedTarget instanceof Node && canvas.contains(event.relatedTarget))) canvas.tabIndex = 0;
    };
    canvas.addEventListener("focusin", into);
    canvas.addEventListener("focusout", out);
    return () => {
      canvas.removeEventListener("focusin", into);
      canvas.removeEventListener("focusout", out);
    };
  }, [pane]);
}
