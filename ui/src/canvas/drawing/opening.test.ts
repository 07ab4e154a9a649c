import { expect, test } from "vitest";
import { startOf } from "./opening";

const card = (x: number, y = 0) => ({ x, y, width: 232, height: 72 });
const pane = { width: 1300, height: 700 };

test("a drawing that can be read as a whole is shown as a whole", () => {
  expect(startOf([], pane)).toBeNull();
  expect(startOf([card(0)], pane)).toBeNull();
  expect(
    startOf(
      [0, 312, 624, 936, 1248].map((x) => card(x)),
      pane,
    ),
  ).toBeNull();
});

test("a wider one begins at its left end, in the middle of the height", () => {
  const chain = Array.from({ length: 12 }, (_, at) => card(200 + at * 312, 100));
  const start = startOf(chain, pane);
  expect(start?.zoom).toBe(0.75);
  expect(200 * 0.75 + (start?.x ?? 0)).toBe(32);
  expect(136 * 0.75 + (start?.y ?? 0)).toBe(40 + (700 - 40 - 72) / 2);
});

test("of a tall one its first nodes are in view", () => {
  const tall = [card(0, 3000), ...Array.from({ length: 40 }, (_, at) => card(400, at * 150))];
  const start = startOf(tall, pane);
  const first = 3036 * 0.75 + (start?.y ?? 0);
  expect(first).toBeGreaterThan(40);
  expect(first).toBeLessThan(700 - 72);
  const down = startOf([card(0), ...tall.slice(1)], pane);
  expect(down?.y).toBe(40);
});
