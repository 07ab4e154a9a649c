import { expect, test } from "vitest";
import { jsonDiff, same } from "./json-diff";

test("every place that differs is named by its path", () => {
  const before = { order: "A-1", lines: [{ price: 120 }, { price: 5 }], "two words": 1, gone: true };
  const after = { order: "A-1", lines: [{ price: 100 }], "two words": null, more: { a: 1 } };
  expect(jsonDiff(before, after)).toEqual([
    { path: "lines[0].price", kind: "changed", before: 120, after: 100 },
    { path: "lines[1]", kind: "removed", before: { price: 5 }, after: undefined },
    { path: '["two words"]', kind: "changed", before: 1, after: null },
    { path: "gone", kind: "removed", before: true, after: undefined },
    { path: "more", kind: "added", before: undefined, after: { a: 1 } },
  ]);
});

test("values of another kind differ as a whole", () => {
  expect(jsonDiff([1], { 0: 1 })).toEqual([{ path: "", kind: "changed", before: [1], after: { 0: 1 } }]);
  expect(jsonDiff(null, {})).toHaveLength(1);
});

test("equal values have no differences, whatever the order of their keys", () => {
  expect(jsonDiff({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toEqual([]);
  expect(same(undefined, null)).toBe(true);
});

test("a key with the name of a method is a key", () => {
  expect(jsonDiff({}, { toString: 1 })).toEqual([
    { path: "toString", kind: "added", before: undefined, after: 1 },
  ]);
});

test("differences beyond count are cut", () => {
  const list = (value: number) => Array.from({ length: 2000 }, () => value);
  expect(jsonDiff(list(1), list(2))).toHaveLength(500);
});
