import { expect, test } from "vitest";
import type { NodeRun, RunDetail } from "@/api/types";
import { firstDivergence, pairs } from "./compare-model";

function node(id: string, second: number, more: Partial<NodeRun> = {}): NodeRun {
  const at = (of: number) => new Date(of * 1000).toISOString();
  const times = { startedAt: at(second), finishedAt: at(second + 1) };
  const base = { type: "DataMapper", label: id, status: "COMPLETED", attempt: 1, port: "out" } as const;
  const empty = { input: null, output: null, error: null, remote: null, reused: false, attempts: [] };
  return { id, ...base, ...times, ...empty, ...more };
}

const run = (...nodes: NodeRun[]) => ({ nodes }) as unknown as RunDetail;

test("steps are paired by id, and those of one run alone stand too", () => {
  const found = pairs(run(node("a", 1), node("new", 2)), run(node("a", 1), node("old", 2)));
  expect(found.map(({ id, mine, theirs }) => [id, mine !== null, theirs !== null])).toEqual([
    ["a", true, true],
    ["new", true, false],
    ["old", false, true],
  ]);
});

test("runs part at the step that began first among those that differ, not at the first drawn", () => {
  const late = node("late", 9, { output: 1 });
  const early = node("early", 3, { status: "FAILED" });
  const found = pairs(run(late, early), run(node("late", 9, { output: 2 }), node("early", 3)));
  expect(firstDivergence(found)?.id).toBe("early");
  expect(found[0]).toMatchObject({ sameStatus: true, sameOutput: false, delta: 0 });
  expect(firstDivergence(pairs(run(late), run(late)))).toBeNull();
});
