import type { NodeChange } from "@xyflow/react";
import { useRef, useState } from "react";
import { t } from "@/lib/text";
import {
  aligned,
  around,
  type Box,
  between,
  boxOf,
  type Guide,
  type Kinds,
  members,
  moved,
  type Point,
  pasted,
  resized,
} from "../graph";
import { type Size, useFlowControl } from "../store";
import { named } from "../use-editing";
import type { DrawnNode } from "./nodes";

type Drag = {
  ids: ReadonlySet<string>;
  /** Stands in a group that is moved, and is not dragged itself. */
  carried: ReadonlyMap<string, Point>;
  from: ReadonlyMap<string, Point>;
  others: readonly Box[];
  copies: boolean;
  at: number;
};

/** Dragging, resizing, measuring and selecting: what React Flow says of the nodes goes into the store. */
export function useMoving(kinds: Kinds, draws: boolean, free: boolean) {
  const control = useFlowControl();
  const drag = useRef<Drag | null>(null);
  const [guides, setGuides] = useState<readonly Guide[]>([]);
  const [over, setOver] = useState<string | null>(null);

  const start = (event: { altKey: boolean }, dragged: readonly DrawnNode[]) => {
    if (drag.current) return;
    const flow = control.store.getState();
    const ids = new Set(dragged.map(({ id }) => id));
    const carried = new Map<string, Point>();
    for (const step of flow.nodes) {
      if (!ids.has(step.id) || step.type !== "Group") continue;
      for (const id of members(flow, step)) {
        const inside = flow.nodes.find((node) => node.id === id);
        if (inside && !ids.has(id)) carried.set(id, inside.position);
      }
    }
    drag.current = {
      ids,
      carried,
      from: new Map(flow.nodes.filter(({ id }) => ids.has(id)).map((node) => [node.id, node.position])),
      others: flow.nodes
        .filter(({ id, type }) => !ids.has(id) && !carried.has(id) && type !== "Group")
        .map((node) => boxOf(node, flow.sizes.get(node.id))),
      copies: event.altKey,
      at: 0,
    };
    control.drag.start();
  };

  /** Where the dragged nodes are, in line with others, and with what they carry. */
  const settled = (places: Map<string, Point>) => {
    const flow = control.store.getState();
    const held = drag.current;
    if (!held) return places;
    const boxes = flow.nodes.flatMap((node) => {
      const at = places.get(node.id);
      return at ? [{ ...boxOf(node, flow.sizes.get(node.id)), ...at }] : [];
    });
    if (!free && boxes.length && boxes.length <= 50) {
      const line = aligned(around(boxes), held.others);
      for (const [id, at] of places) places.set(id, { x: at.x + line.dx, y: at.y + line.dy });
      if (line.guides.length || guides.length) setGuides(line.guides);
    } else if (guides.length) setGuides([]);
    const [first] = places;
    const origin = first && held.from.get(first[0]);
    if (first && origin && held.carried.size) {
      const [dx, dy] = [first[1].x - origin.x, first[1].y - origin.y];
      for (const [id, at] of held.carried) places.set(id, { x: at.x + dx, y: at.y + dy });
    }
    return places;
  };

  const change = (changes: NodeChange<DrawnNode>[]) => {
    const flow = control.store.getState();
    const places = new Map<string, Point>();
    const measured = new Map<string, Size>();
    const chosen = new Set(flow.selection.nodes);
    let nodes = flow.nodes;
    let selects = false;
    for (const each of changes) {
      if (each.type === "position" && each.position) places.set(each.id, each.position);
      if (each.type === "dimensions" && each.dimensions) {
        if (each.setAttributes && draws) {
          const step = nodes.find(({ id }) => id === each.id);
          const at = places.get(each.id) ?? step?.position;
          if (at)
            nodes = resized({ ...flow, nodes }, each.id, { ...each.dimensions, x: at.x, y: at.y }).nodes;
          places.delete(each.id);
        } else measured.set(each.id, each.dimensions);
      }
      if (each.type === "select") {
        selects = true;
        if (each.selected) chosen.add(each.id);
        else chosen.delete(each.id);
      }
    }
    if (measured.size) control.store.setState({ sizes: new Map([...flow.sizes, ...measured]) });
    if (nodes !== flow.nodes) control.drag.move(nodes);
    if (places.size && draws) control.drag.move(moved(control.store.getState(), settled(places)).nodes);
    if (selects) control.select(chosen, control.store.getState().selection.edges);
  };

  /** The wire under the middle of a node that has none of its own yet. */
  const wireFor = (node: DrawnNode) => {
    const { edges } = control.store.getState();
    const wired = edges.some((edge) => edge.source === node.id || edge.target === node.id);
    return node.type === "card" && !wired && !drag.current?.copies ? wireUnder(middleOf(node.id)) : null;
  };
  const during = (dragged: readonly DrawnNode[]) => {
    const held = drag.current;
    const [node] = dragged;
    if (!held || !node || dragged.length !== 1 || Date.now() - held.at < 60) return;
    held.at = Date.now();
    const next = wireFor(node);
    if (next !== over) setOver(next);
  };

  const stop = (dragged: readonly DrawnNode[]) => {
    const held = drag.current;
    drag.current = null;
    setGuides([]);
    setOver(null);
    if (!held) return;
    const flow = control.store.getState();
    const steps = flow.nodes.filter(({ id }) => held.ids.has(id));
    if (held.copies) {
      const all = new Set([...held.ids, ...held.carried.keys()]);
      const part = {
        nodes: flow.nodes.filter(({ id }) => all.has(id)),
        edges: flow.edges.filter(({ source, target }) => all.has(source) && all.has(target)),
      };
      control.drag.cancel();
      const result = pasted(control.store.getState(), part, 0);
      control.edit(t("Duplicate {named}", { named: named(steps) }), () => result.drawing);
      return control.select(result.ids);
    }
    const [node] = dragged;
    const wire = node && dragged.length === 1 ? wireFor(node) : null;
    const edge = wire === null ? undefined : flow.edges.find(({ id }) => id === wire);
    if (!edge || !node) return control.drag.stop(t("Move {named}", { named: named(steps) }));
    control.drag.stop(t("Insert {named}", { named: named(steps) }), (now) =>
      between(now, kinds, edge.id, node.id),
    );
  };
  return { change, start, during, stop, guides, over, setOver };
}

function middleOf(id: string): Point {
  const box = document
    .querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`)
    ?.getBoundingClientRect();
  return box ? { x: box.x + box.width / 2, y: box.y + box.height / 2 } : { x: -1, y: -1 };
}

/** The wire at a place of the screen, under whatever else is there. */
export function wireUnder({ x, y }: Point): string | null {
  for (const element of document.elementsFromPoint(x, y)) {
    const edge = element.closest<SVGElement>(".react-flow__edge");
    if (edge?.dataset.id) return edge.dataset.id;
  }
  return null;
}
