import type { Kind } from "@/api/types";
import { type Drawing, decoration, fresh, type Step, type Wire } from "./model";

export type Point = { x: number; y: number };

/** Cards snap to this grid, in pixels of the drawing. */
export const GRID = 8;
export const CARD = { width: 232, height: 72 };
const COLUMN = 312;
const ROW = 128;

export function snapped({ x, y }: Point): Point {
  return { x: Math.round(x / GRID) * GRID, y: Math.round(y / GRID) * GRID };
}

/** A new node of that kind, with an id that reads well in templates. */
export function made(kind: Kind, drawing: Drawing, at: Point): Step {
  const taken = new Set(drawing.nodes.map((node) => node.id));
  const stem = kind.type.charAt(0).toLowerCase() + kind.type.slice(1);
  let id = stem;
  for (let number = 2; taken.has(id); number++) id = `${stem}${number}`;
  return {
    id,
    type: kind.type,
    position: free(drawing, snapped(at)),
    data: { label: kind.title, config: {}, disabled: false },
  };
}

/** Where the node after `step` goes: one column to the right. */
export function after(step: Step): Point {
  return { x: step.position.x + COLUMN, y: step.position.y };
}

/** The place itself, or the next one below that no card covers. */
function free(drawing: Drawing, { x, y }: Point): Point {
  const covered = (at: number) =>
    drawing.nodes.some(
      (node) =>
        !decoration(node) &&
        Math.abs(node.position.x - x) < CARD.width &&
        Math.abs(node.position.y - at) < CARD.height + GRID,
    );
  let place = y;
  while (covered(place)) place += ROW;
  return { x, y: place };
}

/** Without these nodes and wires, and without the wires of those nodes. */
export function without(drawing: Drawing, nodes: ReadonlySet<string>, edges: ReadonlySet<string>): Drawing {
  return {
    nodes: drawing.nodes.filter((node) => !nodes.has(node.id)),
    edges: drawing.edges.filter(
      (edge) => !edges.has(edge.id) && !nodes.has(edge.source) && !nodes.has(edge.target),
    ),
  };
}

/** These nodes and the wires among them as JSON text: a definition of its own, without what looks like a secret. */
export function copied(drawing: Drawing, ids: ReadonlySet<string>): string {
  const nodes = drawing.nodes
    .filter((node) => ids.has(node.id))
    .map((node) => ({ ...node, data: bare(node.data) }));
  const edges = drawing.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target));
  return JSON.stringify({ version: 1, nodes, edges }, null, 2);
}

const SECRET =
  /authorization|password|passwd|secret|token|api[-_]?key|access[-_]?key|cookie|signature|credential/i;

/** The value with every text under a name that means a secret left empty, unless it is a template. */
function bare(value: unknown, name = ""): unknown {
  if (typeof value === "string") return SECRET.test(name) && !value.includes("{{") ? "" : value;
  if (Array.isArray(value)) return value.map((item) => bare(item, name));
  if (record(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bare(item, key)]));
  return value;
}

/** Nodes and wires from JSON text: ours, a file of React Flow, or an exported orchestrator. Null: it is something else. */
export function parsed(text: string): Drawing | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const held = record(value) && record(value.definition) ? value.definition : value;
  if (!record(held) || !Array.isArray(held.nodes)) return null;
  const nodes: Step[] = [];
  for (const node of held.nodes) {
    if (!record(node) || typeof node.id !== "string" || typeof node.type !== "string") return null;
    const position = record(node.position) ? node.position : {};
    nodes.push({
      ...node,
      id: node.id,
      type: node.type,
      position: { ...position, x: number(position.x), y: number(position.y) },
      data: record(node.data) ? { ...node.data } : {},
    });
  }
  const edges: Wire[] = [];
  for (const edge of Array.isArray(held.edges) ? held.edges : []) {
    if (!record(edge) || typeof edge.source !== "string" || typeof edge.target !== "string") return null;
    edges.push({
      ...edge,
      id: typeof edge.id === "string" ? edge.id : "",
      source: edge.source,
      target: edge.target,
      sourceHandle: typeof edge.sourceHandle === "string" ? edge.sourceHandle : null,
    });
  }
  return { nodes, edges };
}

