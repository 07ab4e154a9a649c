import { expect, test } from "vitest";
import { idleOf, scaleOf } from "./scale";
import type { Segment } from "./segments";

function segment(from: number, to: number, phase: Segment["phase"] = "running"): Segment {
  return { from: from * 1000, to: to * 1000, phase, attempt: 1, failed: false };
}

test("idle is what is longer than a tenth and has nothing running or queued", () => {
  const segments = [segment(0, 10), segment(10, 80, "waiting"), segment(80, 90), segment(95, 100)];
  expect(idleOf(segments, 0, 100_000)).toEqual([{ from: 10_000, to: 80_000 }]);
  const beside = [...segments, segment(30, 50, "queued")];
  expect(idleOf(beside, 0, 100_000)).toEqual([
    { from: 10_000, to: 30_000 },
    { from: 50_000, to: 80_000 },
  ]);
});

test("steps that overlap leave no gap, in whatever order they are told", () => {
  expect(idleOf([segment(40, 100), segment(0, 60)], 0, 100_000)).toEqual([]);
  expect(idleOf([segment(0, 100), segment(10, 20)], 0, 100_000)).toEqual([]);
});

test("a wait to the end is idle; a run that only waits is shown as it is; less than a second is not folded", () => {
  expect(idleOf([segment(0, 10), segment(10, 100, "waiting")], 0, 100_000)).toEqual([
    { from: 10_000, to: 100_000 },
  ]);
  expect(idleOf([segment(0, 100, "waiting")], 0, 100_000)).toEqual([]);
  expect(idleOf([segment(0, 0.1), segment(0.9, 1)], 0, 1000)).toEqual([]);
});

test("of a stretch looked at closer, only what lies in it counts", () => {
  const segments = [segment(0, 10), segment(80, 100)];
  expect(idleOf(segments, 5000, 40_000)).toEqual([{ from: 10_000, to: 40_000 }]);
  expect(idleOf(segments, 20_000, 40_000)).toEqual([]);
});

test("without folds the line is even", () => {
  const scale = scaleOf(1000, 3000);
  expect([500, 1000, 2000, 3000, 4000].map(scale.place)).toEqual([-25, 0, 50, 100, 150]);
  expect([0, 0.5, 1, 2].map(scale.at)).toEqual([1000, 2000, 3000, 3000]);
});

test("a fold has the width of a mark, what stands before and after it shares the rest", () => {
  const scale = scaleOf(0, 100_000, [{ from: 10_000, to: 80_000 }]);
  expect(scale.place(0)).toBe(0);
  expect(scale.place(10_000)).toBeCloseTo(28);
  expect(scale.place(45_000)).toBeCloseTo(36);
  expect(scale.place(80_000)).toBeCloseTo(44);
  expect(scale.place(100_000)).toBeCloseTo(100);
  for (const at of [0, 4000, 10_000, 45_000, 80_000, 93_000, 100_000])
    expect(scale.at(scale.place(at) / 100)).toBeCloseTo(at);
});

test("many folds leave at least half of the line to what ran", () => {
  const folded = Array.from({ length: 8 }, (_, n) => ({ from: n * 10_000 + 1000, to: n * 10_000 + 9000 }));
  const scale = scaleOf(0, 80_000, folded);
  const width = folded.reduce((sum, { from, to }) => sum + scale.place(to) - scale.place(from), 0);
  expect(width).toBeCloseTo(48);
});

test("folds at both ends, and no tick inside a fold", () => {
  const scale = scaleOf(0, 100_000, [
    { from: 0, to: 30_000 },
    { from: 60_000, to: 100_000 },
  ]);
  expect(scale.place(30_000)).toBeCloseTo(16);
  expect(scale.place(60_000)).toBeCloseTo(84);
  const ticks = scale.ticks(0);
  expect(ticks).toEqual([40_000, 50_000]);
});
