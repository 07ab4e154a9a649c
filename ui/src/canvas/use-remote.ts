import { useInfiniteQuery } from "@tanstack/react-query";
import { useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useRef, useState } from "react";
import { type Importable, type OfferFilter, offersQuery } from "@/api/queries";
import type { Intent } from "./store";
import { useImport } from "./use-import";

export const DRAGGED_WORKFLOW = "application/x-baton-workflow";

type Options = {
  /** False: nothing is looked for. */
  enabled?: boolean;
  intent?: Intent | null;
};

/** Remote workflows to choose from: what is found, adding one, and dragging one onto the drawing. */
export function useRemote(
  filter: OfferFilter,
  onAdded: (id: string) => void,
  { enabled = true, intent = null }: Options = {},
) {
  const query = useInfiniteQuery({ ...offersQuery(filter), enabled });
  const { add, pending } = useImport(onAdded);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  // Enter means the first of what is found for the words as they are, also when that is still on its way.
  const [wanted, setWanted] = useState<{ wired: boolean; intent: Intent | null } | null>(null);
  useEffect(() => {
    if (wanted === null || !query.data || query.isPlaceholderData || pending !== null) return;
    const first = rows.find((item) => item.executable);
    if (!first && query.data.pages[0]?.connections.some((each) => each.renewing)) return;
    setWanted(null);
    if (first) void add(first, wanted);
  }, [wanted, query.data, query.isPlaceholderData, pending, rows, add]);
  useDrops((item, at) => void add(item, { intent: { on: "place", at } }));
  return {
    query,
    rows,
    pending,
    add: (item: Importable, wired: boolean) => void add(item, { wired, intent }),
    addFirst: (wired: boolean) => setWanted({ wired, intent }),
    /** Other words: what Enter was pressed for is not meant any more. */
    forget: () => setWanted(null),
  };
}

/** Takes a workflow that is dragged onto the drawing; `at` is the pointer. */
function useDrops(onDrop: (item: Importable, at: { x: number; y: number }) => void) {
  const { screenToFlowPosition } = useReactFlow();
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });
  useEffect(() => {
    // With what lies over the drawing while it is empty.
    const pane = document.querySelector<HTMLElement>(".react-flow")?.parentElement;
    if (!pane) return;
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes(DRAGGED_WORKFLOW)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    };
    const drop = (event: DragEvent) => {
      const text = event.dataTransfer?.getData(DRAGGED_WORKFLOW);
      if (!text) return;
      event.preventDefault();
      latest.current(JSON.parse(text), screenToFlowPosition({ x: event.clientX, y: event.clientY }));
    };
    pane.addEventListener("dragover", over);
    pane.addEventListener("drop", drop);
    return () => {
      pane.removeEventListener("dragover", over);
      pane.removeEventListener("drop", drop);
    };
  }, [screenToFlowPosition]);
}
