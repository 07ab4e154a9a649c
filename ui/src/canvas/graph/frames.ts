import { t } from "@/lib/text";
import { CARD, GRID, type Point, snapped } from "./edit";
import { type Drawing, decoration, fresh, type Step } from "./model";

export type Box = Point & { width: number; height: number };

/** The colours of a note; tokens `--note-…`. */
export const NOTE_COLOURS = ["sand", "sky", "mint", "rose"] as const;
export type NoteColour = (typeof NOTE_COLOURS)[number];

export const NOTE = { width: 240, height: 144, minWidth: 128, minHeight: 72 };
export const GROUP = { width: 480, height: 240, minWidth: 160, minHeight: 96 };
/** Room of a group around its nodes; above them stands its title. */
const PADDING = 3 * GRID;
const TITLE = 5 * GRID;

export function isGroup(step: Step): boolean {
  return step.type === "Group";
}

/** What a node covers: notes and groups are as large as they were drawn, cards as they were measured. */
export function boxOf(step: Step, measured?: { width: number; height: number }): Box {
  const { x, y } = step.position;
  if (!decoration(step)) return { x, y, ...(measured ?? CARD) };
  const usual = isGroup(step) ? GROUP : NOTE;
  return { x, y, width: size(step.width, usual.width), height: size(step.height, usual.height) };
}

/** The nodes that stand in a group: those whose middle is inside of its frame. Groups in it belong to it as a whole. */
export function members(drawing: Drawing, group: Step): Set<string> {
  const frame = boxOf(group);
  const inside = drawing.nodes.filter((node) => {
    if (node === group) return false;
    const box = boxOf(node);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    if (isGroup(node) && box.width * box.height >= frame.width * frame.height) return false;
    return x > frame.x && x < frame.x + frame.width && y > frame.y && y < frame.y + frame.height;
  });
  return new Set(inside.map(({ id }) => id));
}

/** These nodes and whatever stands in the groups among them. */
export function withMembers(drawing: Drawing, ids: Iterable<string>): Set<string> {
  const all = new Set(ids);
  for (const node of drawing.nodes) {
    if (isGroup(node) && all.has(node.id)) for (const id of members(drawing, node)) all.add(id);
  }
  return all;
}

/** A note at that place, or below whatever stands there. */
export function noted(drawing: Drawing, at: Point): Step {
  return {
    id: free("note", drawing),
    type: "Note",
    position: clear(drawing, { ...snapped(at), width: NOTE.width, height: NOTE.height }),
    width: NOTE.width,
    height: NOTE.height,
    data: { label: t("Note"), text: "", color: "sand" },
  };
}

/** A group around these nodes, or an empty one at `at` where there are none. It stands behind them. */
export function grouped(drawing: Drawing, ids: ReadonlySet<string>, at: Point): Step {
  const boxes = drawing.nodes.filter((node) => ids.has(node.id)).map((node) => boxOf(node));
  const frame = boxes.length ? around(boxes) : null;
  const corner = frame ? { x: frame.x - PADDING, y: frame.y - PADDING - TITLE } : snapped(at);
  return {
    id: free("group", drawing),
    type: "Group",
    position: corner,
    width: frame ? frame.width + 2 * PADDING : GROUP.width,
    height: frame ? frame.height + 2 * PADDING + TITLE : GROUP.height,
    data: { label: t("Group") },
  };
}

/** The smallest box over all of these. */
export function around(boxes: readonly Box[]): Box {
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  return {
    x,
    y,
    width: Math.max(...boxes.map((box) => box.x + box.width)) - x,
    height: Math.max(...boxes.map((box) => box.y + box.height)) - y,
  };
}

/** The drawing with a note or group of another size and place. */
export function resized(drawing: Drawing, id: string, box: Box): Drawing {
  const nodes = drawing.nodes.map((node) =>
    node.id === id
      ? {
          ...node,
          position: { ...node.position, x: box.x, y: box.y },
          width: box.width,
          height: box.height,
        }
      : node,
  );
  return { ...drawing, nodes };
}

/** That place, or one below whatever stands there. */
export function clear(drawing: Drawing, box: Box): Point {
  const boxes = drawing.nodes.filter((node) => !isGroup(node)).map((node) => boxOf(node));
  const hit = (y: number) =>
    boxes.find(
      (other) =>
        other.x < box.x + box.width &&
        box.x < other.x + other.width &&
        other.y < y + box.height &&
        y < other.y + other.height,
    );
  let { y } = box;
  for (let other = hit(y); other; other = hit(y)) y = other.y + other.height + 2 * GRID;
  return { x: box.x, y };
}

function free(stem: string, drawing: Drawing): string {
  return fresh(stem, new Set(drawing.nodes.map((node) => node.id)));
}

function size(value: unknown, usual: number): number {
  return typeof value === "number" && value > 0 ? value : usual;
}
