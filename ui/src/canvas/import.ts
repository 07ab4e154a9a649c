import type { Kind, RemoteNode } from "@/api/types";
import { type Drawing, GRID, made, type Point, type Step } from "./graph";

const APART = 16 * GRID;

/** These remote workflows as steps for `drawing`: in a column that begins at `at`. */
export function imported(drawing: Drawing, nodes: readonly RemoteNode[], at: Point): Step[] {
  const steps: Step[] = [];
  for (const { type, data } of nodes) {
    const kind = { type, title: data.label } as Kind;
    const held = { nodes: [...drawing.nodes, ...steps], edges: drawing.edges };
    const place = { x: at.x, y: at.y + steps.length * APART };
    const step = made(kind, held, place);
    steps.push({ ...step, data: { ...step.data, ...data } });
  }
  return steps;
}

/** Right of everything that is drawn, at the height of the first. */
export function beside(drawing: Drawing): Point {
  if (drawing.nodes.length === 0) return { x: 0, y: 0 };
  const x = Math.max(...drawing.nodes.map((node) => node.position.x));
  return { x: x + 312, y: Math.min(...drawing.nodes.map((node) => node.position.y)) };
}
