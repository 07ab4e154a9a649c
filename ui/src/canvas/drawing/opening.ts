import { type Rect, useNodesInitialized, useReactFlow, type Viewport } from "@xyflow/react";
import { type RefObject, useCallback, useEffect, useRef } from "react";
import { ended } from "@/api/queries";
import type { Graph } from "@/api/types";
import { CARD } from "../graph";
import { useFlowControl } from "../store";
import { useShownRun, useSurroundings } from "../surroundings";
import { FIT, READABLE, ROOM } from "./view";

const ACTIVE: readonly string[] = ["RUNNING", "WAITING", "QUEUED", "HELD"];

/** Shows the drawing when it opens: as it was saved, else as a whole where that can be read well. A larger one begins at its
 * beginning. */
export function useOpening(pane: RefObject<HTMLDivElement | null>): void {
  const control = useFlowControl();
  const { setViewport, getNodesBounds, fitView } = useReactFlow();
  const ready = useNodesInitialized();
  const begun = useRef(false);
  useEffect(() => {
    if (!ready || begun.current || !pane.current) return;
    begun.current = true;
    const { base, nodes } = control.store.getState();
    const saved = viewportOf(base);
    if (saved) return void setViewport(saved);
    const boxes = nodes.map(({ id }) => getNodesBounds([id]));
    const start = startOf(boxes, pane.current.getBoundingClientRect());
    if (start) void setViewport(start);
    else void fitView(FIT);
  }, [ready, pane, control, getNodesBounds, setViewport, fitView]);
}

/** Where a drawing begins that cannot be read as a whole: its leftmost nodes, at `READABLE`. Null: it fits. */
export function startOf(
  boxes: readonly Rect[],
  { width, height }: { width: number; height: number },
): Viewport | null {
  const room = { width: width - 2 * ROOM.side, height: height - ROOM.top - ROOM.bottom };
  const left = Math.min(...boxes.map(({ x }) => x));
  const top = Math.min(...boxes.map(({ y }) => y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  if (boxes.length === 0 || Math.min(room.width / (right - left), room.height / (bottom - top)) >= READABLE)
    return null;
  const zoom = READABLE;
  // Where not all of the height is in view, what comes first is in the middle of it.
  const first = boxes.filter(({ x }) => x - left < CARD.width);
  const tall = (bottom - top) * zoom > room.height;
  const middle = tall ? mean(first.map((box) => box.y + box.height / 2)) : (top + bottom) / 2;
  const centred = ROOM.top + room.height / 2 - middle * zoom;
  const y = tall
    ? Math.min(ROOM.top - top * zoom, Math.max(height - ROOM.bottom - bottom * zoom, centred))
    : centred;
  return { x: ROOM.side - left * zoom, y, zoom };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The place and size at which a drawing was saved, by whatever tool did so. */
export function viewportOf(graph: Graph): Viewport | null {
  const { viewport } = graph as { viewport?: unknown };
  if (typeof viewport !== "object" || viewport === null) return null;
  const { x, y, zoom } = viewport as Record<string, unknown>;
  const numbers = [x, y, zoom].every((each) => typeof each === "number" && Number.isFinite(each));
  return numbers && (zoom as number) > 0 ? { x: x as number, y: y as number, zoom: zoom as number } : null;
}

/** Goes where the run goes, unless the person has just moved the drawing. Returns what to call when they do. */
export function useFollowing(pane: RefObject<HTMLDivElement | null>): () => void {
  const { follow } = useSurroundings();
  const reveal = useReveal(pane);
  const run = useShownRun();
  const touched = useRef(0);
  const active =
    run && !ended(run.status) ? run.nodes.find((node) => ACTIVE.includes(node.status))?.id : undefined;
  useEffect(() => {
    if (follow && active && Date.now() - touched.current >= 5000) reveal(active);
  }, [active, follow, reveal]);
  return () => {
    touched.current = Date.now();
  };
}

/** Keeps the node in view whose panel has just opened beside the drawing, and taken room from it. */
export function useRevealOpened(pane: RefObject<HTMLDivElement | null>, opened: string | undefined): void {
  const reveal = useReveal(pane);
  useEffect(() => {
    if (!opened) return;
    const laidOut = window.requestAnimationFrame(() => reveal(opened));
    return () => window.cancelAnimationFrame(laidOut);
  }, [opened, reveal]);
}

/** Brings a node to the middle, if any of it is out of view. */
function useReveal(pane: RefObject<HTMLDivElement | null>): (id: string) => void {
  const control = useFlowControl();
  const { flowToScreenPosition, setCenter, getZoom } = useReactFlow();
  return useCallback(
    (id) => {
      const box = pane.current?.getBoundingClientRect();
      const at = control.store.getState().nodes.find((step) => step.id === id)?.position;
      if (!box || !at) return;
      const start = flowToScreenPosition(at);
      const end = flowToScreenPosition({ x: at.x + CARD.width, y: at.y + CARD.height });
      if (start.x >= box.left && end.x <= box.right && start.y >= box.top && end.y <= box.bottom) return;
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      void setCenter(at.x + CARD.width / 2, at.y + CARD.height / 2, {
        zoom: getZoom(),
        duration: calm ? 0 : 300,
      });
    },
    [pane, control, flowToScreenPosition, setCenter, getZoom],
  );
}
