import { type Segment, ticks } from "./segments";

export type Stretch = { from: number; to: number };

/** Times on a line. Folded stretches keep a mark's width, whatever they last; the rest shares what is left by its length. */
export type Scale = {
  from: number;
  to: number;
  folded: readonly Stretch[];
  /** Where a time stands, in percent; below 0 and above 100 outside. */
  place: (at: number) => number;
  /** The time at a share of the line, 0 to 1. */
  at: (share: number) => number;
  /** Round places, about five, counted from `zero`: 0 for the clock, the start for what has elapsed. */
  ticks: (zero: number) => number[];
};

const BUSY = new Set<Segment["phase"]>(["running", "queued"]);
const SHARE = 0.1;
const LEAST = 1000; // below a second nothing is gained
const MARK = 0.16;
const MARKS = 0.48; // of the line, for all of them together

/** The stretches of the time shown in which nothing ran and no platform had anything queued, if longer than a tenth of it. */
export function idleOf(segments: readonly Segment[], from: number, to: number): Stretch[] {
  const least = Math.max(LEAST, (to - from) * SHARE);
  const busy = segments
    .filter((each) => BUSY.has(each.phase) && each.to >= from && each.from <= to)
    .sort((a, b) => a.from - b.from);
  const found: Stretch[] = [];
  let end = from;
  for (const each of [...busy, { from: to, to }]) {
    if (each.from - end > least) found.push({ from: end, to: each.from });
    end = Math.max(end, each.to);
  }
  // Where nothing runs at all, there is nothing to make room for.
  return found.some((each) => each.from === from && each.to === to) ? [] : found;
}

/** `folded`: in order, apart from each other, within `from` and `to`. */
export function scaleOf(from: number, to: number, folded: readonly Stretch[] = []): Scale {
  const mark = folded.length ? Math.min(MARK, MARKS / folded.length) * 100 : 0;
  const open = to - from - folded.reduce((sum, each) => sum + each.to - each.from, 0);
  const perMs = (100 - mark * folded.length) / Math.max(open, 1);
  const pieces: (Stretch & { left: number; width: number; folded: boolean })[] = [];
  let at = from;
  let left = 0;
  const add = (end: number, width: number, isFolded: boolean) => {
    pieces.push({ from: at, to: end, left, width, folded: isFolded });
    at = end;
    left += width;
  };
  for (const each of folded) {
    if (each.from > at) add(each.from, (each.from - at) * perMs, false);
    add(each.to, mark, true);
  }
  if (to > at || !pieces.length) add(to, 100 - left, false);
  return {
    from,
    to,
    folded,
    place: (time) => {
      if (time < from) return (time - from) * perMs;
      const piece = pieces.find((each) => time <= each.to);
      if (!piece) return 100 + (time - to) * perMs;
      return piece.left + ((time - piece.from) / Math.max(piece.to - piece.from, 1)) * piece.width;
    },
    at: (share) => {
      const percent = Math.min(1, Math.max(0, share)) * 100;
      const piece = pieces.find((each) => percent <= each.left + each.width) ?? pieces.at(-1);
      if (!piece) return to;
      const within = piece.width === 0 ? 0 : Math.min(1, (percent - piece.left) / piece.width);
      return piece.from + within * (piece.to - piece.from);
    },
    ticks: (zero) =>
      pieces.filter((each) => !each.folded).flatMap((each) => ticks(each.from, each.to, zero, open)),
  };
}
