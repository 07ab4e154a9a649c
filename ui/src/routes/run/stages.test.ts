import { expect, test } from "vitest";
import type { LogLine, NodeRun } from "@/api/types";
import { stagesOf } from "./stages";

const NODE = { id: "a" } as NodeRun;

function told(...kinds: [kind: string, second: number, attempt?: number][]): LogLine[] {
  return kinds.map(([kind, second, attempt], index) => ({
    seq: index + 1,
    at: new Date(second * 1000).toISOString(),
    kind,
    level: "info",
    nodeId: "a",
    source: "baton",
    message: "",
    data: attempt === undefined ? null : { attempt },
  }));
}

test("a retried step has each try, the wait between them, and its end", () => {
  const stages = stagesOf(
    NODE,
    told(
      ["node.started", 0, 1],
      ["log", 1],
      ["node.retrying", 2, 1],
      ["node.started", 5, 2],
      ["node.waiting", 6],
      ["node.completed", 9],
    ),
  );
  expect(
    stages.map(({ state, attempt, at, to }) => [state, attempt, at / 1000, to === null ? null : to / 1000]),
  ).toEqual([
    ["RUNNING", 1, 0, 2],
    ["RETRYING", 1, 2, 5],
    ["RUNNING", 2, 5, 6],
    ["WAITING", 2, 6, 9],
    ["COMPLETED", 2, 9, 9],
  ]);
});

test("what goes on has no end, and lines of other steps say nothing", () => {
  const lines = told(["node.started", 0, 1], ["node.running", 1], ["node.completed", 2]).map((line, index) =>
    index === 2 ? { ...line, nodeId: "b" } : line,
  );
  expect(stagesOf(NODE, lines)).toEqual([{ state: "RUNNING", at: 0, to: null, attempt: 1 }]);
});
