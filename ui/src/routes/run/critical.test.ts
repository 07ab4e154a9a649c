import { expect, test } from "vitest";
import type { NodeRun } from "@/api/types";
import { criticalPath } from "./critical";

function node(id: string, from: number | null, to: number | null, port: string | null = "out"): NodeRun {
  const at = (second: number | null) => (second === null ? null : new Date(second * 1000).toISOString());
  return {
    id,
    type: "RemoteWebhook",
    label: id,
    status: "COMPLETED",
    attempt: 1,
    startedAt: at(from),
    finishedAt: at(to),
    input: null,
    output: null,
    error: null,
    port,
    remote: null,
    reused: false,
    attempts: [],
  };
}

const wire = (source: string, target: string, sourceHandle: string | null = null) => ({
  source,
  target,
  sourceHandle,
});

test("where branches meet, the slower one decided", () => {
  const nodes = [node("a", 0, 1), node("quick", 1, 2), node("slow", 1, 9), node("join", 9, 10)];
  const wires = [wire("a", "quick"), wire("a", "slow"), wire("quick", "join"), wire("slow", "join", "out")];
  expect(criticalPath(nodes, wires)).toEqual(["a", "slow", "join"]);
});

test("a branch that ended after the join began did not hold it up", () => {
  const nodes = [node("first", 0, 2), node("late", 0, 5), node("join", 2, 9)];
  expect(criticalPath(nodes, [wire("first", "join"), wire("late", "join")])).toEqual(["first", "join"]);
});

test("only the way that was taken counts", () => {
  const nodes = [node("if", 0, 3, "false"), node("other", 0, 1), node("end", 3, 4)];
  const wires = [wire("if", "end", "true"), wire("other", "end")];
  expect(criticalPath(nodes, wires)).toEqual(["other", "end"]);
});

test("what was kept from the run before, and what did not run, is not on it", () => {
  const nodes = [node("kept", null, null), node("skipped", null, 3, null), node("a", 1, 4)];
  expect(criticalPath(nodes, [wire("kept", "a"), wire("skipped", "a")])).toEqual(["a"]);
  expect(criticalPath([node("kept", null, null)], [])).toEqual([]);
});

test("while it runs, it ends where something goes on; a cycle is no trap", () => {
  const nodes = [node("a", 0, 1), node("b", 1, null), node("c", 1, 8)];
  expect(criticalPath(nodes, [wire("a", "b"), wire("a", "c")])).toEqual(["a", "b"]);
  const round = [node("a", 1, 1), node("b", 1, 1)];
  expect(criticalPath(round, [wire("a", "b"), wire("b", "a")])).toHaveLength(2);
});

test("of a run that was over at once, all of the way is on it", () => {
  const nodes = [node("a", 1, 1), node("b", 1, 1), node("c", 1, 1)];
  expect(criticalPath(nodes, [wire("a", "b"), wire("b", "c")])).toEqual(["a", "b", "c"]);
});
