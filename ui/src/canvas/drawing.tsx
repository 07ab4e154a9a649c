import { useQuery } from "@tanstack/react-query";
import {
  Background,
  Controls,
  type Edge,
  type EdgeChange,
  MarkerType,
  MiniMap,
  type NodeChange,
  ReactFlow,
  useNodesInitialized,
  useReactFlow,
} from "@xyflow/react";
import { type DragEvent, useEffect, useMemo, useRef } from "react";
import { toast } from "sonner";
import { ended, runQuery } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { plural } from "@/lib/time";
import { Card, type CardNode } from "./card";
import {
  CARD,
  connected,
  drawnPorts,
  GRID,
  labelOf,
  made,
  moved,
  type Point,
  portOf,
  refusal,
  type Step,
  type Wire,
} from "./graph";
import { type Size, useFlow, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";
import "./canvas.css";

export const DRAGGED = "application/x-baton-kind";
export const FIT = { maxZoom: 1, minZoom: 0.7, padding: 0.12 } as const;
const ACTIVE: readonly string[] = ["RUNNING", "WAITING", "QUEUED", "HELD"];
const TYPES = { card: Card };
const SNAP: [number, number] = [GRID, GRID];
const MULTI = ["Meta", "Control"];
const MARKER = { type: MarkerType.ArrowClosed, width: 12, height: 12, color: "var(--edge)" } as const;

/** The drawing on React Flow. The store holds it; what is moved, wired and selected here goes there. */
export function DrawingView({ onOpen }: { onOpen: (id: string) => void }) {
  const control = useFlowControl();
  const { kinds, editable, runId } = useSurroundings();
  const steps = useFlow((flow) => flow.nodes);
  const wires = useFlow((flow) => flow.edges);
  const selection = useFlow((flow) => flow.selection);
  const sizes = useFlow((flow) => flow.sizes);
  const { screenToFlowPosition, flowToScreenPosition, setViewport, setCenter, getZoom, getNodesBounds } =
    useReactFlow();
  const ready = useNodesInitialized();
  const pane = useRef<HTMLDivElement>(null);
  const { data: run } = useQuery({ ...runQuery(runId ?? ""), enabled: false });
  const shown = runId === null ? undefined : run;

  const drawn = useMemo(() => {
    const cache = new WeakMap<Step, CardNode>();
    return (step: Step, ports: string, selected: boolean, measured: Size | undefined) => {
      const held = cache.get(step);
      if (held && held.data.ports === ports && held.selected === selected && held.measured === measured)
        return held;
      const node: CardNode = {
        id: step.id,
        type: "card",
        position: step.position,
        data: { step, ports },
        selected,
        measured,
        ariaLabel: `${labelOf(step)}, ${kinds.get(step.type)?.title ?? step.type}`,
      };
      cache.set(step, node);
      return node;
    };
  }, [kinds]);
  const leaving = useMemo(() => {
    const found = new Map<string, Wire[]>();
    for (const wire of wires) found.set(wire.source, [...(found.get(wire.source) ?? []), wire]);
    return found;
  }, [wires]);
  const nodes = steps.map((step) => {
    const ports = drawnPorts(step, kinds, leaving.get(step.id) ?? []).join("\n");
    return drawn(step, ports, selection.nodes.has(step.id), sizes.get(step.id));
  });
  const edges = useMemo(() => {
    const labels = new Map(steps.map((step) => [step.id, labelOf(step)]));
    return wires.map((wire) => edgeOf(wire, selection.edges.has(wire.id), shown, labels));
  }, [wires, selection.edges, shown, steps]);

  // A drawing too wide to be read at once opens at its beginning, not in its middle.
  const begun = useRef(false);
  useEffect(() => {
    if (!ready || begun.current || !pane.current) return;
    begun.current = true;
    const { width, height } = pane.current.getBoundingClientRect();
    const bounds = getNodesBounds(control.store.getState().nodes.map(({ id }) => id));
    const zoom = FIT.minZoom;
    if (bounds.width * zoom + 64 <= width) return;
    void setViewport({
      x: 32 - bounds.x * zoom,
      y: height / 2 - (bounds.y + bounds.height / 2) * zoom,
      zoom,
    });
  }, [ready, control, getNodesBounds, setViewport]);

  // A run that goes on is followed, unless the person has just moved the drawing.
  const touched = useRef(0);
  const active =
    shown && !ended(shown.status) ? shown.nodes.find((node) => ACTIVE.includes(node.status))?.id : undefined;
  useEffect(() => {
    const box = pane.current?.getBoundingClientRect();
    const at = control.store.getState().nodes.find((step) => step.id === active)?.position;
    if (!box || !at || Date.now() - touched.current < 5000) return;
    const start = flowToScreenPosition(at);
    const end = flowToScreenPosition({ x: at.x + CARD.width, y: at.y + CARD.height });
    if (start.x >= box.left && end.x <= box.right && start.y >= box.top && end.y <= box.bottom) return;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    void setCenter(at.x + CARD.width / 2, at.y + CARD.height / 2, {
      zoom: getZoom(),
      duration: calm ? 0 : 300,
    });
  }, [active, control, flowToScreenPosition, setCenter, getZoom]);

  const changeNodes = (changes: NodeChange<CardNode>[]) => {
    const places = new Map<string, Point>();
    const measured = new Map<string, Size>();
    const chosen = new Set(control.store.getState().selection.nodes);
    let selects = false;
    for (const change of changes) {
      if (change.type === "position" && change.position) places.set(change.id, change.position);
      if (change.type === "dimensions" && change.dimensions) measured.set(change.id, change.dimensions);
      if (change.type === "select") {
        selects = true;
        if (change.selected) chosen.add(change.id);
        else chosen.delete(change.id);
      }
    }
    if (measured.size) control.store.setState((flow) => ({ sizes: new Map([...flow.sizes, ...measured]) }));
    if (places.size && editable) control.drag.move(moved(control.store.getState(), places).nodes);
    if (selects) control.select(chosen, control.store.getState().selection.edges);
  };
  const changeEdges = (changes: EdgeChange[]) => {
    const chosen = new Set(control.store.getState().selection.edges);
    for (const change of changes) {
      if (change.type !== "select") continue;
      if (change.selected) chosen.add(change.id);
      else chosen.delete(change.id);
    }
    control.select(control.store.getState().selection.nodes, chosen);
  };
  const stop = (count: number) => control.drag.stop(`Move ${plural(count, "node")}`);
  const drop = (event: DragEvent) => {
    const kind = kinds.get(event.dataTransfer.getData(DRAGGED));
    if (!kind || !editable) return;
    event.preventDefault();
    const at = screenToFlowPosition({ x: event.clientX, y: event.clientY });
    const step = made(kind, control.store.getState(), at);
    control.edit(`Add ${labelOf(step)}`, (flow) => ({ nodes: [...flow.nodes, step] }));
    control.select([step.id]);
    onOpen(step.id);
  };

  return (
    <ReactFlow<CardNode, Edge>
      ref={pane}
      className="baton-canvas"
      aria-label="Canvas"
      nodes={nodes}
      edges={edges}
      nodeTypes={TYPES}
      onNodesChange={changeNodes}
      onEdgesChange={changeEdges}
      onNodeDragStart={() => control.drag.start()}
      onNodeDragStop={(_, __, dragged) => stop(dragged.length)}
      onSelectionDragStart={() => control.drag.start()}
      onSelectionDragStop={(_, dragged) => stop(dragged.length)}
      onNodeClick={(event, node) => {
        if (!event.shiftKey && !event.metaKey && !event.ctrlKey) onOpen(node.id);
      }}
      isValidConnection={(ends) => refusal(control.store.getState(), kinds, ends) === null}
      onConnect={(ends) => {
        if (refusal(control.store.getState(), kinds, ends) === null)
          control.edit("Connect", (flow) => connected(flow, ends));
      }}
      onConnectEnd={(_, { isValid, fromNode, fromHandle, toNode, toHandle }) => {
        if (isValid || !fromNode || !toNode) return;
        const forward = fromHandle?.type === "source";
        const why = refusal(control.store.getState(), kinds, {
          source: forward ? fromNode.id : toNode.id,
          target: forward ? toNode.id : fromNode.id,
          sourceHandle: (forward ? fromHandle : toHandle)?.id ?? null,
        });
        if (why) toast.error("These cannot be connected", { description: why });
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = "copy";
      }}
      onDrop={drop}
      onMoveStart={(event) => {
        if (event) touched.current = Date.now();
      }}
      nodesDraggable={editable}
      nodesConnectable={editable}
      edgesReconnectable={false}
      onlyRenderVisibleElements={steps.length > 150}
      connectionRadius={28}
      deleteKeyCode={null}
      multiSelectionKeyCode={MULTI}
      disableKeyboardA11y
      snapToGrid
      snapGrid={SNAP}
      fitView
      fitViewOptions={FIT}
      minZoom={0.1}
      maxZoom={2}
    >
      <Background gap={16} size={1.5} />
      <Controls showInteractive={false} fitViewOptions={FIT} />
      <MiniMap pannable zoomable ariaLabel="Overview" className="max-md:hidden" />
    </ReactFlow>
  );
}

/** A wire as drawn: its port by name unless it is the usual one; over a run, whether it was taken. */
function edgeOf(
  wire: Wire,
  selected: boolean,
  run: RunDetail | undefined,
  labels: ReadonlyMap<string, string>,
): Edge {
  const port = portOf(wire);
  const source = run?.nodes.find((node) => node.id === wire.source);
  const target = run?.nodes.find((node) => node.id === wire.target);
  const taken = source?.port === port && target !== undefined && target.status !== "SKIPPED";
  const active = taken && target.status === "RUNNING" && run !== undefined && !ended(run.status);
  return {
    id: wire.id,
    source: wire.source,
    target: wire.target,
    sourceHandle: port,
    type: "smoothstep",
    selected,
    markerEnd: MARKER,
    animated: active,
    className: run ? (taken ? "taken" : "untaken") : undefined,
    ...(port !== "out" && { label: port, labelBgPadding: [4, 2] as [number, number] }),
    ariaLabel: `Wire from ${labels.get(wire.source) ?? wire.source}, port ${port}, to ${labels.get(wire.target) ?? wire.target}`,
  };
}
