import { connected, reaches, refusal } from "./connect";
import { CARD, GRID, moved, without } from "./edit";
import { type Drawing, type Kinds, portOf, portsOf, type Step } from "./model";

const GAP = 80;

/** The drawing with a node that it holds put on a wire: what led on leads to it, and from its first outlet on. */
export function inserted<D extends Drawing>(drawing: D, kinds: Kinds, edgeId: string, id: string): D {
  const edge = drawing.edges.find((each) => each.id === edgeId);
  const step = drawing.nodes.find((node) => node.id === id);
  if (!edge || !step || edge.source === id || edge.target === id) return drawing;
  let next: D = { ...drawing, edges: drawing.edges.filter((each) => each !== edge) };
  const port = portsOf(step, kinds)[0] ?? "out";
  for (const ends of [
    { source: edge.source, target: id, sourceHandle: portOf(edge) },
    { source: id, target: edge.target, sourceHandle: port },
  ]) {
    if (refusal(next, kinds, ends) === null) next = connected(next, ends);
  }
  return next;
}

/** The drawing with room between a node and the one behind it: that one and all that follows go to the right, if they must. */
export function widened<D extends Drawing>(drawing: D, id: string, behind: string): D {
  const step = drawing.nodes.find((node) => node.id === id);
  const next = drawing.nodes.find((node) => node.id === behind);
  if (!step || !next) return drawing;
  const level = Math.abs(step.position.y - next.position.y) < CARD.height + GRID;
  const by = step.position.x + CARD.width + GAP - next.position.x;
  if (by <= 0 || by > CARD.width + 4 * GAP || !level) return drawing;
  const nodes = drawing.nodes.map((node) =>
    node !== step && reaches(drawing.edges, behind, node.id)
      ? { ...node, position: { ...node.position, x: node.position.x + by } }
      : node,
  );
  return { ...drawing, nodes };
}

/** `inserted`, with room for the node on both sides. */
export function between<D extends Drawing>(drawing: D, kinds: Kinds, edgeId: string, id: string): D {
  const edge = drawing.edges.find((each) => each.id === edgeId);
  const step = drawing.nodes.find((node) => node.id === id);
  const source = drawing.nodes.find((node) => node.id === edge?.source);
  if (!edge || !step || !source) return drawing;
  const [from, to] = [source.position, step.position];
  const covers = Math.abs(to.x - from.x) < CARD.width + GRID && Math.abs(to.y - from.y) < CARD.height + GRID;
  const placed = covers
    ? moved(drawing, new Map([[id, { x: from.x + CARD.width + GAP, y: to.y }]]))
    : drawing;
  return widened(inserted({ ...drawing, nodes: placed.nodes }, kinds, edgeId, id), id, edge.target);
}

/** Without these nodes, and with what led to them leading to what they led to. */
export function bridged(drawing: Drawing, kinds: Kinds, ids: ReadonlySet<string>): Drawing {
  let next = drawing;
  for (const id of ids) {
    const into = next.edges.filter((edge) => edge.target === id);
    const out = next.edges.filter((edge) => edge.source === id);
    next = without(next, new Set([id]), new Set());
    for (const before of into) {
      for (const after of out) {
        const ends = { source: before.source, target: after.target, sourceHandle: portOf(before) };
        if (refusal(next, kinds, ends) === null) next = connected(next, ends);
      }
    }
  }
  return next;
}

/** The node with one place earlier or later among those that stand beside it in the drawing's order. */
export function reordered<D extends Drawing>(drawing: D, id: string, by: -1 | 1): D {
  const at = drawing.nodes.findIndex((node) => node.id === id);
  const to = at + by;
  const [step, other] = [drawing.nodes[at], drawing.nodes[to]];
  if (!step || !other) return drawing;
  const nodes = [...drawing.nodes];
  nodes[at] = other;
  nodes[to] = step;
  return { ...drawing, nodes };
}

/** The drawing with some of a node's data replaced. */
export function changed<D extends Drawing>(drawing: D, ids: ReadonlySet<string>, data: Step["data"]): D {
  const nodes = drawing.nodes.map((node) =>
    ids.has(node.id) ? { ...node, data: { ...node.data, ...data } } : node,
  );
  return { ...drawing, nodes };
}

/** The nodes that run in an order in which every one stands after those it depends on; for "step 3 of 7". */
export function ordered(nodes: readonly Step[], edges: Drawing["edges"]): string[] {
  const ids = new Set(nodes.map(({ id }) => id));
  const missing = new Map<string, number>();
  const leads = new Map<string, string[]>();
  for (const { source, target } of edges) {
    if (!ids.has(source) || !ids.has(target)) continue;
    missing.set(target, (missing.get(target) ?? 0) + 1);
    leads.set(source, [...(leads.get(source) ?? []), target]);
  }
  const ready = nodes.filter(({ id }) => !missing.has(id)).map(({ id }) => id);
  for (let at = 0; at < ready.length; at++) {
    for (const target of leads.get(ready[at] ?? "") ?? []) {
      const left = (missing.get(target) ?? 0) - 1;
      missing.set(target, left);
      if (left === 0) ready.push(target);
    }
  }
  return ready;
}
