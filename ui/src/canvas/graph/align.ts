import type { Box } from "./frames";

/** A line along which boxes meet: `x` upright, `y` level; from where to where. */
export type Guide = { axis: "x" | "y"; at: number; from: number; to: number };
export type Alignment = { dx: number; dy: number; guides: readonly Guide[] };

const NEAR = 4;

/** How far a moving box must be shifted so that an edge or its middle is in line with one of the others, if one is near. */
export function aligned(moving: Box, others: readonly Box[], near = NEAR): Alignment {
  const x = nearest(lines(moving, "x"), others, "x", near);
  const y = nearest(lines(moving, "y"), others, "y", near);
  const shifted = { ...moving, x: moving.x + (x?.by ?? 0), y: moving.y + (y?.by ?? 0) };
  const guides: Guide[] = [];
  if (x) guides.push(guide("x", x, shifted));
  if (y) guides.push(guide("y", y, shifted));
  return { dx: x?.by ?? 0, dy: y?.by ?? 0, guides };
}

type Hit = { by: number; at: number; other: Box };

function nearest(mine: readonly number[], others: readonly Box[], axis: "x" | "y", near: number): Hit | null {
  let best: Hit | null = null;
  for (const other of others) {
    for (const at of lines(other, axis)) {
      for (const line of mine) {
        const by = at - line;
        if (Math.abs(by) <= near && (best === null || Math.abs(by) < Math.abs(best.by)))
          best = { by, at, other };
      }
    }
  }
  return best;
}

function lines(box: Box, axis: "x" | "y"): number[] {
  return axis === "x"
    ? [box.x, box.x + box.width / 2, box.x + box.width]
    : [box.y, box.y + box.height / 2, box.y + box.height];
}

function guide(axis: "x" | "y", { at, other }: Hit, box: Box): Guide {
  return axis === "x"
    ? {
        axis,
        at,
        from: Math.min(box.y, other.y),
        to: Math.max(box.y + box.height, other.y + other.height),
      }
    : {
        axis,
        at,
        from: Math.min(box.x, other.x),
        to: Math.max(box.x + box.width, other.x + other.width),
      };
}
