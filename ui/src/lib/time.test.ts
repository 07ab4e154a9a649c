import { expect, test } from "vitest";
import { duration, relative } from "./time";

test("durations are read at a glance", () => {
  const shown = [850, 1_200, 12_000, 59_600, 200_000, 7_500_000, 273_600_000].map(duration);
  expect(shown).toEqual(["850 ms", "1.2 s", "12 s", "1 m", "3 m 20 s", "2 h 05 m", "3 d 4 h"]);
});

test("times are told from now", () => {
  const now = Date.parse("2026-01-10T12:00:00Z");
  const ago = (seconds: number) => relative(now - seconds * 1000, now);
  expect([3, 40, 300, 7200, 259_200].map(ago)).toEqual([
    "just now",
    "40 s ago",
    "5 min ago",
    "2 h ago",
    "3 days ago",
  ]);
  expect(relative(now + 7_200_000, now)).toBe("in 2 h");
});