/** The drawing with the pasted part under ids of its own, a little aside. What the part's templates say of `nodes.<id>` follows. */
export function pasted(
  drawing: Drawing,
  part: Drawing,
  aside = 5 * GRID,
): { drawing: Drawing; ids: Set<string> } {
  const taken = new Set(drawing.nodes.map((node) => node.id));
  const names = new Map<string, string>();
  for (const node of part.nodes) {
    const id = fresh(node.id, taken);
    taken.add(id);
    names.set(node.id, id);
  }
  const renamed = [...names].filter(([before, now]) => before !== now);
  const nodes = part.nodes.map((node) => ({
    ...node,
    id: names.get(node.id) ?? node.id,
    position: { ...node.position, x: node.position.x + aside, y: node.position.y + aside },
    data: renamed.reduce((data, [before, now]) => pointed(data, before, now) as Step["data"], node.data),
  }));
  const wires = new Set(drawing.edges.map((edge) => edge.id));
  const edges = part.edges.flatMap((edge) => {
    const source = names.get(edge.source);
    const target = names.get(edge.target);
    if (source === undefined || target === undefined) return [];
    const id = fresh(`${source}:${edge.sourceHandle || "out"}-${target}`, wires);
    wires.add(id);
    return [{ ...edge, id, source, target }];
  });
  return {
    drawing: { nodes: [...drawing.nodes, ...nodes], edges: [...drawing.edges, ...edges] },
    ids: new Set(names.values()),
  };
}

/** The value with `nodes.before` and `callbacks.before` in its texts pointing to `now`. */
function pointed(value: unknown, before: string, now: string): unknown {
  if (typeof value === "string") {
    const name = before.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return value
      .replace(new RegExp(`\\b(nodes|callbacks)\\.${name}(?!\\w)`, "g"), (_, root) => `${root}.${now}`)
      .replace(
        new RegExp(`\\b(nodes|callbacks)\\[(["'])${name}\\2\\]`, "g"),
        (_, root, quote) => `${root}[${quote}${now}${quote}]`,
      );
  }
  if (Array.isArray(value)) return value.map((item) => pointed(item, before, now));
  if (record(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pointed(item, before, now)]));
  return value;
}

export function moved(drawing: Drawing, places: ReadonlyMap<string, Point>): Drawing {
  const nodes = drawing.nodes.map((node) => {
    const to = places.get(node.id);
    if (!to || (to.x === node.position.x && to.y === node.position.y)) return node;
    return { ...node, position: { ...node.position, x: to.x, y: to.y } };
  });
  return { ...drawing, nodes };
}

export type Direction = "left" | "right" | "up" | "down";

/** The node that an arrow key leads to: along the wires to the sides, else the nearest card in that direction. */
export function neighbour(drawing: Drawing, from: string, direction: Direction): string | null {
  const start = drawing.nodes.find((node) => node.id === from);
  if (!start) return (drawing.nodes.find((node) => !decoration(node)) ?? drawing.nodes[0])?.id ?? null;
  const wired =
    direction === "right"
      ? drawing.edges.find((edge) => edge.source === from)?.target
      : direction === "left"
        ? drawing.edges.find((edge) => edge.target === from)?.source
        : undefined;
  if (wired !== undefined) return wired;
  const upright = direction === "up" || direction === "down";
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  let best: { id: string; cost: number } | null = null;
  for (const node of drawing.nodes) {
    if (decoration(node) && !decoration(start)) continue;
    const dx = node.position.x - start.position.x;
    const dy = node.position.y - start.position.y;
    const ahead = sign * (upright ? dy : dx);
    if (node === start || ahead <= 0) continue;
    const cost = ahead + 2 * Math.abs(upright ? dx : dy);
    if (best === null || cost < best.cost) best = { id: node.id, cost };
  }
  return best?.id ?? null;
}

function record(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
